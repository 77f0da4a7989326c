"""Time that passes only when everybody waits: a clock and its tasks.

A coroutine that sleeps here gives its wake-up time to a heap, and the earliest
one runs next. There is no event loop, no thread and no real clock, so a run of
ten thousand seconds takes as long as its steps take, and two runs are equal.
`syncpatterns.testing` has a real event loop in virtual time; it is for finding
races, and too slow for a model of a million steps.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Coroutine, Generator
from contextvars import Context, copy_context
from types import coroutine
from typing import Any

Task = Coroutine[float, None, object]


@coroutine
def _pause(seconds: float) -> Generator[float, None, None]:
    """Suspend the task that awaits this."""
    yield seconds


class VirtualTime:
    """A `syncpatterns.clock.Clock` together with the tasks that live by it.

    Every task has its own context, as it would have on asyncio: what one task
    sets in a context variable, no other task sees.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._order = itertools.count()  # equal times run first come, first served
        self._waiting: list[tuple[float, int, Task, Context]] = []

    def time(self) -> float:
        """Return the seconds since the start; there is no other calendar."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Refuse: a thread that waits would wait for itself."""
        message = f"Nobody could end a sleep of {seconds:g} s; use asleep()."
        raise RuntimeError(message)

    async def asleep(self, seconds: float) -> None:
        """Suspend the calling task for *seconds*."""
        await _pause(max(0.0, seconds))

    def start(self, at: float, task: Coroutine[Any, Any, object]) -> None:
        """Let *task* begin at the second *at*."""
        self._push(at, task, copy_context())

    def run(self, until: float) -> None:
        """Run every step that is due before *until*; drop the tasks left over."""
        waiting = self._waiting
        while waiting and waiting[0][0] < until:
            self._now, _, task, context = heapq.heappop(waiting)
            try:
                seconds = context.run(task.send, None)
            except StopIteration:
                continue
            self._push(self._now + seconds, task, context)
        self._now = until
        while waiting:
            waiting.pop()[2].close()

    def _push(self, at: float, task: Task, context: Context) -> None:
        heapq.heappush(self._waiting, (at, next(self._order), task, context))
