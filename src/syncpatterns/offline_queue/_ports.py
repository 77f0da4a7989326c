"""What the offline queue needs from an engine, as ordinary methods.

A third-party engine implements `QueueStore` (and the async twin if its client
is async) and runs `syncpatterns.testing.conformance.queue`. Every method is
atomic, uses the store's own clock, and is safe to call from any thread.
*queue* is the name of a queue; several share one store. Two clocks matter:
leases, delays and pauses are measured by one that a change of the wall clock
does not move; ages (`expires_at`, `sent_at`) by the wall clock, which goes on
while a machine sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from syncpatterns.offline_queue._core import (
    ALL_ITEMS,
    Ended,
    Enqueued,
    Filter,
    Finding,
    Hold,
    Item,
    NewItem,
    Overflow,
    Pause,
    QueueCapabilities,
    QueueRules,
    QueueStats,
    Settled,
    Settlement,
    Staged,
)


class EnqueueRequest(NamedTuple):
    """Items to be stored together: all of them, or none.

    Args:
        queue: Name of the queue.
        items: What to store, in order.
        overflow: What to do if there is no room.
        lease: Seconds for which a single item is claimed by whoever enqueues
            it, in the same commit; 0 for not at all. Granted only if it is
            READY at once: nothing before it in its lane, nothing paused.
    """

    queue: str
    items: Sequence[NewItem]
    overflow: Overflow = "reject"
    lease: float = 0.0


class ClaimRequest(NamedTuple):
    """What a drain wants to work on now.

    Args:
        queue: Name of the queue.
        limit: Most items.
        lease: Seconds for which they are claimed.
        caps: Most items of a target, where that is below *limit*; 0 for none.
        only: Targets to claim from; None for all that are not paused.
    """

    queue: str
    limit: int
    lease: float
    caps: dict[str, int] = {}  # noqa: RUF012 - never changed; a NamedTuple's default
    only: frozenset[str] | None = None


class Turn(NamedTuple):
    """What came of one commit that settled and claimed.

    Args:
        settled: The answer to each settlement, in their order.
        items: What was claimed.
    """

    settled: list[Settled]
    items: list[Item]


@runtime_checkable
class QueueStore(Protocol):
    """A blocking store of queued actions."""

    @property
    def name(self) -> str:
        """Name of the engine, for errors and metrics."""
        ...

    @property
    def capabilities(self) -> QueueCapabilities:
        """What it can do."""
        ...

    def configure(self, queue: str, rules: QueueRules, tx: Any = None) -> None:
        """Make *queue* if it is new, and keep its rules.

        With *tx*, a queue whose first use is inside an effect is made there: a
        transaction of its own would wait for itself.
        """
        ...

    def enqueue(self, request: EnqueueRequest, tx: Any = None) -> list[Enqueued]:
        """Store the items, and return what became of each, in their order.

        Args:
            request: What to store.
            tx: An open transaction of the same engine, as an effect gets it;
                None for a durable commit of its own.

        Raises:
            QueueFull: There is no room; nothing was stored.
            KeyReused: A key was used for another payload; nothing was stored.
            StoreUnavailable: Nothing was stored, as far as the store knows.
        """
        ...

    def claim(self, request: ClaimRequest) -> list[Item]:
        """Take items that are READY, by priority and then in their order.

        Items that became due, and leases that ended, are seen without a call
        of `stage` before.
        """
        ...

    def extend(self, queue: str, holds: Sequence[Hold], lease: float) -> list[Hold]:
        """Move the leases to *lease* seconds from now; return those still held."""
        ...

    def settle(
        self, queue: str, settlements: Sequence[Settlement], tx: Any = None
    ) -> list[Settled]:
        """Settle items that were held; in one commit, each apart from the others."""
        ...

    def settle_and_claim(
        self, request: ClaimRequest, settlements: Sequence[Settlement]
    ) -> Turn:
        """Do a `settle` and then a `claim`, in one commit.

        For a worker that goes on: a commit less for each item. What is claimed is
        READY once the settlements are done, the next of a lane too, and has a lease
        like any other. If a settlement is refused with an error, nothing is claimed.
        It may claim nothing where time has much to do first: a `claim` finds out.
        """
        ...

    def stage(self, queue: str) -> Staged:
        """Do what time alone asks for, and say when it asks again.

        In one order on every engine, however late it is called: first the leases
        that ended, by their end; then what is past its age, by (expires_at, seq)
        and whatever its state; then what was sent too long ago is parked; then
        SCHEDULED items wake. Each end takes along at once whoever ends with it,
        and that is how those end: under ``cascade``, of a whole lane that is past
        its age the one that was first is EXPIRED, and those behind it are DEAD
        (predecessor), which keeps them for people to requeue. A `claim` lets time
        pass in the same order.
        """
        ...

    def get(self, queue: str, seq: int) -> Item | None:
        """Return an item that is live or DEAD."""
        ...

    def find(self, queue: str, scope: str, operation: str, key: str) -> int | None:
        """Return the number of the item with this key, also of one that has ended."""
        ...

    def ended(self, queue: str, seq: int) -> Ended | None:
        """Return how an item ended; None if it has not, or it is forgotten."""
        ...

    def parents(self, queue: str, seq: int) -> dict[int, Ended]:
        """Return how each parent of an item ended, as far as they have."""
        ...

    def waiting(
        self, queue: str, operation: str, entity: str, scope: str
    ) -> Item | None:
        """Return the newest undelivered item that a new one could be merged with.

        It is of the same scope: two tenants may call a thing by the same name.
        """
        ...

    def items(
        self, queue: str, which: Filter = ALL_ITEMS, after: int = 0, limit: int = 100
    ) -> list[Item]:
        """Return up to *limit* items, live and DEAD, with numbers above *after*."""
        ...

    def stats(self, queue: str) -> QueueStats:
        """Return how much is in it."""
        ...

    def queues(self) -> list[str]:
        """Return the names of all queues in the store."""
        ...

    def blocked_lanes(self, queue: str) -> dict[str, int]:
        """Return the lanes that a DEAD head holds up, each with its number."""
        ...

    def pause(
        self,
        queue: str,
        target: str = "",
        seconds: float = float("inf"),
        reason: str = "by-hand",
    ) -> None:
        """Stop claims of *target* (empty: of the whole queue) for *seconds*.

        A longer pause is never cut short by a shorter one.
        """
        ...

    def resume(self, queue: str, target: str = "") -> list[Pause]:
        """End the pause of *target* (empty: every pause), and return what ended.

        Items PARKED because of a missing sign-in are READY again.
        """
        ...

    def requeue(
        self, queue: str, seqs: Sequence[int], *, tail: bool = False
    ) -> list[int]:
        """Let DEAD or PARKED items run again; return those that will.

        Under their old number and key, with attempts and lapses at 0; with
        *tail* at the end of their lane. An item that others wait for keeps its
        place: behind its own child in the lane it would wait for the child, the
        child for its parent, and the lane would stand still for ever. Whoever does
        this vouches for it: its ages (`sent_at`, `expires_at`) are counted from now.
        """
        ...

    def discard(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """End DEAD or PARKED items for good; return how each ended."""
        ...

    def cancel(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """Cancel items that nobody holds; return how each ended."""
        ...

    def purge(self, queue: str, limit: int = 1000) -> int:
        """Forget up to *limit* outcomes that are past their time; return how many."""
        ...

    def check(self, queue: str, *, repair: bool = False) -> list[Finding]:
        """Compare counters, lanes and children with the rows."""
        ...

    def changes(self) -> int:
        """Return a number that changes when anybody has committed; cheap."""
        ...

    def on_change(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call *listener* after commits of this process that touched a queue.

        A hint that may be missed; it runs on any thread and must not block.
        Returns a function that takes the listener off.
        """
        ...


