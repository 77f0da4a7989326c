"""A clock for whoever comes when the leases of the dead are over."""

from __future__ import annotations

from syncpatterns.clock import SystemClock

HOUR = 3600.0


class Later(SystemClock):
    """The machine's own clocks, but so many seconds ahead.

    Leases can be long with it: where a lease is as short as a proof is patient, a
    process that only stood still for a second has lost what it held.
    """

    __slots__ = ("_ahead",)

    def __init__(self, seconds: float = HOUR) -> None:
        self._ahead = seconds

    def time(self) -> float:
        """Return the wall clock of that time."""
        return super().time() + self._ahead

    def monotonic(self) -> float:
        """Return the monotonic clock of that time."""
        return super().monotonic() + self._ahead
