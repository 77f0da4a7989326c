"""The sleep between two attempts, which a test may leave out."""

from __future__ import annotations

from contextvars import ContextVar

from syncpatterns.clock import Clock

#: Where the sleeps of this context are noted instead of being slept, if not None.
#: Set by `syncpatterns.testing.instant`, which production never imports.
skipped_sleeps: ContextVar[list[float] | None] = ContextVar(
    "syncpatterns_skipped_sleeps", default=None
)


def pause(clock: Clock, seconds: float) -> float:
    """Sleep for *seconds*; return how many of them were left out."""
    noted = skipped_sleeps.get()
    if noted is None:
        clock.sleep(seconds)
        return 0.0
    noted.append(seconds)
    return seconds


async def apause(clock: Clock, seconds: float) -> float:
    """Sleep like `pause`; other tasks run, and a cancellation is heard."""
    noted = skipped_sleeps.get()
    if noted is None:
        await clock.asleep(seconds)
        return 0.0
    noted.append(seconds)
    from anyio.lowlevel import checkpoint  # noqa: PLC0415 - only in a test

    await checkpoint()
    return seconds
