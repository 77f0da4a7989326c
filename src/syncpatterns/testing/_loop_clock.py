"""The event loop's own time as a `syncpatterns.clock.Clock`."""

from __future__ import annotations

import anyio

__all__ = ["LoopClock"]


class LoopClock:
    """Gives components the time of the running loop, virtual or not.

    Under `syncpatterns.testing.SimLoop` and trio's ``MockClock`` a lease of
    30 s then runs out in no time, in the right order with every other timer.

    Args:
        start: What `time` returns at loop time zero, in seconds since the epoch.
    """

    __slots__ = ("_start",)

    #: Time-outs of the loop are time-outs of this clock: whoever waits for an
    #: event or for the time needs no second task that sleeps.
    is_loop_time = True

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start

    def time(self) -> float:
        """Return the loop's time shifted by *start*, in seconds since the epoch."""
        return self._start + self.monotonic()

    def monotonic(self) -> float:
        """Return the loop's time, in seconds."""
        return anyio.current_time()  # noqa: TID251 - this is the clock

    def sleep(self, seconds: float) -> None:
        """Refuse: blocking the loop's thread would stop its time too.

        Raises:
            RuntimeError: Always, unless *seconds* is zero or less.
        """
        if seconds > 0:
            raise RuntimeError("sleep() would block the event loop; use asleep()")

    async def asleep(self, seconds: float) -> None:
        """Suspend the calling task for *seconds* of the loop's time."""
        await anyio.sleep(max(0.0, seconds))  # noqa: TID251 - this is the clock

    def __repr__(self) -> str:
        return f"LoopClock(start={self._start:g})"
