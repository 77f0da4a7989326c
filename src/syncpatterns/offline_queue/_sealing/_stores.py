"""The stores of a queue as everything else in it sees them: open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from syncpatterns._flow import Flow, arun, run
from syncpatterns.offline_queue._core import (
    ALL_ITEMS,
    Ended,
    Enqueued,
    Filter,
    Item,
    LanePolicy,
    Settled,
    Settlement,
)
from syncpatterns.offline_queue._ports import (
    AsyncQueueStore,
    ClaimRequest,
    EnqueueRequest,
    QueueStore,
)
from syncpatterns.offline_queue._sealing import _flows as flows
from syncpatterns.offline_queue._sealing._flows import Call
from syncpatterns.offline_queue._sealing._seals import Seals
from syncpatterns.offline_queue._stores import Stores

if TYPE_CHECKING:
    from syncpatterns.offline_queue._ports import Turn

T = TypeVar("T")


#: What neither takes nor gives anything that is sealed. Whatever else a store learns
#: to do is missing here until somebody has thought about it: handed on unseen, a new
#: method could store a payload in the clear.
PASSED_ON: Final = frozenset(
    {
        "cancel",
        "capabilities",
        "changes",
        "check",
        "configure",
        "discard",
        "extend",
        "find",
        "name",
        "on_change",
        "pause",
        "purge",
        "queues",
        "requeue",
        "resume",
        "stage",
        "stats",
    }
)


class _Forwards:
    """Hands what has nothing to do with sealing to the store itself."""

    def __init__(self, store: object, seals: Seals, on_dead: LanePolicy) -> None:
        self._store: Any = store
        self._seals = seals
        self._on_dead: LanePolicy = on_dead

    @property
    def kept(self) -> Any:
        """The store itself, with what is sealed in it."""
        return self._store

    def over(self, store: object) -> Self:
        """Return the same seals over another store."""
        return type(self)(store, self._seals, self._on_dead)

    def __getattr__(self, name: str) -> Any:
        if name not in PASSED_ON:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        found = getattr(self._store, name)
        self.__dict__[name] = found
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._store!r})"


class OpenStore(_Forwards):
    """A blocking store that takes and gives what is open, and keeps it sealed.

    Args:
        store: Where it is kept.
        seals: Of the queue.
        on_dead: What a lane of the queue does whose head ends undone.
    """

    def enqueue(self, request: EnqueueRequest, tx: Any = None) -> list[Enqueued]:
        """Seal the items, and store them."""
        if self._seals.idle:
            stored = self._store.enqueue(request, tx)
            return [flows.enqueued_out(self._seals, each) for each in stored]
        flow = flows.enqueue
        return self._run(lambda: flow(self._seals, request, self._on_dead, tx))

    def claim(self, request: ClaimRequest) -> list[Item]:
        """Claim items, and open them."""
        item_out = self._seals.item_out
        return [item_out(item) for item in self._store.claim(request)]

    def settle(
        self, queue: str, settlements: Sequence[Settlement], tx: Any = None
    ) -> list[Settled]:
        """Settle, with sealed results."""
        if self._seals.idle:
            return cast("list[Settled]", self._store.settle(queue, settlements, tx))
        return self._run(lambda: flows.settle(self._seals, queue, settlements, tx))

    def settle_and_claim(
        self, request: ClaimRequest, settlements: Sequence[Settlement]
    ) -> Turn:
        """Settle, with sealed results, and open what is claimed."""
        if self._seals.idle:
            turn: Turn = self._store.settle_and_claim(request, settlements)
            items = [self._seals.item_out(item) for item in turn.items]
            return turn._replace(items=items)
        flow = flows.settle_and_claim
        return self._run(lambda: flow(self._seals, request, settlements))

    def get(self, queue: str, seq: int) -> Item | None:
        """Return an item, opened."""
        return self._run(lambda: flows.get(self._seals, queue, seq))

    def ended(self, queue: str, seq: int) -> Ended | None:
        """Return how an item ended, with its result opened."""
        return self._run(lambda: flows.ended(self._seals, queue, seq))

    def parents(self, queue: str, seq: int) -> dict[int, Ended]:
        """Return how the parents ended, with their results opened."""
        return self._run(lambda: flows.parents(self._seals, queue, seq))

    def waiting(
        self, queue: str, operation: str, entity: str, scope: str
    ) -> Item | None:
        """Return what a new item could be merged with, opened."""
        return self._run(
            lambda: flows.waiting(self._seals, queue, operation, entity, scope)
        )

    def items(
        self, queue: str, which: Filter = ALL_ITEMS, after: int = 0, limit: int = 100
    ) -> list[Item]:
        """Return items, opened."""
        return self._run(lambda: flows.items(self._seals, queue, which, after, limit))

    def blocked_lanes(self, queue: str) -> dict[str, int]:
        """Return the lanes that are held up, by their names."""
        return self._run(lambda: flows.blocked_lanes(self._seals, queue))

    def _run(self, flow: Callable[[], Flow[Call, T]]) -> T:
        return run(flow, self._called)

    def _called(self, call: Call) -> Any:
        return getattr(self._store, call.method)(*call.args, **call.options)


class AsyncOpenStore(_Forwards):
    """Does what `OpenStore` does, for an event loop."""

    async def enqueue(self, request: EnqueueRequest) -> list[Enqueued]:
        """Seal the items, and store them."""
        if self._seals.idle:
            stored = await self._store.enqueue(request)
            return [flows.enqueued_out(self._seals, each) for each in stored]
        flow = flows.enqueue
        return await self._run(lambda: flow(self._seals, request, self._on_dead))

    async def claim(self, request: ClaimRequest) -> list[Item]:
        """Claim items, and open them."""
        item_out = self._seals.item_out
        return [item_out(item) for item in await self._store.claim(request)]

    async def settle(
        self, queue: str, settlements: Sequence[Settlement]
    ) -> list[Settled]:
        """Settle, with sealed results."""
        if self._seals.idle:
            return cast("list[Settled]", await self._store.settle(queue, settlements))
        return await self._run(lambda: flows.settle(self._seals, queue, settlements))

    async def settle_and_claim(
        self, request: ClaimRequest, settlements: Sequence[Settlement]
    ) -> Turn:
        """Settle, with sealed results, and open what is claimed."""
        if self._seals.idle:
            turn: Turn = await self._store.settle_and_claim(request, settlements)
            items = [self._seals.item_out(item) for item in turn.items]
            return turn._replace(items=items)
        flow = flows.settle_and_claim
        return await self._run(lambda: flow(self._seals, request, settlements))

    async def get(self, queue: str, seq: int) -> Item | None:
        """Return an item, opened."""
        return await self._run(lambda: flows.get(self._seals, queue, seq))

    async def ended(self, queue: str, seq: int) -> Ended | None:
        """Return how an item ended, with its result opened."""
        return await self._run(lambda: flows.ended(self._seals, queue, seq))

    async def parents(self, queue: str, seq: int) -> dict[int, Ended]:
        """Return how the parents ended, with their results opened."""
        return await self._run(lambda: flows.parents(self._seals, queue, seq))

    async def waiting(
        self, queue: str, operation: str, entity: str, scope: str
    ) -> Item | None:
        """Return what a new item could be merged with, opened."""
        flow = flows.waiting
        return await self._run(
            lambda: flow(self._seals, queue, operation, entity, scope)
        )

    async def items(
        self, queue: str, which: Filter = ALL_ITEMS, after: int = 0, limit: int = 100
    ) -> list[Item]:
        """Return items, opened."""
        flow = flows.items
        return await self._run(lambda: flow(self._seals, queue, which, after, limit))

    async def blocked_lanes(self, queue: str) -> dict[str, int]:
        """Return the lanes that are held up, by their names."""
        return await self._run(lambda: flows.blocked_lanes(self._seals, queue))

    async def _run(self, flow: Callable[[], Flow[Call, T]]) -> T:
        return await arun(flow, self._called)

    def _called(self, call: Call) -> Awaitable[Any]:
        answer: Awaitable[Any] = getattr(self._store, call.method)(
            *call.args, **call.options
        )
        return answer


def open_stores(stores: Stores, seals: Seals, on_dead: LanePolicy) -> Stores:
    """Return *stores* as a queue with *seals* sees them."""
    blocking: QueueStore | None = None
    awaiting: AsyncQueueStore | None = None
    if stores.blocking is not None:
        blocking = cast("QueueStore", OpenStore(stores.blocking, seals, on_dead))
    if stores.awaiting is not None:
        awaiting = cast(
            "AsyncQueueStore", AsyncOpenStore(stores.awaiting, seals, on_dead)
        )
    return stores._replace(blocking=blocking, awaiting=awaiting)
