"""Workers on one database, killed at random moments and replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from syncpatterns.testing import Ack, EffectsLedger
from tests.crash import bookings
from tests.crash.bookings import DATABASE, SCOPE, Confirm
from tests.crash.judge import complaints, look

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="the workers of the herd are forked"
)


def herd(folder: Path, variant: str, seed: int, seconds: float, kills: int) -> int:
    """Let a herd confirm bookings; return how many of it were killed."""
    print(f"SYNCPATTERNS_SEED={seed}")
    with bookings.engine_for("one-commit", folder) as engine:
        engine.transact(bookings.create)
    arguments = [str(folder), variant, str(seed), str(seconds), str(kills)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.programs.herd", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["failures"] == [], done.stderr
    killed: int = report["kills"]
    return killed


def told_again(folder: Path, keys: list[str]) -> list[Ack]:
    """Retry *keys* from a process that was never killed; nothing may run."""
    with bookings.engine_for("one-commit", folder) as engine:
        operation = bookings.confirmation(engine)
        answers = [
            (key, operation.call(Confirm(key), key=key, scope=SCOPE)) for key in keys
        ]

    assert all(answer.replayed for _, answer in answers)
    return [Ack(key, answer.body, "retry") for key, answer in answers]


@pytest.mark.slow
@pytest.mark.case("OPR-06", part="kill loop")
def test_random_kills_leave_one_of_everything(tmp_path: Path, seed: int) -> None:
    """What was told is stored; effects, audit rows and events are one a key."""
    killed, acks, answered = 0, list[Ack](), set[str]()
    for turn in range(20):  # one does, unless the machine stands still
        killed += herd(tmp_path, "one-commit", seed + turn, seconds=4.5, kills=400)
        acks = EffectsLedger(tmp_path / "ledger").acks()
        answered = {ack.key for ack in acks}
        if killed >= 10 and len(acks) > len(answered) > 20:
            break
    found = look(tmp_path / DATABASE)

    assert complaints(found, acks) == []
    assert complaints(found, acks + told_again(tmp_path, sorted(found.records))) == []
    # Else it has proven nothing: workers died, and they met over the same keys.
    assert killed >= 10
    assert len(acks) > len(answered) > 20


@pytest.mark.case("OPR-06", part="planted")
def test_a_record_committed_after_its_effect_is_caught(
    tmp_path: Path, seed: int
) -> None:
    """Somebody dies between the two, or somebody else comes in between.

    Random kills find a narrow window seldom, so it is made a wide one here;
    killing at named places finds it at any width.
    """
    for turn in range(20):
        herd(tmp_path, "two-commits-far-apart", seed + turn, seconds=1, kills=100)
        wrong = complaints(look(tmp_path / DATABASE))
        if any("but is not done" in text or "times" in text for text in wrong):
            return

    raise AssertionError("nobody died between the two, in twenty seconds of kills")
