"""The queues in SQLite for event loops: the same calls, on the writer's thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from syncpatterns.engines.sqlite._queue._crowd import ALONE
from syncpatterns.engines.sqlite._queue._looks import queues
from syncpatterns.engines.sqlite._queue._store import SqliteQueues
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
    QueueRules,
    QueueStats,
    Settled,
    Settlement,
    Staged,
)
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest, Turn

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._queue._looks import Look
    from syncpatterns.engines.sqlite._queue._works import Work

T = TypeVar("T")


class AsyncSqliteQueueStore(SqliteQueues):
    """Implements `AsyncQueueStore` on asyncio and trio."""

    async def configure(self, queue: str, rules: QueueRules) -> None:
        """Make *queue* if it is new, and keep its rules."""
        office = self._office
        told = office.is_told(queue)
        if not told or await self._look(office.rules_of(queue)) != rules:
            await self._write(self._office.configure(queue, rules))
        self._office.told(queue, rules)

    async def enqueue(self, request: EnqueueRequest) -> list[Enqueued]:
        """Store the items, and return what became of each, in their order."""
        office = self._office
        if not office.clock.started:
            await self._start()
        await self._engine.aopen()
        work = office.enqueue(request)
        try:
            answer = await office.crowd.aask(office, self._life.open(), request, work)
        except OutcomeUnknown:
            answer = ALONE  # its key says whether it is there
        return await self._write(work) if answer is ALONE else work.done(answer)

    async def claim(self, request: ClaimRequest) -> list[Item]:
        """Take items that are READY, by priority and then in their order."""
        while (claimed := await self._write(self._office.claim(request))) is None:
            pass
        return claimed

    async def extend(
        self, queue: str, holds: Sequence[Hold], lease: float
    ) -> list[Hold]:
        """Move the leases to *lease* seconds from now; return those still held."""
        if not holds:
            return []
        return await self._write(self._office.extend(queue, holds, lease))

    async def settle(
        self, queue: str, settlements: Sequence[Settlement]
    ) -> list[Settled]:
        """Settle items that were held; in one commit, each apart from the others."""
        if not settlements:
            return []
        return await self._write(self._office.settle(queue, settlements))

    async def settle_and_claim(
        self, request: ClaimRequest, settlements: Sequence[Settlement]
    ) -> Turn:
        """Do a `settle` and then a `claim`, in one commit."""
        return await self._write(self._office.settle_and_claim(request, settlements))

    async def stage(self, queue: str) -> Staged:
        """Do what time alone asks for, and say when it asks again."""
        while (staged := await self._write(self._office.stage(queue))) is None:
            pass
        return staged

    async def get(self, queue: str, seq: int) -> Item | None:
        """Return an item that is live or DEAD."""
        return await self._look(self._office.get(queue, seq))

    async def find(
        self, queue: str, scope: str, operation: str, key: str
    ) -> int | None:
        """Return the number of the item with this key, also of one that has ended."""
        return await self._look(self._office.find(queue, scope, operation, key))

    async def ended(self, queue: str, seq: int) -> Ended | None:
        """Return how an item ended; None if it has not, or it is forgotten."""
        return await self._look(self._office.ended(queue, seq))

    async def parents(self, queue: str, seq: int) -> dict[int, Ended]:
        """Return how each parent of an item ended, as far as they have."""
        return await self._look(self._office.parents(queue, seq))

    async def waiting(
        self, queue: str, operation: str, entity: str, scope: str
    ) -> Item | None:
        """Return the newest undelivered item that a new one could be merged with."""
        return await self._look(self._office.waiting(queue, operation, entity, scope))

    async def items(
        self, queue: str, which: Filter = ALL_ITEMS, after: int = 0, limit: int = 100
    ) -> list[Item]:
        """Return up to *limit* items, live and DEAD, with numbers above *after*."""
        return await self._look(self._office.items(queue, which, after, limit))

    async def stats(self, queue: str) -> QueueStats:
        """Return how much is in it."""
        return await self._look(self._office.stats(queue))

    async def queues(self) -> list[str]:
        """Return the names of all queues in the store."""
        return await self._engine.aread(queues)

    async def blocked_lanes(self, queue: str) -> dict[str, int]:
        """Return the lanes that a DEAD head holds up, each with its number."""
        return await self._look(self._office.blocked_lanes(queue))

    async def pause(
        self,
        queue: str,
        target: str = "",
        seconds: float = float("inf"),
        reason: str = "by-hand",
    ) -> None:
        """Stop claims of *target* (empty: of the whole queue) for *seconds*."""
        await self._write(self._office.pause(queue, target, seconds, reason))

    async def resume(self, queue: str, target: str = "") -> list[Pause]:
        """End the pause of *target* (empty: every pause), and return what ended."""
        return await self._write(self._office.resume(queue, target))

    async def requeue(
        self, queue: str, seqs: Sequence[int], *, tail: bool = False
    ) -> list[int]:
        """Let DEAD or PARKED items run again; return those that will."""
        return await self._write(self._office.requeue(queue, seqs, tail=tail))

    async def discard(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """End DEAD or PARKED items for good; return how each ended."""
        return await self._write(self._office.discard(queue, seqs))

    async def cancel(self, queue: str, seqs: Sequence[int]) -> list[Ended]:
        """Cancel items that nobody holds; return how each ended."""
        return await self._write(self._office.cancel(queue, seqs))

    async def purge(self, queue: str, limit: int = 1000) -> int:
        """Forget up to *limit* outcomes that are past their time; return how many."""
        return await self._write(self._office.purge(queue, limit))

    async def check(self, queue: str, *, repair: bool = False) -> list[Finding]:
        """Compare counters, lanes and children with the rows."""
        if repair:
            return await self._write(self._office.repair(queue))
        return await self._look(self._office.check(queue))

    # ---------------------------------------------------------------- inside

    async def _write(self, work: Work[T]) -> T:
        await self._start()
        try:
            answer = await self._engine.atransact(work.first, relaxed=work.relaxed)
        except OutcomeUnknown:
            if work.again is None:
                raise
            answer = await self._engine.atransact(work.again, relaxed=work.relaxed)
        return work.done(answer)

    async def _look(self, look: Look[T]) -> T:
        await self._start()
        return await self._engine.aread(look)

    async def _start(self) -> None:
        if not self._office.clock.started:
            self._office.clock.started_at(
                await self._engine.atransact(self._office.start_clock)
            )
