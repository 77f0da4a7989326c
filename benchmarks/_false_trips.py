"""How often a breaker opens although nothing is wrong.

Calls fail at random, each for itself, as they do in any large system. The
library's `CircuitBreaker` watches them on a clock of its own, once with the rule
"5 failures in 60 s" alone and once with the rate guard that it has by default.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks._virtual import VirtualTime
from syncpatterns.errors import CallRejected
from syncpatterns.retry import CircuitBreaker

#: (calls a second, share that fails, seconds simulated)
SCENES = (
    (1, 0.01, 6 * 3600),
    (8, 0.01, 6 * 3600),
    (50, 0.001, 3600),
    (200, 0.001, 1800),
)
_SEED = 3


@dataclass(frozen=True, slots=True)
class FalseTrips:
    """What happened to one stream of calls.

    Args:
        rate: Calls a second.
        failing: Share of the calls that fail at random.
        absolute: Share of calls rejected by the number of failures alone.
        openings: How often an hour that breaker opened.
        guarded: Share of calls rejected with the rate guard.
    """

    rate: int
    failing: float
    absolute: float
    openings: float
    guarded: float


def false_trips(
    scenes: tuple[tuple[int, float, int], ...] = SCENES,
) -> list[FalseTrips]:
    """Return what breakers do to each of *scenes*."""
    found: list[FalseTrips] = []
    for rate, failing, seconds in scenes:
        rejected, openings = watch(rate, failing, seconds, min_rate=0.0)
        guarded, _ = watch(rate, failing, seconds, min_rate=None)
        found.append(
            FalseTrips(rate, failing, rejected, openings * 3600 / seconds, guarded)
        )
    return found


def watch(
    rate: int, failing: float, seconds: int, *, min_rate: float | None
) -> tuple[float, int]:
    """Return the share of calls rejected, and how often the breaker opened.

    Args:
        rate: Calls a second, one at a random moment of each slot.
        failing: Share of them that fail.
        seconds: How long to watch.
        min_rate: As `CircuitBreaker` has it; None for its default.
    """
    time = _Moments()
    breaker = (
        CircuitBreaker(clock=time)
        if min_rate is None
        else CircuitBreaker(clock=time, min_rate=min_rate)
    )
    chance = random.Random(f"{_SEED}, {rate} at {failing}")

    def call() -> None:
        if chance.random() < failing:
            raise TimeoutError

    rejected = openings = 0
    for turn in range(rate * seconds):
        time.now = (turn + chance.random()) / rate
        try:
            breaker.call(call)
        except CallRejected:
            rejected += 1
        except TimeoutError:
            openings += breaker.current_state == "open"
    return rejected / (rate * seconds), openings


class _Moments(VirtualTime):
    """A clock that is told the time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def monotonic(self) -> float:
        """Return what it was told."""
        return self.now


__all__ = ["SCENES", "FalseTrips", "false_trips", "watch"]
