"""A clock that only moves when the test says so.

The idea is Trio's ``MockClock`` and the ``FakeTimeProvider`` of .NET: sleepers
are kept in a heap by deadline, and moving the time wakes those that are due.
Unlike those two, this one wakes threads and tasks of any loop alike.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress

import anyio
import anyio.lowlevel

__all__ = ["FakeClock"]

_Waiter = tuple[float, int, Callable[[], object]]


class FakeClock:
    """A `syncpatterns.clock.Clock` moved by hand; safe to share among threads.

    Threads in `sleep` and tasks in `asleep` (asyncio and trio, any number of
    loops) wake once `advance` has passed their deadline. Time jumps at once: a
    loop that sleeps 1 s at a time wakes once, not ten times, by ``advance(10)``.

    Args:
        start: First value of `time`, in seconds since the Unix epoch.
        monotonic: First value of `monotonic`, in seconds.
        auto_advance: A sleep returns at once and moves both clocks by itself;
            nothing has to call `advance`.

    Attributes:
        slept: Seconds asked for by every sleep so far, in the order they began.
    """

    def __init__(
        self,
        start: float = 1_700_000_000.0,
        *,
        monotonic: float = 0.0,
        auto_advance: bool = False,
    ) -> None:
        self.auto_advance = auto_advance
        self.slept: list[float] = []
        self._now = _finite("monotonic", monotonic)
        self._wall_offset = _finite("start", start) - self._now
        self._serial = itertools.count()
        self._changed = threading.Condition()
        self._sleeping: list[_Waiter] = []
        self._timers: list[_Waiter] = []
        self._watching: list[tuple[int, int, Callable[[], None]]] = []

    def time(self) -> float:
        """Return the wall clock, in seconds since the Unix epoch."""
        with self._changed:
            return self._now + self._wall_offset

    def monotonic(self) -> float:
        """Return the monotonic clock, in seconds."""
        with self._changed:
            return self._now

    def advance(self, seconds: float) -> None:
        """Move both clocks forward and wake, by deadline, everyone who is due.

        Raises:
            ValueError: If *seconds* is negative or not finite.
        """
        _finite("seconds", seconds)
        if seconds < 0:
            raise ValueError(f"time only moves forward, got {seconds!r} seconds")
        with self._changed:
            self._now += seconds
            due = self._take_due_needs_lock()
        with ExitStack() as stack:  # one that fails holds up nobody
            for wake in reversed(due):
                stack.callback(wake)

    def set_time(self, epoch: float) -> None:
        """Step the wall clock to *epoch* seconds, forward or back.

        The monotonic clock and all sleepers stay as they are, as when an
        administrator or NTP sets a machine's clock.
        """
        _finite("epoch", epoch)
        with self._changed:
            self._wall_offset = epoch - self._now

    def sleep(self, seconds: float) -> None:
        """Block this thread until the clock has moved by *seconds*."""
        if self._returns_at_once(seconds):
            return
        woken = threading.Event()
        waiter = self._enter(seconds, woken.set)
        try:
            woken.wait()
        finally:
            self._leave(waiter)

    async def asleep(self, seconds: float) -> None:
        """Suspend this task until the clock has moved by *seconds*."""
        if self._returns_at_once(seconds):
            await anyio.lowlevel.checkpoint()
            return
        woken = anyio.Event()
        waiter = self._enter(seconds, _setter(woken))
        try:
            await woken.wait()
        finally:
            self._leave(waiter)

    def call_later(
        self, seconds: float, callback: Callable[[], object]
    ) -> Callable[[], None]:
        """
        Have *callback* called by the `advance` that passes *seconds* from now.

        A component that would need a thread to wait on this clock can use this
        instead: what it does is done when `advance` returns, and a clock with
        *auto_advance* is not driven on by it. Timers are not `sleepers`.

        Returns:
            A function that cancels the call, if it was not made yet.
        """
        with self._changed:
            timer = (self._now + seconds, next(self._serial), callback)
            heapq.heappush(self._timers, timer)
        return lambda: self._cancel(timer)

    @property
    def sleepers(self) -> int:
        """How many threads and tasks are asleep on this clock."""
        with self._changed:
            return len(self._sleeping)

    def wait_for_sleepers(self, n: int = 1, *, timeout: float = 30.0) -> None:
        """Block until at least *n* threads or tasks sleep on this clock.

        Args:
            n: How many.
            timeout: Real seconds after which to give up.

        Raises:
            TimeoutError: If fewer were asleep after *timeout*.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._sleeping) >= n, timeout):
                raise TimeoutError(self._too_few_needs_lock(n, timeout))

    async def await_for_sleepers(self, n: int = 1, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - the twin of wait_for_sleepers
        """Suspend until at least *n* threads or tasks sleep on this clock.

        Args:
            n: How many.
            timeout: Seconds of the event loop's time after which to give up.

        Raises:
            TimeoutError: If fewer were asleep after *timeout*.
        """
        enough = anyio.Event()
        watcher = (n, next(self._serial), _setter(enough))
        with self._changed:
            if len(self._sleeping) >= n:
                return
            self._watching.append(watcher)
        try:
            with anyio.move_on_after(timeout):
                await enough.wait()
                return
            with self._changed:
                raise TimeoutError(self._too_few_needs_lock(n, timeout))
        finally:
            with self._changed:
                self._watching.remove(watcher)

    def _returns_at_once(self, seconds: float) -> bool:
        if math.isnan(seconds):
            raise ValueError("cannot sleep for nan seconds")
        with self._changed:
            self.slept.append(seconds)
        if seconds <= 0:
            return True
        if self.auto_advance:
            self.advance(seconds)
        return self.auto_advance

    def _enter(self, seconds: float, wake: Callable[[], None]) -> _Waiter:
        with self._changed:
            waiter = (self._now + seconds, next(self._serial), wake)
            heapq.heappush(self._sleeping, waiter)
            asleep = len(self._sleeping)
            enough = [wake for n, _, wake in self._watching if asleep >= n]
            self._changed.notify_all()
        for tell in enough:
            tell()
        return waiter

    def _leave(self, waiter: _Waiter) -> None:
        with self._changed:
            if waiter in self._sleeping:  # cancelled or interrupted, not woken
                self._sleeping.remove(waiter)
                heapq.heapify(self._sleeping)

    def _cancel(self, timer: _Waiter) -> None:
        with self._changed:
            if timer in self._timers:
                self._timers.remove(timer)
                heapq.heapify(self._timers)

    def _take_due_needs_lock(self) -> list[Callable[[], object]]:
        due: list[_Waiter] = []
        for heap in (self._sleeping, self._timers):
            while heap and heap[0][0] <= self._now:
                due.append(heapq.heappop(heap))
        return [wake for _, _, wake in sorted(due)]

    def _too_few_needs_lock(self, n: int, timeout: float) -> str:
        return (
            f"{len(self._sleeping)} of {n} sleepers after {timeout:g} s; "
            f"the clock stands at {self._now:g} s"
        )

    def __repr__(self) -> str:
        with self._changed:
            return (
                f"FakeClock(monotonic={self._now:g}, "
                f"time={self._now + self._wall_offset:.3f}, "
                f"sleepers={len(self._sleeping)})"
            )


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return value


def _setter(event: anyio.Event) -> Callable[[], None]:
    """Return a function that sets *event* from whatever thread it is called in.

    In the loop's own thread it sets the event directly, so that a seeded loop
    sees the same order in every run.
    """
    loop: object = anyio.lowlevel.current_token().native_token
    home = threading.get_ident()
    schedule = getattr(loop, "run_sync_soon", None) or loop.call_soon_threadsafe  # type: ignore[attr-defined]  # trio's token or asyncio's loop

    def set_it() -> None:
        if threading.get_ident() == home:
            event.set()
            return
        with suppress(RuntimeError):  # the loop has ended, and its task with it
            schedule(event.set)

    return set_it
