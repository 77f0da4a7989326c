"""Queues in SQLite, as the offline queue's store.

Each call is one short transaction; what is decided stands in the files beside
this one, as functions over a desk, and the async store is the same calls on the
writer's thread. A commit whose answer got lost is asked again at once, where
asking twice is answered like once: an item by its key, a settlement by its
token. A claim that got lost is made anew, and what it took comes back when its
lease ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from syncpatterns.engines.sqlite._queue._crowd import ALONE
from syncpatterns.engines.sqlite._queue._looks import queues
from syncpatterns.errors import OutcomeUnknown
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

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._engine import SqliteEngine
    from syncpatterns.engines.sqlite._life import Life
    from syncpatterns.engines.sqlite._queue._looks import Look
    from syncpatterns.engines.sqlite._queue._works import Office, Work

T = TypeVar("T")


class SqliteQueues:
    """What both stores of an engine have: its parts, and its news.

    Args:
        engine: Whose file it is.
        life: The engine's connections.
        office: Shared by all stores of the engine.
    """

    name = "sqlite"
    capabilities = QueueCapabilities(
        durable=True, cross_process=True, transactional=True
    )

    def __init__(self, engine: SqliteEngine, life: Life, office: Office) -> None:
        self._engine = engine
        self._life = life
        self._office = office

    def changes(self) -> int:
        """Return a number that changes when anybody has committed; cheap."""
        return self._engine.data_version()

    def on_change(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call *listener* after commits of this process that touched a queue."""
        return self._life.queue_listeners.add(listener)


