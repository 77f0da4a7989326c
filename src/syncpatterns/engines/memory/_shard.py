"""Records under one lock, in a cache that forgets what is past its windows.

A `cachetools.TLRUCache` drops what has expired, all at once, at the next
insertion: 100,000 records of one burst took 0.28 s under the lock. So the
store has many small shards, and each drops its own.
"""

from __future__ import annotations

import threading
from typing import Final

from cachetools import Cache, TLRUCache

from syncpatterns.errors import StoreFull
from syncpatterns.idempotency._core import Record, State

#: For the cache's timer: nothing has expired yet.
_NEVER: Final = float("-inf")


class Shard:
    """Some of the records; whoever calls a method holds `lock`.

    The cache's own timer stands still while records are read or deleted, for
    whether a record is forgotten is decided in one place, the core; it shows
    the store's time while one is inserted, for the cache to make room.

    Args:
        capacity: Records it can hold.
    """

    __slots__ = ("_cache", "_capacity", "_free", "_now", "_unknown", "highest", "lock")

    def __init__(self, capacity: int) -> None:
        self.lock = threading.Lock()
        self.highest = 0  # token ever given out here; see decide_claim's floor
        self._capacity = capacity
        self._now = _NEVER
        self._cache: TLRUCache[str, Record] = TLRUCache(
            capacity, lambda _, record, __: record.dedupe_until, timer=self._timer
        )
        # Keys in these two states, oldest first; others need no index.
        self._free: dict[str, None] = {}
        self._unknown: dict[str, None] = {}

    def _timer(self) -> float:
        return self._now

    def __len__(self) -> int:
        return len(self._cache)

    def get(self, key: str) -> Record | None:
        """Return the record, also one that is past its windows."""
        try:
            return self._cache[key]
        except KeyError:
            return None

    def put(self, record: Record, now: float, *, new: bool) -> None:
        """Keep *record*; if it is *new*, there must be room.

        Raises:
            StoreFull: Nothing could be dropped; nothing was changed.
        """
        self._now = now
        try:
            for key, _ in self._cache.expire(now):
                self._unlist(key)
            if new and len(self._cache) >= self._capacity:
                self._make_room()
            self._cache[record.key] = record
        finally:
            self._now = _NEVER
        self._unlist(record.key)
        if record.state is State.FREE:
            self._free[record.key] = None
        elif record.state is State.UNKNOWN:
            self._unknown[record.key] = None

    def _make_room(self) -> None:
        # A key given back holds nothing but its count of attempts; every other
        # record is a promise that somebody relies on.
        key = next(iter(self._free), None)
        if key is None:
            raise StoreFull(
                "memory: all places are taken by keys that are in progress, answered "
                "or unknown, and none of them may be forgotten yet. Raise max_items, "
                "or shorten the dedupe window.",
                retry_after=1.0,
            )
        self.drop(key)

    def drop(self, key: str) -> bool:
        """Forget *key*; True if it was there."""
        self._now = _NEVER
        self._unlist(key)
        return self._cache.pop(key, None) is not None

    def _unlist(self, key: str) -> None:
        if self._free:
            self._free.pop(key, None)
        if self._unknown:
            self._unknown.pop(key, None)

    def unknown(self) -> list[Record]:
        """Return the records whose outcome is unknown."""
        found = [self.get(key) for key in self._unknown]
        return [record for record in found if record is not None]

    def forgotten(self, now: float, limit: int) -> list[str]:
        """Return up to *limit* keys that are past their windows."""
        keys: list[str] = []
        for key in Cache.__iter__(self._cache):
            if len(keys) >= limit:
                break
            record = self.get(key)
            if record is not None and now >= record.dedupe_until:
                keys.append(key)
        return keys
