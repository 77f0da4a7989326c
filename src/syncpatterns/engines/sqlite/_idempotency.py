"""Idempotency records in SQLite, as the pattern's two store protocols.

The async store is the same calls on the writer's thread; what is decided
stands once, in the functions below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from syncpatterns.engines.sqlite import _records
from syncpatterns.engines.sqlite._care import _sweep
from syncpatterns.engines.sqlite._readers import Snapshot
from syncpatterns.engines.sqlite._writing._transaction import SqliteTransaction
from syncpatterns.errors import OutcomeUnknown
from syncpatterns.idempotency import _core
from syncpatterns.idempotency._core import (
    ClaimAnswer,
    ClaimRequest,
    Notes,
    Record,
    StoredOutcome,
    Windows,
)

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._engine import SqliteEngine

T = TypeVar("T")


def _claim(request: ClaimRequest) -> Callable[[SqliteTransaction], ClaimAnswer]:
    def work(tx: SqliteTransaction) -> ClaimAnswer:
        record = tx.load_record(request.key)
        answer, changed = _core.decide_claim(record, request, tx.clock)
        if changed is not None:
            tx.save_record(changed)
        return answer

    return work


def _change(
    key: str, decide: Callable[[Record | None, float], Record | None]
) -> Callable[[SqliteTransaction], bool]:
    def work(tx: SqliteTransaction) -> bool:
        changed = decide(tx.load_record(key), tx.clock)
        if changed is None:
            return False
        tx.save_record(changed)
        return True

    return work


def _renew(
    key: str, token: int, lease: float, windows: Windows
) -> Callable[[SqliteTransaction], bool]:
    return _change(key, lambda r, now: _core.renew(r, token, lease, windows, now))


def _complete(
    key: str, token: int, outcome: StoredOutcome, windows: Windows
) -> Callable[[SqliteTransaction], bool]:
    return _change(key, lambda r, now: _core.complete(r, token, outcome, windows, now))


def _release(key: str, token: int) -> Callable[[SqliteTransaction], bool]:
    return _change(key, lambda record, now: _core.release(record, token, now))


def _abandon(key: str, token: int) -> Callable[[SqliteTransaction], bool]:
    return _change(key, lambda record, now: _core.abandon(record, token, now))


def _note(key: str, token: int, notes: Notes) -> Callable[[SqliteTransaction], bool]:
    return _change(key, lambda record, _: _core.note(record, token, notes))


def _resolve(
    key: str, outcome: StoredOutcome | None, windows: Windows, by: str, reason: str
) -> Callable[[SqliteTransaction], bool]:
    def work(tx: SqliteTransaction) -> bool:
        settled = _core.resolve(tx.load_record(key), outcome, windows, tx.clock)
        if settled is None:
            return False
        tx.save_resolved(settled, happened=outcome is not None, by=by, reason=reason)
        return True

    return work


def _lapsed(limit: int) -> Callable[[Snapshot], list[Record]]:
    # A look must work on a full disk too, so it is none of the writer's business.
    return lambda snapshot: _records.lapsed(
        snapshot.connection, snapshot.now.timestamp(), limit
    )


def _evict(key: str) -> Callable[[SqliteTransaction], bool]:
    return lambda tx: _records.evict(tx.connection, key)


class SqliteIdempotencyStore:
    """Implements `IdempotencyStore`; every call is one durable commit.

    A call whose commit got lost on the way back is made again at once: told
    twice, the core answers as it did the first time (nonce and token say so).
    """

    name = "sqlite"

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine

    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Take the key or say who has it."""
        return self._settled(_claim(request))

    def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
        """Move the lease; False if *token* is stale."""
        return self._settled(_renew(key, token, lease, windows))

    def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        """Store the answer; False if *token* is stale."""
        return self._settled(_complete(key, token, outcome, windows))

    def release(self, key: str, token: int) -> bool:
        """Give the key back; False if *token* is stale."""
        return self._settled(_release(key, token))

    def abandon(self, key: str, token: int) -> bool:
        """Mark the outcome unknown; False if *token* is stale."""
        return self._settled(_abandon(key, token))

    def note(self, key: str, token: int, notes: Notes) -> bool:
        """Keep *notes* with the claim; False if *token* is stale."""
        return self._settled(_note(key, token, notes))

    def resolve(
        self,
        key: str,
        outcome: StoredOutcome | None,
        windows: Windows,
        *,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Settle an unknown record and write down who did; False: not unknown."""
        return self._settled(_resolve(key, outcome, windows, by, reason))

    def inspect(self, key: str) -> Record | None:
        """Return the record as it is."""
        return self._engine.read(lambda connection: _records.load(connection, key))

    def evict(self, key: str) -> bool:
        """Forget the key; True if there was a record."""
        return self._settled(_evict(key))

    def unresolved(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* unknown records, oldest first."""
        return self._engine.read(lambda c: _records.unresolved(c, limit))

    def lapsed(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* claims whose owner vanished, longest ago first."""
        return self._engine.view(_lapsed(limit))

    def sweep(self, limit: int = 1000) -> int:
        """Delete up to *limit* forgotten records; return how many."""
        return _sweep.sweep_records(self._engine, limit)

    def _settled(self, work: Callable[[SqliteTransaction], T]) -> T:
        try:
            return self._engine.transact(work)
        except OutcomeUnknown:
            return self._engine.transact(work)


class AsyncSqliteIdempotencyStore:
    """Implements `AsyncIdempotencyStore` on asyncio and trio."""

    name = "sqlite"
    waits_in_place = True

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Take the key or say who has it."""
        return await self._settled(_claim(request))

    async def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
        """Move the lease; False if *token* is stale."""
        return await self._settled(_renew(key, token, lease, windows))

    async def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        """Store the answer; False if *token* is stale."""
        return await self._settled(_complete(key, token, outcome, windows))

    async def release(self, key: str, token: int) -> bool:
        """Give the key back; False if *token* is stale."""
        return await self._settled(_release(key, token))

    async def abandon(self, key: str, token: int) -> bool:
        """Mark the outcome unknown; False if *token* is stale."""
        return await self._settled(_abandon(key, token))

    async def note(self, key: str, token: int, notes: Notes) -> bool:
        """Keep *notes* with the claim; False if *token* is stale."""
        return await self._settled(_note(key, token, notes))

    async def resolve(
        self,
        key: str,
        outcome: StoredOutcome | None,
        windows: Windows,
        *,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Settle an unknown record and write down who did; False: not unknown."""
        return await self._settled(_resolve(key, outcome, windows, by, reason))

    async def inspect(self, key: str) -> Record | None:
        """Return the record as it is."""
        return await self._engine.aread(lambda c: _records.load(c, key))

    async def evict(self, key: str) -> bool:
        """Forget the key; True if there was a record."""
        return await self._settled(_evict(key))

    async def unresolved(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* unknown records, oldest first."""
        return await self._engine.aread(lambda c: _records.unresolved(c, limit))

    async def lapsed(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* claims whose owner vanished, longest ago first."""
        return await self._engine.aview(_lapsed(limit))

    async def sweep(self, limit: int = 1000) -> int:
        """Delete up to *limit* forgotten records; return how many."""
        return await _sweep.asweep_records(self._engine, limit)

    async def _settled(self, work: Callable[[SqliteTransaction], T]) -> T:
        try:
            return await self._engine.atransact(work)
        except OutcomeUnknown:
            return await self._engine.atransact(work)
