"""Time as an argument: every component that waits or expires takes a `Clock`.

Nothing else in the library asks the machine what time it is, so a test can
hold a `syncpatterns.testing.FakeClock` and move it by hand.
"""

from __future__ import annotations

import time
from typing import Protocol, runtime_checkable

__all__ = ["Clock", "SystemClock"]


@runtime_checkable
class Clock(Protocol):
    """Where a component gets its time from. All values are seconds."""

    def time(self) -> float:
        """Return the wall clock, in seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Return a clock that never goes back; only differences mean anything."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for *seconds*; zero or less returns at once."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Suspend the calling task for *seconds* on asyncio or trio."""
        ...


class SystemClock:
    """The machine's own clocks; what production uses."""

    __slots__ = ()

    def time(self) -> float:
        """Return the wall clock, in seconds since the Unix epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return the machine's monotonic clock in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for *seconds*."""
        if seconds > 0:
            time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Suspend the calling task for *seconds*."""
        import anyio  # noqa: PLC0415 - sync users never pay for the event loop

        await anyio.sleep(max(0.0, seconds))

    def __repr__(self) -> str:
        return "SystemClock()"
