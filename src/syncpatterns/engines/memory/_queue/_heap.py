"""An ordered set of small tuples: the least in O(log n), taking out in O(1)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=tuple[float, ...])

#: Entries taken out that a heap may carry along, over those that are in it.
_SLACK: Final = 64


class OrderedKeys(Generic[Key]):
    """Keys of which the least is asked for, as an index of a database is.

    A key that is taken out stays in the heap until it comes to the top, is put
    in again, or until more than half of the heap is such keys: so each costs
    one step more, whenever it comes.
    """

    __slots__ = ("_gone", "_heap", "_keys")

    def __init__(self) -> None:
        self._heap: list[Key] = []
        self._keys: set[Key] = set()
        self._gone: set[Key] = set()  # in the heap, and taken out

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Key]:
        """Return all keys, in no order."""
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        """Tell whether *key* is in."""
        return key in self._keys

    def add(self, key: Key) -> None:
        """Put *key* in."""
        if key in self._keys:
            return
        self._keys.add(key)
        if key in self._gone:
            self._gone.remove(key)
        else:
            heapq.heappush(self._heap, key)

    def discard(self, key: Key) -> None:
        """Take *key* out, if it is in."""
        if key not in self._keys:
            return
        self._keys.remove(key)
        self._gone.add(key)
        if len(self._gone) > len(self._keys) + _SLACK:
            self._heap = list(self._keys)
            heapq.heapify(self._heap)
            self._gone.clear()

    def first(self) -> Key | None:
        """Return the least key."""
        heap, gone = self._heap, self._gone
        while heap and heap[0] in gone:
            gone.remove(heapq.heappop(heap))
        return heap[0] if heap else None

    def ordered(self) -> list[Key]:
        """Return all keys in their order; costs as much as there are."""
        return sorted(self._keys)