@runtime_checkable
class AsyncQueueStore(Protocol):
    """The same store for an event loop; each method is `QueueStore`'s."""

    @property
    def name(self) -> str:
        """Name of the engine, for errors and metrics."""
        ...

    @property
    def capabilities(self) -> QueueCapabilities:
        """What it can do."""
        ...

    async def configure(self, queue: str, rules: QueueRules) -> None:
        """Make *queue* if it is new, and keep its rules."""
        ...

    async def enqueue(self, request: EnqueueRequest) -> list[Enqueued]:
        """Store the items, and return what became of each, in their order."""
        ...

    async def claim(self, request: ClaimRequest) -> list[Item]:
        """Take items that are READY, by priority and then in their order."""
        ...

    async def extend(
        self, queue: str, holds: Sequence[Hold], lease: float
    ) -> list[Hold]:
        """Move the leases to *lease* seconds from now; return those still held."""
        ...

    async def settle(
        self, queue: str, settlements: Sequence[Settlement]
    ) -> list[Settled]:
        """Settle items that were held; in one commit, each apart from the others."""
        ...

    async def settle_and_claim(
        self, request: ClaimRequest, settlements: Sequence[Settlement]
    ) -> Turn:
        """Do a `settle` and then a `claim`, in one commit."""
        ...

    async def stage(self, queue: str) -> Staged:
        """Do what time alone asks for, and say when it asks again."""
        ...

    async def get(self, queue: str, seq: int) -> Item | None:
        """Return an item that is live or DEAD."""
        ...

    async def find(
        self, queue: str, scope: str, operation: str, key: str
    ) -> int | None:
        """Return the number of the item with this key, also of one that has ended."""
        ...

    async def ended(self, queue: str, seq: int) -> Ended | None:
        """Return how an item ended; None if it has not, or it is forgotten."""
        ...

    async def parents(self, queue: str, seq: int) -> dict[int, Ended]:
        """Return how each parent of an item ended, as far as they have."""
        ...

    async def waiting(
        self, queue: str, operation: str, entity: str, scope: str
    ) -> Item | None:
        """Return the newest undelivered item that a new one could be merged with."""
        ...

    async def items(
        self, queue: str, which: Filter = ALL_ITEMS, after: int = 0, limit: int = 100
    ) -> list[Item]:
        """Return up to *limit* items, live and DEAD, with numbers above *after*."""
        ...

    async def stats(self, queue: str) -> QueueStats:
        """Return how much is in it."""
        ...

    async def queues(self) -> list[str]:
        """Return the names of all queues in the store."""
        ...

    async def blocked_lanes(self, queue: str) -> dict[str, int]:
        """Return the lanes that a DEAD head holds up, each with its number."""
        ...

    async def pause(
        self,
        queue: str,
        target: str = "",
        seconds: float = float("inf"),
        reason: str = "by-hand",
    ) -> None:
        """Stop claims of *target* (empty: of the whole queue) for *seconds*."""
        ...

    async def resume(self, queue: str, target: str = "") -> list[Pause]:
        """End the pause of *target* (empty: every pause), and return what ended."""
        ...

    async def requeue(
        self, queue: str, seqs: Sequence[int], *, tail: bool = False
    ) -> list[int]:
        """Let DEAD or PARKED items run again; return those that will."""
        ...

    async def discard(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """End DEAD or PARKED items for good; return how each ended."""
        ...

    async def cancel(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """Cancel items that nobody holds; return how each ended."""
        ...

    async def purge(self, queue: str, limit: int = 1000) -> int:
        """Forget up to *limit* outcomes that are past their time; return how many."""
        ...

    async def check(self, queue: str, *, repair: bool = False) -> list[Finding]:
        """Compare counters, lanes and children with the rows."""
        ...

    def changes(self) -> int:
        """Return a number that changes when anybody has committed; cheap."""
        ...

    def on_change(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call *listener* after commits of this process that touched a queue."""
        ...


@runtime_checkable
class QueueEngine(Protocol):
    """An engine that keeps queues."""

    @property
    def name(self) -> str:
        """Name of the engine, for errors and metrics."""
        ...

    def queue_store(self) -> QueueStore:
        """Return the blocking store."""
        ...

    def async_queue_store(self) -> AsyncQueueStore:
        """Return the store for an event loop."""
        ...
