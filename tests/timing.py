"""Figures that must be kept, on a machine that has other things to do too."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Self

from syncpatterns.clock import SystemClock

#: How often a figure may be missed by chance.
TRIES = 50
#: For how many seconds it is tried anew: a test that goes on for longer than pytest
#: lets it takes the whole run with it, and says nothing.
PATIENCE = 150.0


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
    least, end = math.inf, time.monotonic() + PATIENCE
    for _ in range(tries):
        least = min(least, measure())
        if least < limit or time.monotonic() > end:
            break
    return least


async def at_best_async(
    measure: Callable[[], Awaitable[float]], limit: float, tries: int = TRIES
) -> float:
    """Return the same as `at_best`, of what is awaited."""
    least, end = math.inf, time.monotonic() + PATIENCE
    for _ in range(tries):
        least = min(least, await measure())
        if least < limit or time.monotonic() > end:
            break
    return least


class OwnTime:
    """A stopwatch of the calling thread that stands while others run in its place.

    It goes on while the thread works, and while it waits of its own accord, be it for
    a lock, a socket or a timer. It does not count what the system made it wait for a
    processor: on a machine with ten other things to do that is most of the time, and
    none of it is ours. Where the system does not tell, it counts that as well.
    """

    def __init__(self) -> None:
        try:
            self._told = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        except OSError:
            self._told = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._told >= 0:
            os.close(self._told)

    def __call__(self) -> float:
        """Return the seconds; only differences mean anything."""
        waited = os.pread(self._told, 64, 0).split() if self._told >= 0 else ()
        return time.perf_counter() - (int(waited[1]) / 1e9 if waited else 0.0)


class NeverTwice(SystemClock):
    """The machine's own clocks, and no two steady readings within so many seconds.

    For what is looked at only now and then, because a look costs something: a
    test of it would else depend on how slow the machine is. Worked example, a log
    that is looked at every 10 ms: a quick disk writes twelve megabytes between
    two looks, and nothing that the test waits for has happened at its end.
    """

    __slots__ = ("_ahead", "_step")

    def __init__(self, step: float = 0.02) -> None:
        self._step = step
        self._ahead = 0.0

    def monotonic(self) -> float:
        """Return the steady clock, a step further with each reading."""
        self._ahead += self._step
        return super().monotonic() + self._ahead


@contextmanager
def standstills() -> Generator[list[float]]:
    """Note for how long, in seconds, this process was not let run at a time.

    Whoever stands still for a lease has lost it, and that is right. So a test of
    leases in real time is about nothing where its own process stood still, and is
    done once more.
    """
    over, noted = threading.Event(), [0.0]

    def look() -> None:
        before = time.monotonic()
        while not over.wait(0.02):
            now = time.monotonic()
            noted.append(now - before)
            before = now

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield noted
    finally:
        over.set()
        thread.join()
