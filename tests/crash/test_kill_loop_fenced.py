"""A minute of messages, three processes, random kills, a provider that lies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import NotExecuted, OutcomeGone, OutcomeUnknown
from syncpatterns.idempotency import Committed, NotCommitted
from syncpatterns.testing import FakeClock, sqlite_integrity
from tests.crash import sending
from tests.crash.programs.send_herd import AHEAD, LEASE, LEAST
from tests.crash.sending import SCOPE, Provider, Send

#: Seconds of kills, as the case says; a longer run finds rarer things.
SECONDS = float(os.environ.get("SYNCPATTERNS_KILL_SECONDS", "60"))
#: Messages at least; those that a slow machine has not begun are sent in the end.
COUNT = 1000

pytestmark = [
    pytest.mark.skipif(
        not hasattr(os, "fork"), reason="the workers of the herd are forked"
    ),
    pytest.mark.slow,
    pytest.mark.timeout(600 + SECONDS),
]


@pytest.mark.case("OPR-40")
def test_every_message_is_sent_once_or_listed(tmp_path: Path, seed: int) -> None:
    """Rows, messages and events of each key are one, or the key is unresolved.

    In the end all are called once more, and those that nobody knew are asked
    for: the sum is exact.
    """
    print(f"SYNCPATTERNS_SEED={seed}")
    with SqliteEngine(sending.database(tmp_path)) as engine:
        engine.transact(sending.create)
    arguments = [str(tmp_path), str(seed), str(SECONDS)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.programs.send_herd", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 300,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["failures"] == [], done.stderr
    assert report["kills"] >= LEAST

    provider = Provider(tmp_path)
    clock = FakeClock(time.time() + 2 * LEASE, auto_advance=True)
    with SqliteEngine(sending.database(tmp_path), clock=clock) as engine:
        operation = sending.sending(engine, provider)
        listed = {unsettled.key for unsettled in operation.unresolved(10_000)}
        sent = sending.look(engine, provider).rows.total()
        count = max(COUNT, sent + AHEAD + 1)
        names = [f"to{number}" for number in range(count)]
        keys = {
            name: operation.storage_key(f"k{number}", scope=SCOPE)
            for number, name in enumerate(names)
        }
        found = sending.look(engine, provider)
        odd = {
            name: found.of(name)
            for name in names
            if found.of(name) not in ((1, 1, 1, 1), (0, 0, 0, 0))
        }
        print(f"{report['kills']} kills, {len(listed)} unresolved, {len(odd)} odd")

        assert {name: of for name, of in odd.items() if keys[name] not in listed} == {}
        assert all(of == (1, 0, 0, 0) for of in odd.values())
        verdicts = [
            operation.recheck(unsettled, by="test")
            for unsettled in operation.unresolved(10_000)
        ]
        assert all(isinstance(v, (Committed, NotCommitted)) for v in verdicts)
        for number, name in enumerate(names):
            try:
                operation.call(Send(name), key=f"k{number}", scope=SCOPE)
            except (NotExecuted, OutcomeUnknown) as error:
                raise AssertionError(f"{name} is not settled") from error
            except OutcomeGone:  # the kills took longer than answers are replayed
                continue
        found = sending.look(engine, provider)
        assert operation.unresolved() == []

    assert {found.of(name) for name in names} == {(1, 1, 1, 1)}
    assert found.messages.total() == found.rows.total() == count
    assert sqlite_integrity(sending.database(tmp_path)) == "ok"
