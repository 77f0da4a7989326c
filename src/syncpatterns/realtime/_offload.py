"""An outbox blocks for its reads; an event loop must not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from anyio.to_thread import run_sync

from syncpatterns._loops import LoopLimiter
from syncpatterns.realtime._core import Bounds, StoredEvent
from syncpatterns.realtime._ports import Outbox

T = TypeVar("T")

#: Threads a loop for history and relay, apart from the framework's 40: those
#: may all be waiting for something that only an event will free.
_limiter = LoopLimiter(4)


async def in_thread(function: Callable[[], T]) -> T:
    """Return what *function* returns, run on a worker thread of our own."""
    return await run_sync(function, limiter=_limiter.here())


class History:
    """What a hub asks an outbox for, off the event loop."""

    __slots__ = ("_outbox", "name")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.name = outbox.name

    async def bounds(self, channels: Sequence[str]) -> tuple[str, dict[str, Bounds]]:
        """Return the epoch, and which offsets of *channels* are kept."""
        return await in_thread(partial(self._bounds, channels))

    async def page(self, channel: str, offset: int, limit: int) -> list[StoredEvent]:
        """Return up to *limit* events of *channel* after *offset*."""
        return await in_thread(partial(self._outbox.history, channel, offset, limit))

    def _bounds(self, channels: Sequence[str]) -> tuple[str, dict[str, Bounds]]:
        # The epoch may open the engine, so it is asked for here.
        return self._outbox.epoch, self._outbox.bounds(channels)
