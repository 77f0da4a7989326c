"""The database fails while the app runs: nothing half written, the same key works."""

from __future__ import annotations

import json
import logging
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing

import pytest

from examples.critical_buttons.logs import JsonLines
from tests.app.conftest import StartApp
from tests.app.driver import Api, AppProcess, events_of, halves, problem, rows

IMPATIENT = "sqlite:///app.db?busy_timeout=0.05"


def confirmable(api: Api) -> str:
    """Return the id of a held booking whose hold has not run out."""
    found: str = next(
        b["id"]
        for b in api.bookings()
        if b["status"] == "held" and b["expires_at"] > b["updated_at"]
    )
    return found


def untouched(app: AppProcess, booking: str) -> bool:
    """Tell whether nothing was written for *booking*."""
    written = rows(app.database, "SELECT count(*) FROM audit")
    kept = rows(app.database, "SELECT count(*) FROM syncpatterns_record")
    version = rows(app.database, "SELECT version FROM bookings WHERE id = ?", booking)
    return (written, kept, version) == ([(0,)], [(0,)], [(1,)])


def test_a_locked_database_is_a_503_and_a_retry_succeeds(start_app: StartApp) -> None:
    """The refusal says when to come back; the key stays good."""
    app = start_app(db=IMPATIENT)
    with app.client() as client:
        api = Api(client)
        booking = confirmable(api)
        with closing(sqlite3.connect(app.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = api.confirm(booking, "patience")
            listed = client.get("/api/bookings")
            ready = client.get("/api/health/ready")
            same = client.get("/api/health")
            live = client.get("/api/health/live")
            nothing = untouched(app, booking)
            other.execute("ROLLBACK")

        done = api.confirm(booking, "patience")

        assert problem(refused) == (503, "store-busy")
        assert int(refused.headers["retry-after"]) >= 1
        assert nothing
        assert (listed.status_code, live.status_code) == (200, 200)
        assert (ready.status_code, same.status_code) == (503, 503)
        assert ready.headers["retry-after"] == "5"
        assert ready.json()["database"]["writable"] is False
        assert (done.status_code, done.json()["changed"]) == (200, True)
        assert "idempotent-replayed" not in done.headers
        assert client.get("/api/health/ready").json()["status"] == "ok"


def test_a_full_disk_is_a_503_and_a_retry_succeeds(start_app: StartApp) -> None:
    """Row, audit line, record and event: none is there without the others."""
    resource = pytest.importorskip("resource", reason="needs POSIX limits")
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux can set the limits of another process")
    app = start_app()
    with app.client() as client:
        api = Api(client)
        booking = confirmable(api)
        before = resource.prlimit(app.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(app.pid, resource.RLIMIT_FSIZE, (1024, before[1]))
        refused = api.confirm(booking, "no-room")
        nothing = untouched(app, booking)
        resource.prlimit(app.pid, resource.RLIMIT_FSIZE, before)

        done = api.confirm(booking, "no-room")

        assert problem(refused)[0] == 503
        assert problem(refused)[1] in {"disk-full", "store-unavailable"}
        assert nothing
        assert (done.status_code, done.json()["changed"]) == (200, True)
        assert len(events_of(app.database, booking)) == 1


@pytest.mark.case("OPR-06", part="app killed between clicks")
def test_a_kill_in_the_middle_of_confirms_leaves_whole_commits(
    start_app: StartApp,
) -> None:
    """Every click that is repeated after the kill is one effect in the end."""
    app = start_app()
    with app.client() as client:
        clicks = [
            b["id"]
            for b in Api(client).bookings()
            if b["status"] == "held" and b["expires_at"] > b["updated_at"]
        ]

        with ThreadPoolExecutor(8) as pool:
            pressed = [
                pool.submit(Api(client).confirm, click, f"kill-{click}")
                for click in clicks
            ]
            next(as_completed(pressed))
            app.process.send_signal(signal.SIGKILL)
            app.wait()
    assert len(clicks) > 8

    again = start_app()
    with again.client() as client:
        api = Api(client)
        answers = [api.confirm(click, f"kill-{click}") for click in clicks]

        assert {a.status_code for a in answers} == {200}
        assert all(a.json()["changed"] for a in answers)
        assert [len(api.audit(click)) for click in clicks] == [1] * len(clicks)
        assert [len(events_of(again.database, c)) for c in clicks] == [1] * len(clicks)
        assert halves(again.database) == []


def test_the_log_names_neither_keys_nor_customers(start_app: StartApp) -> None:
    """What went wrong may be told; who and by which key may not."""
    app = start_app(db=IMPATIENT)
    with app.client() as client:
        api = Api(client)
        booking = api.booking(confirmable(api))
        with closing(sqlite3.connect(app.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            api.confirm(booking["id"], "a-very-secret-key")
    app.stop()

    text = "\n".join(app.said)
    assert "a-very-secret-key" not in text
    assert booking["customer"] not in text


def test_a_log_record_is_one_line_of_json() -> None:
    """A line break in a message cannot forge a line; a traceback stays with it."""
    error = ValueError("broken")
    record = logging.getLogger("critical").makeRecord(
        *("critical", logging.ERROR, "", 0, "two\n%s", ("lines",)),
        exc_info=(ValueError, error, None),
    )

    line = JsonLines().format(record)

    members = json.loads(line)
    assert "\n" not in line
    assert (members["level"], members["message"]) == ("error", "two\nlines")
    assert members["traceback"] == "ValueError: broken"
