"""The database's own clock: it never goes back and never stands still.

A host clock set back by an hour would keep a lease or a replay window open for
an hour too long; frozen at the highest time seen, it would do the same. So the
wall clock is read once, and from there time goes on at the monotonic clock's
pace; a step forward is followed, a step back is not. The highest time is
stored, for the next process to start from.
"""

from __future__ import annotations

from syncpatterns.clock import Clock


class StoreClock:
    """Seconds since the epoch, growing within and across processes."""

    __slots__ = ("_clock", "_offset")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.time() - clock.monotonic()

    def now(self) -> float:
        """Return the current time of the store."""
        return self.both()[0]

    def both(self) -> tuple[float, float]:
        """Return the current time of the store, and of the host's wall clock."""
        monotonic, wall = self._clock.monotonic(), self._clock.time()
        offset = wall - monotonic
        self._offset = max(self._offset, offset)
        return monotonic + self._offset, wall

    def seen(self, high_water: float) -> None:
        """Never again return less than *high_water*, read from the database."""
        self._offset = max(self._offset, high_water - self._clock.monotonic())
