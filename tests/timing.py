"""Figures that must be kept, on a machine that has other things to do too."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

#: How often a figure may be missed by chance.
TRIES = 50


def at_best(measure: Callable[[], float], limit: float, tries: int = TRIES) -> float:
    """Return the first figure below *limit*, or else the least that was seen.

    A busy machine makes anything slow now and then, and other threads take
    memory when they like; neither makes anything quick or small. So what keeps
    its figure once can keep it, and what is wrong never does.

    Args:
        measure: Does it once more; returns the seconds or bytes that it took.
        limit: Measured again until the figure is below it.
        tries: How often at most.
    """
    least = math.inf
    for _ in range(tries):
        least = min(least, measure())
        if least < limit:
            break
    return least


async def at_best_async(
    measure: Callable[[], Awaitable[float]], limit: float, tries: int = TRIES
) -> float:
    """Return the same as `at_best`, of what is awaited."""
    least = math.inf
    for _ in range(tries):
        least = min(least, await measure())
        if least < limit:
            break
    return least
