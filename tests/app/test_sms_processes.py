"""Several processes on one file: one simulator, one message, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.app.conftest import StartApp
from tests.app.driver import AppProcess, problem, rows
from tests.app.simulated import Simulator, eventually
from tests.app.sms_driver import SmsApi, fresh_key


def account(app: AppProcess) -> dict[str, str]:
    """Return where the processes of one file find their simulator."""
    path = app.database.with_name("app.db.sms-simulator")
    found: dict[str, str] = {}

    def told() -> bool:
        with suppress(FileNotFoundError, json.JSONDecodeError):  # not yet, or half
            found.update(json.loads(path.read_text(encoding="utf-8")))
        return bool(found)

    eventually(told)
    return found


@pytest.mark.skipif(os.name != "posix", reason="needs flock")
def test_processes_of_one_file_share_a_simulator(start_app: StartApp) -> None:
    """The second finds it; when the first dies, the second starts a new one."""
    first, second = [start_app("--chaos", simulate=True) for _ in range(2)]
    where = account(first)
    with Simulator() as other, first.client() as one, second.client() as two:
        here, there = SmsApi(one, other), SmsApi(two, other)
        sent = [api.send(here.unused()) for api in (here, there)]
        seen = [client.get("/api/chaos/provider").status_code for client in (one, two)]
        file = first.database.with_name("app.db.sms-simulator")
        mode = stat.S_IMODE(file.stat().st_mode)

        first.process.send_signal(signal.SIGKILL)
        first.wait()
        eventually(lambda: account(second) != where)
        eventually(lambda: there.send(there.unused()).status_code == 200)

    assert [each.status_code for each in sent] == [200, 200]
    assert seen == [200, 200]
    assert mode == 0o600


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the child in /proc")
def test_a_simulator_that_dies_is_started_again(start_app: StartApp) -> None:
    """The app goes on, and sends again as soon as it is there."""
    app = start_app("--chaos", simulate=True)
    where = account(app)
    children = Path(f"/proc/{app.pid}/task/{app.pid}/children")
    for child in children.read_text(encoding="ascii").split():
        os.kill(int(child), signal.SIGKILL)

    with Simulator() as other, app.client() as client:
        sms = SmsApi(client, other)
        eventually(lambda: account(app) != where)
        eventually(lambda: sms.send(sms.unused()).status_code == 200)


def test_one_key_pressed_at_two_processes_is_one_message(start_app: StartApp) -> None:
    """At the same time, many times over."""
    with Simulator() as provider:
        apps = [start_app("--chaos", provider=provider) for _ in range(2)]
        with apps[0].client() as one, apps[1].client() as two:
            apis = [SmsApi(one, provider), SmsApi(two, provider)]
            lead, body, key = apis[0].unused(), "Both", fresh_key()
            with ThreadPoolExecutor(8) as pool:
                answers = list(
                    pool.map(lambda n: apis[n % 2].send(lead, body, key), range(8))
                )
            accepted = apis[0].accepted(body)
            histories = [api.history(lead) for api in apis]

    done = [each for each in answers if each.status_code == 200]
    assert len({each.content for each in done}) == 1
    assert {problem(each)[1] for each in answers if each not in done} <= {"in-progress"}
    assert accepted == 1
    assert histories[0] == histories[1]
    assert len(histories[0]) == 1


@pytest.mark.case("OPR-19", part="app, two processes")
def test_a_process_that_dies_with_a_message_on_its_way(start_app: StartApp) -> None:
    """The other one finds the message after the lease and writes its one row."""
    with Simulator() as provider:
        first, second = [
            start_app("--chaos", "--lease", "1", provider=provider) for _ in range(2)
        ]
        with first.client() as one, second.client() as two:
            here, there = SmsApi(one, provider), SmsApi(two, provider)
            lead, body, key = here.unused(), "Dying", fresh_key()
            provider.faults(mode="accept_then_hang", fail_next=1)
            with ThreadPoolExecutor(1) as pool:
                pressed = pool.submit(here.send, lead, body, key)
                eventually(lambda: here.accepted(body) == 1)
                first.process.send_signal(signal.SIGKILL)
                first.wait()
                assert pressed.exception() is not None
            answers = []

            def settled() -> bool:
                answers.append(there.send(lead, body, key))
                return answers[-1].status_code == 200

            eventually(settled)
            accepted, found = there.accepted(body), there.history(lead)

    assert {problem(each)[1] for each in answers[:-1]} <= {"in-progress"}
    assert accepted == len(found) == 1
    assert rows(second.database, "SELECT count(*) FROM audit") == [(1,)]
    assert rows(second.database, "SELECT count(*) FROM sms_sending") == [(0,)]


def test_a_stop_at_one_process_holds_at_the_other(start_app: StartApp) -> None:
    """At once: it is read from the same file."""
    with Simulator() as provider:
        apps = [start_app("--chaos", provider=provider) for _ in range(2)]
        with apps[0].client() as one, apps[1].client() as two:
            here, there = SmsApi(one, provider), SmsApi(two, provider)
            lead = here.unused()
            here.reply(lead, "STOP")
            refused = there.send(lead)

    assert problem(refused) == (409, "opted-out")
