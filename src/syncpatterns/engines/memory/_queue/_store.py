"""Queues in memory, as the offline queue's store.

One lock, held for one decision and never while anything else runs: no user
code, no listener, no waiting. What is decided is in the files beside this one,
as functions over the table of one queue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from syncpatterns._forks import renewed_in_child
from syncpatterns.clock import Clock
from syncpatterns.engines.memory._queue import _claims as claims, _settle as settling
from syncpatterns.engines.memory._queue._check import check
from syncpatterns.engines.memory._queue._enqueue import enqueue
from syncpatterns.engines.memory._queue._rows import QueueTable
from syncpatterns.engines.memory._queue._shown import (
    listed,
    matches,
    purge,
    stats_of,
    waiting,
)
from syncpatterns.engines.memory._queue._time import catch_up, stage
from syncpatterns.engines.memory._queue._values import Now
from syncpatterns.errors import ConfigurationError, EngineClosed
from syncpatterns.offline_queue._core import (
    ALL_ITEMS,
    Ended,
    Enqueued,
    Filter,
    Finding,
    Hold,
    Item,
    ItemState,
    Pause,
    QueueCapabilities,
    QueueRules,
    QueueStats,
    Settled,
    Settlement,
    Staged,
    identity,
)
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest, Turn

_T = TypeVar("_T")
_log = logging.getLogger("syncpatterns.memory")

#: Rows that a listing looks at before it lets others have the lock.
_CHUNK: Final = 1000


class MemoryQueueStore:
    """Implements `QueueStore` for the threads and loops of one process.

    Leases, delays and pauses go by the monotonic clock, ages by the wall clock.

    Args:
        clock: Where the time comes from.
    """

    name = "memory"
    capabilities = QueueCapabilities(
        durable=False, cross_process=False, transactional=False
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tables: dict[str, QueueTable] = {}
        self._listeners: dict[object, Callable[[], object]] = {}
        self._changes = 0
        self.lock = threading.Lock()
        self.closed = False
        renewed_in_child(self)

    def _start_over(self) -> None:
        self.lock = threading.Lock()

    def configure(self, queue: str, rules: QueueRules, tx: Any = None) -> None:
        """Make *queue* if it is new, and keep its rules."""
        _refuse_transaction(tx)
        self._do(queue, lambda table, now: settling.configure(table, rules, now))

    def enqueue(self, request: EnqueueRequest, tx: Any = None) -> list[Enqueued]:
        """Store the items, and return what became of each, in their order."""
        _refuse_transaction(tx)
        return self._do(request.queue, lambda table, now: enqueue(table, request, now))

    def claim(self, request: ClaimRequest) -> list[Item]:
        """Take items that are READY, by priority and then in their order."""

        def work(table: QueueTable, now: Now) -> list[Item]:
            catch_up(table, now)
            return claims.claim(table, request, now)

        return self._do(request.queue, work)

    def extend(self, queue: str, holds: Sequence[Hold], lease: float) -> list[Hold]:
        """Move the leases to *lease* seconds from now; return those still held."""
        return self._do(
            queue,
            lambda table, now: [
                hold for hold in holds if claims.extend(table, hold, lease, now)
            ],
        )

    def settle(
        self, queue: str, settlements: Sequence[Settlement], tx: Any = None
    ) -> list[Settled]:
        """Settle items that were held; in one commit, each apart from the others."""
        _refuse_transaction(tx)

        def work(table: QueueTable, now: Now) -> list[Settled]:
            with table.atomic():
                return [settling.settle(table, said, now) for said in settlements]

        return self._do(queue, work)

    def settle_and_claim(
        self, request: ClaimRequest, settlements: Sequence[Settlement]
    ) -> Turn:
        """Do a `settle` and then a `claim`, with nobody in between."""

        def work(table: QueueTable, now: Now) -> Turn:
            with table.atomic():
                settled = [settling.settle(table, said, now) for said in settlements]
            catch_up(table, now)
            return Turn(settled, claims.claim(table, request, now))

        return self._do(request.queue, work)

    def stage(self, queue: str) -> Staged:
        """Do what time alone asks for, and say when it asks again."""
        return self._do(queue, stage)

    def get(self, queue: str, seq: int) -> Item | None:
        """Return an item that is live or DEAD."""

        def work(table: QueueTable, now: Now) -> Item | None:
            row = table.rows.get(seq)
            return None if row is None else row.shown(now)

        return self._do(queue, work)

    def find(self, queue: str, scope: str, operation: str, key: str) -> int | None:
        """Return the number of the item with this key, also of one that has ended."""

        def work(table: QueueTable, now: Now) -> int | None:
            seq = table.identities.get(identity(scope, operation, key))
            if seq is None or seq in table.rows:
                return seq
            return None if table.outcome(seq, now) is None else seq

        return self._do(queue, work)

    def ended(self, queue: str, seq: int) -> Ended | None:
        """Return how an item ended; None if it has not, or it is forgotten."""

        def work(table: QueueTable, now: Now) -> Ended | None:
            row = table.rows.get(seq)
            if row is not None:
                return row.ended if row.item.state is ItemState.DEAD else None
            kept = table.outcome(seq, now)
            return None if kept is None else kept.ended

        return self._do(queue, work)

    def parents(self, queue: str, seq: int) -> dict[int, Ended]:
        """Return how each parent of an item ended, as far as they have."""

        def work(table: QueueTable, _: Now) -> dict[int, Ended]:
            row = table.rows.get(seq)
            edges = () if row is None else row.edges
            return {edge.parent: edge.outcome for edge in edges if edge.outcome}

        return self._do(queue, work)

    def waiting(
        self, queue: str, operation: str, entity: str, scope: str
    ) -> Item | None:
        """Return the newest undelivered item that a new one could be merged with."""
        return self._do(
            queue, partial(waiting, operation=operation, entity=entity, scope=scope)
        )

    def items(
        self, queue: str, which: Filter = ALL_ITEMS, after: int = 0, limit: int = 100
    ) -> list[Item]:
        """Return up to *limit* items, live and DEAD, with numbers above *after*."""
        found: list[Item] = []
        while len(found) < limit:
            rows = self._do(queue, partial(listed, after=after, count=_CHUNK))
            fitting = [item for item in rows if matches(item, which)]
            found += fitting[: limit - len(found)]
            if len(rows) < _CHUNK:
                break
            after = rows[-1].seq
        return found

    def stats(self, queue: str) -> QueueStats:
        """Return how much is in it."""
        return self._do(queue, stats_of)

    def queues(self) -> list[str]:
        """Return the names of all queues in the store."""
        with self.lock:
            self._refuse_closed()
            return sorted(self._tables)

    def blocked_lanes(self, queue: str) -> dict[str, int]:
        """Return the lanes that a DEAD head holds up, each with its number."""
        return self._do(queue, lambda table, _: dict(table.index.blocked))

    def pause(
        self,
        queue: str,
        target: str = "",
        seconds: float = float("inf"),
        reason: str = "by-hand",
    ) -> None:
        """Stop claims of *target* (empty: of the whole queue) for *seconds*."""
        self._do(
            queue,
            lambda table, now: settling.pause(table, target, seconds, reason, now),
        )

    def resume(self, queue: str, target: str = "") -> list[Pause]:
        """End the pause of *target* (empty: every pause), and return what ended."""
        return self._do(queue, lambda table, now: settling.resume(table, target, now))

    def requeue(
        self, queue: str, seqs: Sequence[int], *, tail: bool = False
    ) -> list[int]:
        """Let DEAD or PARKED items run again; return those that will."""
        return self._do(
            queue, lambda table, now: settling.requeue(table, seqs, now, tail=tail)
        )

    def discard(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """End DEAD or PARKED items for good; return how each ended."""
        return self._do(queue, lambda table, now: settling.discard(table, seqs, now))

    def cancel(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """Cancel items that nobody holds; return how each ended."""
        return self._do(queue, lambda table, now: settling.cancel(table, seqs, now))

    def purge(self, queue: str, limit: int = 1000) -> int:
        """Forget up to *limit* outcomes that are past their time; return how many."""
        return self._do(queue, partial(purge, limit=limit))

    def sweep(self) -> int:
        """Purge every queue, in batches; return how many outcomes were forgotten."""
        removed = 0
        for queue in self.queues():
            while batch := self.purge(queue):
                removed += batch
        return removed

    def check(self, queue: str, *, repair: bool = False) -> list[Finding]:
        """Compare counters, lanes and children with the rows."""
        return self._do(queue, lambda table, now: check(table, now, repair=repair))

    def changes(self) -> int:
        """Return a number that changes when anybody has committed; cheap."""
        return self._changes

    def on_change(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call *listener* after every call that changed a queue.

        It runs on the thread of that call, and must not block.
        """
        token = object()
        with self.lock:
            self._listeners = {**self._listeners, token: listener}
        return lambda: self._off(token)

    def _off(self, token: object) -> None:
        with self.lock:
            self._listeners = {
                each: listener
                for each, listener in self._listeners.items()
                if each is not token
            }

    def _do(self, queue: str, work: Callable[[QueueTable, Now], _T]) -> _T:
        """Do one decision under the lock, and tell the listeners after it."""
        with self.lock:
            self._refuse_closed()
            now = Now(self._clock.monotonic(), self._clock.time())
            table = self._tables.get(queue) or QueueTable(queue)
            before = table.changed
            answer = work(table, now)
            table.settled()
            changed = table.changed != before
            if changed:
                self._tables[queue] = table
                self._changes += 1
        if changed:
            self._tell()
        return answer

    def _tell(self) -> None:
        for listener in self._listeners.values():
            try:
                listener()
            except Exception:  # noqa: BLE001 - a listener must not break the call it hears of
                _log.exception("A listener to changes of a queue failed")

    def _refuse_closed(self) -> None:
        if self.closed:
            raise EngineClosed("memory: the engine was closed. Nothing was done.")


def _refuse_transaction(tx: Any) -> None:
    if tx is not None:
        raise ConfigurationError(
            "memory: this engine has no transactions, so nothing can be enqueued or "
            "settled in one. Nothing was done. Use a queue on an engine that has, "
            'such as connect("sqlite:///app.db"), or leave tx= out.'
        )
