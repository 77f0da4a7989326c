"""``python -m examples.critical_buttons.tour``: exit code 1 if a promise breaks."""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from examples.critical_buttons.tour import bookings, offline, sms
from examples.critical_buttons.tour.processes import (
    BOOKINGS,
    LEADS,
    App,
    write_bookings,
    write_leads,
)
from examples.critical_buttons.tour.provider import Provider
from examples.critical_buttons.tour.stage import Stage
from syncpatterns.clock import SystemClock

STEPS = (*bookings.STEPS, *sms.STEPS, *offline.STEPS)
_BUDGET = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every step; return 0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="tour", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat the moments of an earlier run")
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    clock = SystemClock()
    begun = clock.monotonic()
    print(
        f"Two processes of the app on one database, and a provider; seed {seed}.",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="tour-") as name, ExitStack() as running:
        folder = Path(name)
        write_bookings(folder / BOOKINGS, [*bookings.names(), *offline.bookings()])
        write_leads(folder / LEADS, sms.phones() | offline.phones())
        provider = Provider(folder).start()
        running.callback(provider.stop)
        first = App(folder, provider).start()
        running.callback(first.stop)
        second = App(folder, provider).start()
        running.callback(second.stop)
        rng = random.Random(seed)  # noqa: S311 - chooses moments, guards nothing
        stage = Stage(first, second, provider, clock, rng, _say, folder)
        broken = sum(_run(stage, number) for number in range(len(STEPS)))
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
