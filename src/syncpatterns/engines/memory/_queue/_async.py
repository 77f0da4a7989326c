"""The queues in memory for event loops: nothing waits, so the calls are the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from syncpatterns.engines.memory._queue._store import MemoryQueueStore
from syncpatterns.offline_queue._core import (
    ALL_ITEMS,
    Ended,
    Enqueued,
    Filter,
    Finding,
    Hold,
    Item,
    Pause,
    QueueCapabilities,
    QueueRules,
    QueueStats,
    Settled,
    Settlement,
    Staged,
)
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest, Turn


class AsyncMemoryQueueStore:
    """Implements `AsyncQueueStore` over the same queues.

    Args:
        store: The store for threads.
    """

    name = "memory"

    def __init__(self, store: MemoryQueueStore) -> None:
        self._store = store

    @property
    def capabilities(self) -> QueueCapabilities:
        """What it can do."""
        return self._store.capabilities

    async def configure(self, queue: str, rules: QueueRules) -> None:
        """Make *queue* if it is new, and keep its rules."""
        self._store.configure(queue, rules)

    async def enqueue(self, request: EnqueueRequest) -> list[Enqueued]:
        """Store the items, and return what became of each, in their order."""
        return self._store.enqueue(request)

    async def claim(self, request: ClaimRequest) -> list[Item]:
        """Take items that are READY, by priority and then in their order."""
        return self._store.claim(request)

    async def extend(
        self, queue: str, holds: Sequence[Hold], lease: float
    ) -> list[Hold]:
        """Move the leases to *lease* seconds from now; return those still held."""
        return self._store.extend(queue, holds, lease)

    async def settle(
        self, queue: str, settlements: Sequence[Settlement]
    ) -> list[Settled]:
        """Settle items that were held; in one commit, each apart from the others."""
        return self._store.settle(queue, settlements)

    async def settle_and_claim(
        self, request: ClaimRequest, settlements: Sequence[Settlement]
    ) -> Turn:
        """Do a `settle` and then a `claim`, with nobody in between."""
        return self._store.settle_and_claim(request, settlements)

    async def stage(self, queue: str) -> Staged:
        """Do what time alone asks for, and say when it asks again."""
        return self._store.stage(queue)

    async def get(self, queue: str, seq: int) -> Item | None:
        """Return an item that is live or DEAD."""
        return self._store.get(queue, seq)

    async def find(
        self, queue: str, scope: str, operation: str, key: str
    ) -> int | None:
        """Return the number of the item with this key, also of one that has ended."""
        return self._store.find(queue, scope, operation, key)

    async def ended(self, queue: str, seq: int) -> Ended | None:
        """Return how an item ended; None if it has not, or it is forgotten."""
        return self._store.ended(queue, seq)

    async def parents(self, queue: str, seq: int) -> dict[int, Ended]:
        """Return how each parent of an item ended, as far as they have."""
        return self._store.parents(queue, seq)

    async def waiting(
        self, queue: str, operation: str, entity: str, scope: str
    ) -> Item | None:
        """Return the newest undelivered item that a new one could be merged with."""
        return self._store.waiting(queue, operation, entity, scope)

    async def items(
        self, queue: str, which: Filter = ALL_ITEMS, after: int = 0, limit: int = 100
    ) -> list[Item]:
        """Return up to *limit* items, live and DEAD, with numbers above *after*."""
        return self._store.items(queue, which, after, limit)

    async def stats(self, queue: str) -> QueueStats:
        """Return how much is in it."""
        return self._store.stats(queue)

    async def queues(self) -> list[str]:
        """Return the names of all queues in the store."""
        return self._store.queues()

    async def blocked_lanes(self, queue: str) -> dict[str, int]:
        """Return the lanes that a DEAD head holds up, each with its number."""
        return self._store.blocked_lanes(queue)

    async def pause(
        self,
        queue: str,
        target: str = "",
        seconds: float = float("inf"),
        reason: str = "by-hand",
    ) -> None:
        """Stop claims of *target* (empty: of the whole queue) for *seconds*."""
        self._store.pause(queue, target, seconds, reason)

    async def resume(self, queue: str, target: str = "") -> list[Pause]:
        """End the pause of *target* (empty: every pause), and return what ended."""
        return self._store.resume(queue, target)

    async def requeue(
        self, queue: str, seqs: Sequence[int], *, tail: bool = False
    ) -> list[int]:
        """Let DEAD or PARKED items run again; return those that will."""
        return self._store.requeue(queue, seqs, tail=tail)

    async def discard(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """End DEAD or PARKED items for good; return how each ended."""
        return self._store.discard(queue, seqs)

    async def cancel(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """Cancel items that nobody holds; return how each ended."""
        return self._store.cancel(queue, seqs)

    async def purge(self, queue: str, limit: int = 1000) -> int:
        """Forget up to *limit* outcomes that are past their time; return how many."""
        return self._store.purge(queue, limit)

    async def check(self, queue: str, *, repair: bool = False) -> list[Finding]:
        """Compare counters, lanes and children with the rows."""
        return self._store.check(queue, repair=repair)

    def changes(self) -> int:
        """Return a number that changes when anybody has committed; cheap."""
        return self._store.changes()

    def on_change(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call *listener* after every call that changed a queue."""
        return self._store.on_change(listener)