class SqliteQueueStore(SqliteQueues):
    """Implements `QueueStore` for the threads of a process."""

    def configure(self, queue: str, rules: QueueRules, tx: Any = None) -> None:
        """Make *queue* if it is new, and keep its rules; in *tx*, if given."""
        if tx is not None:
            self._office.configure_in(self._life, tx, queue, rules)
            return
        office = self._office
        if not office.is_told(queue) or self._look(office.rules_of(queue)) != rules:
            self._write(self._office.configure(queue, rules))
        self._office.told(queue, rules)

    def enqueue(self, request: EnqueueRequest, tx: Any = None) -> list[Enqueued]:
        """Store the items, and return what became of each, in their order."""
        if tx is not None:
            return self._office.enqueue_in(self._life, tx, request)
        return self._store(request)

    def claim(self, request: ClaimRequest) -> list[Item]:
        """Take items that are READY, by priority and then in their order."""
        while (claimed := self._write(self._office.claim(request))) is None:
            pass
        return claimed

    def extend(self, queue: str, holds: Sequence[Hold], lease: float) -> list[Hold]:
        """Move the leases to *lease* seconds from now; return those still held."""
        return self._write(self._office.extend(queue, holds, lease)) if holds else []

    def settle(
        self, queue: str, settlements: Sequence[Settlement], tx: Any = None
    ) -> list[Settled]:
        """Settle items that were held; in one commit, each apart from the others."""
        if tx is not None:
            return self._office.settle_in(self._life, tx, queue, settlements)
        if not settlements:
            return []
        return self._write(self._office.settle(queue, settlements))

    def settle_and_claim(
        self, request: ClaimRequest, settlements: Sequence[Settlement]
    ) -> Turn:
        """Do a `settle` and then a `claim`, in one commit."""
        return self._write(self._office.settle_and_claim(request, settlements))

    def stage(self, queue: str) -> Staged:
        """Do what time alone asks for, and say when it asks again."""
        while (staged := self._write(self._office.stage(queue))) is None:
            pass
        return staged

    def get(self, queue: str, seq: int) -> Item | None:
        """Return an item that is live or DEAD."""
        return self._look(self._office.get(queue, seq))

    def find(self, queue: str, scope: str, operation: str, key: str) -> int | None:
        """Return the number of the item with this key, also of one that has ended."""
        return self._look(self._office.find(queue, scope, operation, key))

    def ended(self, queue: str, seq: int) -> Ended | None:
        """Return how an item ended; None if it has not, or it is forgotten."""
        return self._look(self._office.ended(queue, seq))

    def parents(self, queue: str, seq: int) -> dict[int, Ended]:
        """Return how each parent of an item ended, as far as they have."""
        return self._look(self._office.parents(queue, seq))

    def waiting(
        self, queue: str, operation: str, entity: str, scope: str
    ) -> Item | None:
        """Return the newest undelivered item that a new one could be merged with."""
        return self._look(self._office.waiting(queue, operation, entity, scope))

    def items(
        self, queue: str, which: Filter = ALL_ITEMS, after: int = 0, limit: int = 100
    ) -> list[Item]:
        """Return up to *limit* items, live and DEAD, with numbers above *after*."""
        return self._look(self._office.items(queue, which, after, limit))

    def stats(self, queue: str) -> QueueStats:
        """Return how much is in it."""
        return self._look(self._office.stats(queue))

    def queues(self) -> list[str]:
        """Return the names of all queues in the store."""
        return self._engine.read(queues)

    def blocked_lanes(self, queue: str) -> dict[str, int]:
        """Return the lanes that a DEAD head holds up, each with its number."""
        return self._look(self._office.blocked_lanes(queue))

    def pause(
        self,
        queue: str,
        target: str = "",
        seconds: float = float("inf"),
        reason: str = "by-hand",
    ) -> None:
        """Stop claims of *target* (empty: of the whole queue) for *seconds*."""
        self._write(self._office.pause(queue, target, seconds, reason))

    def resume(self, queue: str, target: str = "") -> list[Pause]:
        """End the pause of *target* (empty: every pause), and return what ended."""
        return self._write(self._office.resume(queue, target))

    def requeue(
        self, queue: str, seqs: Sequence[int], *, tail: bool = False
    ) -> list[int]:
        """Let DEAD or PARKED items run again; return those that will."""
        return self._write(self._office.requeue(queue, seqs, tail=tail))

    def discard(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """End DEAD or PARKED items for good; return how each ended."""
        return self._write(self._office.discard(queue, seqs))

    def sent_before(self, queue: str, seq: int, at: float, tx: Any) -> None:
        """Note when an item was first sent, which comes from another database.

        Not a part of the port: an import is made for this file.
        """
        self._office.sent_before_in(self._life, tx, queue, seq, at)

    def cancel(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """Cancel items that nobody holds; return how each ended."""
        return self._write(self._office.cancel(queue, seqs))

    def purge(self, queue: str, limit: int = 1000) -> int:
        """Forget up to *limit* outcomes that are past their time; return how many."""
        return self._write(self._office.purge(queue, limit))

    def check(self, queue: str, *, repair: bool = False) -> list[Finding]:
        """Compare counters, lanes and children with the rows."""
        if repair:
            return self._write(self._office.repair(queue))
        return self._look(self._office.check(queue))

    # ---------------------------------------------------------------- inside

    def _write(self, work: Work[T]) -> T:
        self._start()
        try:
            answer = self._engine.transact(work.first, relaxed=work.relaxed)
        except OutcomeUnknown:
            if work.again is None:
                raise
            answer = self._engine.transact(work.again, relaxed=work.relaxed)
        return work.done(answer)

    def _store(self, request: EnqueueRequest) -> list[Enqueued]:
        self._start()
        office, writer = self._office, self._life.open()
        work = office.enqueue(request)
        try:
            done = writer.run_if_idle(work.first, relaxed=work.relaxed)
            if done is None:
                answer = office.crowd.ask(office, writer, request, work)
            else:
                answer = done.value
        except OutcomeUnknown:
            answer = ALONE  # its key says whether it is there
        return self._write(work) if answer is ALONE else work.done(answer)

    def _look(self, look: Look[T]) -> T:
        self._start()
        return self._engine.read(look)

    def _start(self) -> None:
        if not self._office.clock.started:
            self._office.clock.started_at(
                self._engine.transact(self._office.start_clock)
            )
