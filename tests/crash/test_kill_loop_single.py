"""Several processes on one file, killed at random while they confirm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from syncpatterns.testing import EffectsLedger, KillReport, kill_loop
from tests.crash import bookings
from tests.crash.bookings import DATABASE, SCOPE, Confirm
from tests.crash.judge import complaints, look


def workers(folder: Path, variant: str) -> Callable[[int], Sequence[str]]:
    """Return what the n-th worker runs: it begins where the others are."""
    ledger = EffectsLedger(folder / "ledger")

    def program(n: int) -> Sequence[str]:
        told = [int(ack.key[1:]) for ack in ledger.acks()]
        first = str(max(told, default=0))
        how = "tasks" if n % 2 else "blocking"
        module = "tests.crash.programs.confirm_loop"
        return ["-m", module, str(folder), variant, first, how]

    return program


def run(folder: Path, variant: str, seed: int) -> tuple[KillReport, list[str]]:
    """Kill a dozen, within seconds on an idle machine; retry what was told; judge."""
    print(f"kill loop: seed {seed}")
    report = kill_loop(
        workers(folder, variant),
        workers=3,
        kills=12,
        seconds=40.0,
        delay=(0.0, 0.1),
        seed=seed,
    )
    acks = EffectsLedger(folder / "ledger").acks()
    wrong = complaints(look(folder / DATABASE), acks)
    with bookings.engine_for(variant, folder) as engine:
        operation = bookings.confirmation(engine)
        for key in sorted({ack.key for ack in acks})[-20:]:
            answer = operation.call(Confirm(key), key=key, scope=SCOPE)
            if not answer.replayed:
                wrong.append(f"{key}: ran again after it was told to be done")
    return report, wrong


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.case("OPR-06", part="random kills")
@pytest.mark.case("OPR-40", part="single, short")
def test_what_was_told_is_kept_and_nothing_happens_twice(
    tmp_path: Path, seed: int
) -> None:
    """Whoever is killed and whenever: one change, audit row, event and answer."""
    report, wrong = run(tmp_path, "one-commit", seed)

    acks = EffectsLedger(tmp_path / "ledger").acks()
    assert report.failures == []
    assert report.kills >= 3
    assert len(acks) > len({ack.key for ack in acks}) > 0  # they met on some keys
    assert wrong == []


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.case("OPR-06", part="planted")
def test_a_record_committed_after_its_effect_is_caught(tmp_path: Path) -> None:
    """Random kills find narrow windows seldom, and this one is wide enough."""
    found: list[str] = []
    for seed in range(5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found = run(folder, "two-commits", seed)[1]
        if found:
            break

    assert found
