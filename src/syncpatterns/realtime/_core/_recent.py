"""Which ids a channel has published lately, and at which offset."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from operator import lt
from typing import Final

#: An age is kept in this many steps, so that a log holds as many time stamps.
_STEPS: Final = 32


class Ages:
    """How far a log has come at what time, in coarse steps.

    Entries live for at most *keep* seconds and at least 31/32 of that.
    """

    __slots__ = ("_keep", "_marks", "_next")

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._marks: deque[tuple[float, int]] = deque()
        self._next = 0.0  # when the next mark is made; until then the last one moves

    def add(self, now: float, offset: int) -> None:
        """Everything up to *offset* has come in by *now*."""
        marks = self._marks
        if marks and now < self._next:
            marks[-1] = (marks[-1][0], offset)
        else:
            marks.append((now, offset))
            self._next = now + self._keep / _STEPS

    def due(self, now: float) -> bool:
        """Tell whether `expired` would return anything."""
        return bool(self._marks) and self._marks[0][0] <= now - self._keep

    def expired(self, now: float) -> int:
        """Return the largest offset that is too old, once; 0 if there is none."""
        marks = self._marks
        offset = 0
        while marks and marks[0][0] <= now - self._keep:
            offset = marks.popleft()[1]
        return offset


class Recent:
    """Ids of the newest events, at most *limit*, none older than *keep* seconds.

    Ids are UUIDs of version 7 unless somebody chose their own, and those grow
    with time: an id above all that are remembered is new without a look-up.
    Only when an older one comes, a repeat or another producer's, is an index
    built. That keeps the common case at the price of extending a list.
    """

    __slots__ = ("_ages", "_first", "_highest", "_ids", "_index", "_kept", "_limit")

    def __init__(self, limit: int, keep: float) -> None:
        self._limit = limit
        self._ages = Ages(keep)
        self._ids: list[str] = []
        self._first = 1  # offset of _ids[0]
        self._kept = 1  # smaller offsets are forgotten, though perhaps still held
        self._highest = ""
        self._index: dict[str, int] | None = None

    def find(self, event_id: str, now: float) -> int | None:
        """Return the offset of *event_id*, or None if it is not remembered."""
        if event_id > self._highest:
            return None
        self.expire(now)
        index = self._index
        if index is None:
            index = self._index = dict(
                zip(self._ids, range(self._first, self._top + 1), strict=True)
            )
        offset = index.get(event_id)
        return offset if offset is not None and offset >= self._kept else None

    def all_new(self, ids: Sequence[str]) -> bool:
        """Tell, without building the index, that *ids* are new and differ."""
        return (
            bool(ids)
            and ids[0] > self._highest
            and all(map(lt, ids, islice(ids, 1, None)))
        )

    def add(self, ids: Sequence[str], highest: str, now: float) -> None:
        """Remember *ids*, which took the next offsets; *highest* is one of them."""
        first = self._first + len(self._ids)
        self._ids += ids
        self._highest = max(self._highest, highest)
        last = first + len(ids)
        if self._index is not None:
            self._index.update(zip(ids, range(first, last), strict=True))
        self._ages.add(now, last - 1)
        # A quarter more before a cut: deleting the head of a list moves the rest.
        if len(self._ids) * 4 > self._limit * 5:
            self.expire(now)

    def expire(self, now: float) -> None:
        """Forget what is too old or too much."""
        kept = max(self._kept, self._ages.expired(now) + 1, self._top + 1 - self._limit)
        self._kept = kept
        if (kept - self._first) * 4 >= self._limit or kept > self._top:
            self._drop(kept - self._first)

    @property
    def _top(self) -> int:
        return self._first + len(self._ids) - 1

    def _drop(self, count: int) -> None:
        if self._index is not None:
            for offset, event_id in enumerate(self._ids[:count], self._first):
                if self._index.get(event_id) == offset:  # else it was used again
                    del self._index[event_id]
        del self._ids[:count]
        self._first += count
        if not self._ids:
            self._index = None
            self._highest = ""
