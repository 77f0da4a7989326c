"""``python -m examples.critical_buttons.tour``: exit code 1 if a promise breaks."""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from examples.critical_buttons.tour.processes import App, write_bookings
from examples.critical_buttons.tour.steps import STEPS, Stage, names
from syncpatterns.clock import SystemClock

_BUDGET = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every step; return 0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="tour", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat the moments of an earlier run")
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    clock = SystemClock()
    begun = clock.monotonic()
    print(f"Two processes of the app on one database; seed {seed}.", flush=True)
    with tempfile.TemporaryDirectory(prefix="tour-") as folder:
        bookings = Path(folder) / "bookings.csv"
        write_bookings(bookings, names())
        database = Path(folder) / "tour.db"
        first = App(database, bookings).start()
        second = App(database, bookings).start()
        stage = Stage(first, second, clock, random.Random(seed), _say)  # noqa: S311 - chooses moments, guards nothing
        try:
            broken = sum(_run(stage, number) for number in range(len(STEPS)))
        finally:
            first.stop()
            second.stop()
    seconds = clock.monotonic() - begun
    kept = len(STEPS) - broken
    print(f"\n{kept} of {len(STEPS)} promises kept in {seconds:.0f} s.")
    if seconds > _BUDGET:
        print(f"That is more than the {_BUDGET:.0f} s the tour should take.")
    return 1 if broken else 0


def _run(stage: Stage, number: int) -> bool:
    """Run one step and print it; True if a promise broke."""
    step = STEPS[number]
    print(f"\n{number + 1}. {(step.__doc__ or '').strip()}", flush=True)
    try:
        sentences = step(stage)
    except Exception as error:  # noqa: BLE001 - the other promises are still tried
        sentences = [f"the step failed: {type(error).__name__}: {error}"]
    for sentence in sentences:
        print(f"   BROKEN: {sentence}", flush=True)
    if not sentences:
        print("   kept", flush=True)
    return bool(sentences)


def _say(text: str) -> None:
    print(f"   {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
