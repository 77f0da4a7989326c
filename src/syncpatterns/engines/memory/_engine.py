"""Memory as an engine: for one process, and gone when it ends."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.engines.memory._idempotency import (
    AsyncMemoryIdempotencyStore,
    MemoryIdempotencyStore,
)
from syncpatterns.engines.memory._queue._async import AsyncMemoryQueueStore
from syncpatterns.engines.memory._queue._store import MemoryQueueStore
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Hook, Hooks, Swept


class MemoryEngine:
    """Records of this process, safe for its threads and event loops.

    Made by ``connect("memory://")``. It has no transactions, so an effect and
    its record cannot share a commit: at least once, or at most once with
    ``on_abandoned="quarantine"``, and only while the process lives. A forked
    child goes on with a copy of its own.

    Args:
        max_items: Records held at most. When it is full, a new key is refused
            with `StoreFull`; what is in progress, answered or unknown is never
            forgotten to make room.
        clock: Where the time comes from.
        hooks: Called with what housekeeping did.

    Raises:
        ConfigurationError: *max_items* is no whole number above 0.
    """

    name = "memory"
    url = "memory://"

    def __init__(
        self,
        *,
        max_items: int = 100_000,
        clock: Clock | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        if type(max_items) is not int or max_items < 1:
            raise ConfigurationError(
                f"max_items= takes a whole number above 0, not {max_items!r}."
            )
        self.clock = clock or SystemClock()
        self.max_items = max_items
        self._hooks = Hooks(hooks)
        self._store = MemoryIdempotencyStore(self.clock, max_items)
        self._astore = AsyncMemoryIdempotencyStore(self._store)
        self._queues = MemoryQueueStore(self.clock)
        self._aqueues = AsyncMemoryQueueStore(self._queues)

    def __repr__(self) -> str:
        return f"MemoryEngine(max_items={self.max_items})"

    def open(self) -> Self:
        """Do nothing: there is nothing to open."""
        return self

    async def aopen(self) -> Self:
        """Do nothing: there is nothing to open."""
        return self

    def close(self) -> None:
        """Refuse calls from now on; a second call does nothing."""
        self._store.closed = True
        self._queues.closed = True

    async def aclose(self) -> None:
        """Do `close`."""
        self.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await self.aopen()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def idempotency_store(self) -> MemoryIdempotencyStore:
        """Return the store for threads."""
        return self._store

    def async_idempotency_store(self) -> AsyncMemoryIdempotencyStore:
        """Return the store for event loops, over the same records."""
        return self._astore

    def queue_store(self) -> MemoryQueueStore:
        """Return the store of queues for threads."""
        return self._queues

    def async_queue_store(self) -> AsyncMemoryQueueStore:
        """Return the store of queues for event loops, over the same items."""
        return self._aqueues

    def sweep(self, *, events_older_than: float = 86400.0) -> Swept:  # noqa: ARG002 - as the other engines
        """Delete every forgotten record and outcome, in batches, and tell of it.

        Args:
            events_older_than: Means nothing here: memory keeps no events.
        """
        removed = 0
        while batch := self._store.sweep():
            removed += batch
        removed += self._queues.sweep()
        swept = Swept(self.name, records=removed)
        self._hooks.emit(swept)
        return swept

    async def asweep(self, *, events_older_than: float = 86400.0) -> Swept:
        """Do `sweep`; it takes microseconds a record and is not worth a thread."""
        return self.sweep(events_older_than=events_older_than)
