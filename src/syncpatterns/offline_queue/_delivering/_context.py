"""What a handler may know about the item it is called for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from syncpatterns.clock import Clock
from syncpatterns.errors import ConfigurationError, LeaseLost
from syncpatterns.offline_queue._core import Ack
from syncpatterns.offline_queue._flights import Flight
from syncpatterns.offline_queue._registering._payloads import headers_of
from syncpatterns.retry import remaining

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncpatterns.offline_queue._ports import AsyncQueueStore, QueueStore


#: Seconds at most for which a handler can keep an item that it may die of.
_LONGEST_LEASE: Final = 86400.0


class ItemContext:
    """One delivery of one item.

    Attributes:
        operation: Name under which the handler is registered.
        key: The idempotency key, the same in every delivery; send it along.
        scope: Whose key it is.
        id: Number of the item.
        attempt: 1 for the first, one more for each answered failure.
        deliveries: How often it was handed out, this time included.
        enqueued_at: When, in seconds since the epoch.
        age: Seconds since it may have reached somebody for the first time; 0 in
            the first delivery. What the header ``Idempotency-Age`` says.
        waited: Seconds since it was enqueued.
        token: Grows with each delivery, so a resource that remembers the
            highest can refuse a worker that was replaced.
        headers: What was given with ``headers=``.
    """

    __slots__ = (
        "_encode",
        "_flight",
        "_lease",
        "_queue",
        "_stores",
        "age",
        "attempt",
        "deliveries",
        "enqueued_at",
        "headers",
        "id",
        "key",
        "operation",
        "scope",
        "token",
        "waited",
    )

    def __init__(
        self,
        flight: Flight,
        *,
        queue: str,
        lease: float,
        clock: Clock,
        store: Callable[[], QueueStore],
        astore: Callable[[], AsyncQueueStore],
        encode: Callable[[Any], bytes],
    ) -> None:
        item = flight.item
        now = clock.time()
        sent = now if item.sent_at is None else item.sent_at
        self.operation: Final = item.operation
        self.key: Final = item.key
        self.scope: Final = item.scope
        self.id: Final = item.seq
        self.attempt: Final = item.attempts + 1
        self.deliveries: Final = item.deliveries
        self.enqueued_at: Final = item.created_at
        self.age: Final = max(0.0, now - sent)
        self.waited: Final = max(0.0, now - item.created_at)
        self.token: Final = item.token
        self.headers: Final[Mapping[str, str]] = MappingProxyType(headers_of(item))
        self._flight = flight
        self._queue = queue
        self._lease = lease
        self._stores = (store, astore)
        self._encode = encode

    def __repr__(self) -> str:
        return (
            f"ItemContext({self.operation!r}, key_hash={self.key_hash!r}, "
            f"id={self.id}, attempt={self.attempt}, deliveries={self.deliveries})"
        )

    @property
    def key_hash(self) -> str:
        """First 8 hex digits of the key's hash; safe to log."""
        return self._flight.item.key_hash

    @property
    def lost(self) -> bool:
        """True once somebody else holds the item; what is returned is dropped."""
        return self._flight.lost

    def check(self) -> None:
        """Stop here if somebody else holds the item; call it between long steps.

        Raises:
            LeaseLost: Somebody does.
        """
        if self._flight.lost:
            raise self._gone()

    def remaining(self) -> float:
        """Return the seconds one request may take: a lease's, or a nearer deadline's.

        The lease is renewed while the handler runs, so this is the time-out for
        a request, not for the handler.
        """
        return min(self._lease, remaining())

    def extend(self, seconds: float | None = None) -> None:
        """Keep the item for *seconds* from now; by default for another lease.

        Raises:
            LeaseLost: Somebody else holds it.
            ConfigurationError: That is no length of time, or longer than a day: the
                item would not come back for so long after a crash.
        """
        lease = self._for(seconds)
        hold = self._flight.item.hold
        self._require(self._stores[0]().extend(self._queue, [hold], lease))

    async def aextend(self, seconds: float | None = None) -> None:
        """Do `extend` on an event loop."""
        lease = self._for(seconds)
        hold = self._flight.item.hold
        self._require(await self._stores[1]().extend(self._queue, [hold], lease))

    def done_in(self, tx: Any, result: Any = None) -> None:
        """Let the item end with the rows of an open transaction, exactly once.

        For a handler whose effect is rows of the queue's own database: the item
        is DONE if, and only if, *tx* commits. Rolled back, it is delivered again.
        What the handler raises after the commit changes nothing, and is logged.

        ::

            def post(payload: Entry, ctx: ItemContext) -> None:
                def work(tx: Transaction) -> None:
                    tx.connection.execute("INSERT INTO entry VALUES (?)", (payload.n,))
                    ctx.done_in(tx)

                engine.transact(work)

        Args:
            tx: Of the same engine; call it last.
            result: What receipts say, instead of what the handler returns.

        Raises:
            LeaseLost: Somebody else holds the item; let the transaction fail.
            ConfigurationError: The queue is not in a database with transactions,
                or *tx* is of another engine.
            ResultNotStorable: The result is not what the handler is annotated to
                return, or has no JSON form.
        """
        store, flight = self._stores[0](), self._flight
        if tx is None:  # a store takes it for a transaction of its own
            raise ConfigurationError(
                f"{self.operation}: done_in() needs the open transaction, and got "
                "None. Without one, return the result instead."
            )
        if not store.capabilities.transactional:
            raise ConfigurationError(
                f"{self.operation}: {store.name} has no transactions that an item "
                "could end with. Return the result instead."
            )
        ack = Ack(flight.item.hold, self._encode(result))
        (settled,) = store.settle(self._queue, [ack], tx)
        if not settled.accepted:
            flight.lost = True
            raise self._gone()
        tx.after_commit(partial(self._acked, result))

    def _for(self, seconds: float | None) -> float:
        if seconds is None:
            return self._lease
        given: object = seconds
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if not number or not 0 < seconds <= _LONGEST_LEASE:
            raise ConfigurationError(
                f"{self.operation}: extend() takes seconds above 0, up to "
                f"{_LONGEST_LEASE:g}; not {seconds!r}. It can be called again."
            )
        return float(seconds)

    def _acked(self, result: Any) -> None:
        self._flight.acked_with = result
        self._flight.acked = True

    def _require(self, held: Sequence[object]) -> None:
        if not held:
            self._flight.lost = True
            raise self._gone()

    def _gone(self) -> LeaseLost:
        return LeaseLost(
            f"{self.operation} [{self.key_hash}] in {self._queue}: the lease ran out "
            "and another worker has the item. Return; what is done here is dropped."
        )
