"""Records in a dictionary, and a heap of when they are forgotten.

Not a timed cache of cachetools: its TLRUCache drops all that has expired at
once (0.28 s under the lock for 100,000 records of one burst), orders by use
what must never be evicted for being used little, and takes five times as long
to insert. Here one call never drops more than `BATCH` records.
"""

from __future__ import annotations

import heapq
import threading
from typing import Final

from syncpatterns._forks import renewed_in_child
from syncpatterns.errors import StoreFull
from syncpatterns.idempotency._core import Record, State, is_lapsed, removable

#: Forgotten records that one insertion drops on the side. More than one, or a
#: burst would never be caught up with.
BATCH: Final = 8


class RecordTable:
    """All records of one engine; whoever calls a method holds `lock`.

    Args:
        capacity: Records it can hold.
    """

    __slots__ = (
        "__weakref__",
        "_capacity",
        "_ends",
        "_free",
        "_records",
        "_unknown",
        "lock",
    )

    def __init__(self, capacity: int) -> None:
        self.lock = threading.Lock()
        renewed_in_child(self)
        self._capacity = capacity
        self._records: dict[str, Record] = {}
        # (when it is forgotten, key) of what is settled. A record that changed
        # since leaves its old entry behind; `_drop_due` passes over it.
        self._ends: list[tuple[float, str]] = []
        # Keys in these two states, oldest first.
        self._free: dict[str, None] = {}
        self._unknown: dict[str, None] = {}

    def _start_over(self) -> None:
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str) -> Record | None:
        """Return the record, also one that is past its windows."""
        return self._records.get(key)

    def put(self, record: Record, now: float, *, new: bool) -> None:
        """Keep *record*; if it is *new*, there must be room.

        Raises:
            StoreFull: Nothing could be dropped; nothing was changed.
        """
        key, state = record.key, record.state
        if new and len(self._records) >= self._capacity:
            self._make_room(now)
        self._records[key] = record
        if self._free:
            self._free.pop(key, None)
        if self._unknown:
            self._unknown.pop(key, None)
        if state is State.IN_PROGRESS:
            return
        heapq.heappush(self._ends, (record.dedupe_until, key))
        if state is State.FREE:
            self._free[key] = None
        elif state is State.UNKNOWN:
            self._unknown[key] = None
        if self._ends[0][0] <= now:
            self._drop_due(now, BATCH)
        elif len(self._ends) > 2 * len(self._records) + BATCH:
            self._tidy()

    def drop(self, key: str) -> bool:
        """Forget *key*; True if it was there."""
        self._free.pop(key, None)
        self._unknown.pop(key, None)
        return self._records.pop(key, None) is not None

    def sweep(self, now: float, limit: int) -> int:
        """Drop up to *limit* records that are past their windows; say how many."""
        dropped = self._drop_due(now, limit)
        if dropped < limit:
            # Claims whose owner vanished: seldom, so they have no heap.
            due = [k for k, record in self._records.items() if removable(record, now)]
            for key in due[: limit - dropped]:
                dropped += self.drop(key)
        return dropped

    def unknown(self, limit: int) -> list[Record]:
        """Return up to *limit* records whose outcome is unknown, oldest first."""
        found = [self._records[key] for key in self._unknown]
        return sorted(found, key=lambda record: record.created)[:limit]

    def lapsed(self, now: float, limit: int) -> list[Record]:
        """Return up to *limit* claims whose lease is over, longest ago first."""
        found = [each for each in self._records.values() if is_lapsed(each, now)]
        return sorted(found, key=lambda record: record.lease_until)[:limit]

    def _drop_due(self, now: float, limit: int) -> int:
        dropped = 0
        while dropped < limit and self._ends and self._ends[0][0] <= now:
            until, key = heapq.heappop(self._ends)
            record = self._records.get(key)
            if record is not None and record.dedupe_until == until:
                dropped += self.drop(key)
        return dropped

    def _make_room(self, now: float) -> None:
        if self._drop_due(now, BATCH):
            return
        # A key given back holds nothing but its count of attempts; every other
        # record is a promise that somebody relies on.
        oldest = next(iter(self._free), None)
        if oldest is None:
            raise StoreFull(
                "memory: all places are taken by keys that are in progress, answered "
                "or unknown, and none of them may be forgotten yet. Raise max_items, "
                "or shorten the dedupe window.",
                retry_after=1.0,
            )
        self.drop(oldest)

    def _tidy(self) -> None:
        """Leave out the entries of records that have changed or gone."""
        self._ends = [
            (record.dedupe_until, key)
            for key, record in self._records.items()
            if record.state is not State.IN_PROGRESS
        ]
        heapq.heapify(self._ends)
