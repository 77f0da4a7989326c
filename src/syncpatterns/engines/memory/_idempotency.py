"""Idempotency records in memory, as the pattern's two store protocols.

The core's pure functions run under a lock; nothing here blocks, so the async
store is the same calls.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from syncpatterns.clock import Clock
from syncpatterns.engines.memory._table import RecordTable
from syncpatterns.errors import EngineClosed
from syncpatterns.idempotency import _core
from syncpatterns.idempotency._core import (
    ClaimAnswer,
    ClaimRequest,
    Notes,
    Record,
    StoredOutcome,
    Windows,
)

_log = logging.getLogger("syncpatterns.memory")


class MemoryIdempotencyStore:
    """Implements `IdempotencyStore` for the threads and loops of one process.

    Args:
        clock: Where the time comes from; see `_now`.
        max_items: Records it holds at most.
    """

    name = "memory"

    def __init__(self, clock: Clock, max_items: int) -> None:
        self._table = RecordTable(max_items)
        self._clock = clock
        self._offset: float | None = None
        with suppress(RuntimeError):  # a loop's own clock, and no loop runs yet
            self._offset = clock.time() - clock.monotonic()
        self._highest = 0  # token ever given out; see decide_claim's floor
        self.closed = False

    def _now(self) -> float:
        """Return wall time that runs at the pace of the monotonic clock.

        Setting the machine's clock moves no lease and no window: these records
        end with the process, so nobody compares them with another's time.
        """
        if self.closed:
            raise EngineClosed("memory: the engine was closed. Nothing was done.")
        monotonic = self._clock.monotonic()
        if self._offset is None:
            self._offset = self._clock.time() - monotonic
        return monotonic + self._offset

    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Take the key or say who has it."""
        table = self._table
        with table.lock:
            now = self._now()
            record = table.get(request.key)
            answer, changed = _core.decide_claim(
                record, request, now, floor=self._highest
            )
            if changed is not None:
                table.put(changed, now, new=record is None)
                self._highest = max(self._highest, changed.token)
            return answer

    def _change(
        self, key: str, decide: Callable[[Record | None, float], Record | None]
    ) -> bool:
        with self._table.lock:
            now = self._now()
            changed = decide(self._table.get(key), now)
            if changed is not None:
                self._table.put(changed, now, new=False)
            return changed is not None

    def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
        """Move the lease; False if *token* is stale."""
        return self._change(
            key, lambda r, now: _core.renew(r, token, lease, windows, now)
        )

    def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        """Store the answer; False if *token* is stale."""
        # As _change, written out: every first call comes by here.
        table = self._table
        with table.lock:
            now = self._now()
            done = _core.complete(table.get(key), token, outcome, windows, now)
            if done is not None:
                table.put(done, now, new=False)
            return done is not None

    def release(self, key: str, token: int) -> bool:
        """Give the key back; False if *token* is stale."""
        return self._change(key, lambda record, now: _core.release(record, token, now))

    def abandon(self, key: str, token: int) -> bool:
        """Mark the outcome unknown; False if *token* is stale."""
        return self._change(key, lambda record, now: _core.abandon(record, token, now))

    def note(self, key: str, token: int, notes: Notes) -> bool:
        """Keep *notes* with the claim; False if *token* is stale."""
        return self._change(key, lambda record, _: _core.note(record, token, notes))

    def resolve(
        self,
        key: str,
        outcome: StoredOutcome | None,
        windows: Windows,
        *,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Settle an unknown record; False if it is not unknown."""
        settled = self._change(
            key, lambda r, now: _core.resolve(r, outcome, windows, now)
        )
        if settled:  # these records end with the process; the log does not
            happened = "happened" if outcome is not None else "did not happen"
            _log.info(
                "memory: [%s] was settled as: it %s; by %s: %s",
                *(key[:8], happened, by or "nobody named", reason or "no reason given"),
            )
        return settled

    def inspect(self, key: str) -> Record | None:
        """Return the record, also one that is past its windows but not swept."""
        with self._table.lock:
            return self._table.get(key)

    def evict(self, key: str) -> bool:
        """Forget the key; True if there was a record."""
        with self._table.lock:
            return self._table.drop(key)

    def unresolved(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* unknown records, oldest first."""
        with self._table.lock:
            return self._table.unknown(limit)

    def lapsed(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* claims whose owner vanished, longest ago first."""
        with self._table.lock:
            return self._table.lapsed(self._now(), limit)

    def sweep(self, limit: int = 1000) -> int:
        """Delete up to *limit* forgotten records; return how many."""
        with self._table.lock:
            return self._table.sweep(self._now(), limit)

    def __len__(self) -> int:
        """Return how many records are held, forgotten ones included."""
        return len(self._table)


class AsyncMemoryIdempotencyStore:
    """Implements `AsyncIdempotencyStore` over the same records."""

    name = "memory"
    waits_in_place = True

    def __init__(self, store: MemoryIdempotencyStore) -> None:
        self._store = store

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Take the key or say who has it."""
        return self._store.claim(request)

    async def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
        """Move the lease; False if *token* is stale."""
        return self._store.renew(key, token, lease, windows)

    async def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        """Store the answer; False if *token* is stale."""
        return self._store.complete(key, token, outcome, windows)

    async def release(self, key: str, token: int) -> bool:
        """Give the key back; False if *token* is stale."""
        return self._store.release(key, token)

    async def abandon(self, key: str, token: int) -> bool:
        """Mark the outcome unknown; False if *token* is stale."""
        return self._store.abandon(key, token)

    async def note(self, key: str, token: int, notes: Notes) -> bool:
        """Keep *notes* with the claim; False if *token* is stale."""
        return self._store.note(key, token, notes)

    async def resolve(
        self,
        key: str,
        outcome: StoredOutcome | None,
        windows: Windows,
        *,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Settle an unknown record; False if it is not unknown."""
        return self._store.resolve(key, outcome, windows, by=by, reason=reason)

    async def inspect(self, key: str) -> Record | None:
        """Return the record, also one that is past its windows but not swept."""
        return self._store.inspect(key)

    async def evict(self, key: str) -> bool:
        """Forget the key; True if there was a record."""
        return self._store.evict(key)

    async def unresolved(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* unknown records, oldest first."""
        return self._store.unresolved(limit)

    async def lapsed(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* claims whose owner vanished, longest ago first."""
        return self._store.lapsed(limit)

    async def sweep(self, limit: int = 1000) -> int:
        """Delete up to *limit* forgotten records; return how many."""
        return self._store.sweep(limit)
