"""The simulator's time, which can be moved forward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import anyio

from syncpatterns.clock import Clock, SystemClock


class SimClock:
    """The machine's time plus what it was moved forward by.

    Moving it is how a callback that is an hour late arrives at once, and how a
    message becomes a day old, without anybody waiting.

    Args:
        clock: The clock underneath.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._offset = 0.0
        self._moved = anyio.Event()

    @property
    def offset(self) -> float:
        """Seconds it was moved forward by, all in all."""
        return self._offset

    def monotonic(self) -> float:
        """Return seconds that only grow; what `wait_until` counts in."""
        return self._clock.monotonic() + self._offset

    def now(self) -> datetime:
        """Return the time of day, UTC."""
        moment = datetime.fromtimestamp(self._clock.time(), UTC)
        return moment + timedelta(seconds=self._offset)

    def advance(self, seconds: float) -> None:
        """Move forward; whoever waits for a moment that has come goes on."""
        self._offset += seconds
        moved, self._moved = self._moved, anyio.Event()
        moved.set()

    async def wait_until(self, moment: float) -> None:
        """Wait until `monotonic` has reached *moment*."""
        while (left := moment - self.monotonic()) > 0:
            moved = self._moved
            with anyio.move_on_after(left):
                await moved.wait()
