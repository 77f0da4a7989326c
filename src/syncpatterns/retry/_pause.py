"""How a test leaves out the sleeps between attempts."""

from __future__ import annotations

from contextvars import ContextVar

#: Where the sleeps of this context are noted instead of being slept, if not None.
#: Set by `syncpatterns.testing.instant`, which production never imports.
skipped_sleeps: ContextVar[list[float] | None] = ContextVar(
    "syncpatterns_skipped_sleeps", default=None
)


async def checkpoint() -> None:
    """Let other tasks run, and hear of a cancellation, as a sleep would."""
    from anyio import lowlevel  # noqa: PLC0415 - only in a test

    await lowlevel.checkpoint()
