"""What the steps play on."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from examples.critical_buttons.tour.client import Reply
from examples.critical_buttons.tour.processes import App
from examples.critical_buttons.tour.provider import Provider
from syncpatterns.clock import Clock


@dataclass(frozen=True, slots=True)
class Stage:
    """What the steps play on.

    Args:
        first: One process of the app.
        second: Another one on the same database.
        provider: Who delivers the messages of both.
        clock: Where pauses come from.
        rng: Chooses when processes die; seeded, so that a run can be repeated.
        say: Prints what happened.
        folder: Where the files of all processes are.
    """

    first: App
    second: App
    provider: Provider
    clock: Clock
    rng: random.Random
    say: Callable[[str], object]
    folder: Path


def together(call: Callable[[int], Reply], times: int) -> list[Reply]:
    """Make *times* calls at once; return what came back, in the order of numbers."""
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(call, range(times)))
