"""Processes whose tasks share commits, killed at random moments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from syncpatterns.testing import EffectsLedger, kill_loop
from tests.crash import bookings
from tests.crash.bookings import DATABASE, SCOPE, Confirm
from tests.crash.judge import complaints, look


@pytest.mark.slow
@pytest.mark.case("OPR-06", part="kill loop, shared commits")
def test_a_commit_of_many_is_kept_or_lost_for_each_as_a_whole(
    tmp_path: Path, seed: int
) -> None:
    """What was told is stored; effects, audit rows and events are one a key."""
    ledger = EffectsLedger(tmp_path / "ledger")

    def program(_: int) -> Sequence[str]:
        # It begins where the others are, and so meets them.
        told = [int(ack.key[1:]) for ack in ledger.acks()]
        module = "tests.crash.programs.confirm_together"
        return ["-m", module, str(tmp_path), str(max(told, default=0))]

    print(f"SYNCPATTERNS_SEED={seed}")
    report = kill_loop(
        program, workers=3, kills=9, seconds=200.0, delay=(0.0, 0.1), seed=seed
    )
    acks = ledger.acks()
    keys = sorted({ack.key for ack in acks})
    wrong = complaints(look(tmp_path / DATABASE), acks)
    with bookings.engine_for("one-commit", tmp_path) as engine:
        operation = bookings.confirmation(engine)
        again = [
            operation.call(Confirm(key), key=key, scope=SCOPE).replayed for key in keys
        ]

    assert report.failures == []
    assert wrong == []
    assert all(again)
    # Else it has proven nothing: workers died, and they met over the same keys.
    assert report.kills == 9
    assert len(acks) > len(keys) > 0
