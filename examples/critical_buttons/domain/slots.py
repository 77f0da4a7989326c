"""Free slots near one that is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, TypeAlias

Slot: TypeAlias = tuple[datetime, datetime]

#: How many slots of the same length are looked at, one after the other.
HORIZON: Final = 200
_OFFERED: Final = 3


def candidates(slot: Slot, now: datetime) -> Iterator[Slot]:
    """Yield the slots of equal length after *slot* that begin after *now*."""
    start, end = slot
    length = end - start
    # A slot of last year must not be walked up to today minute by minute.
    skipped = max(0, (now - start) // length)
    first = start + length * (skipped + 1)
    for step in range(HORIZON):
        begin = first + length * step
        yield begin, begin + length


def search_span(slot: Slot, now: datetime) -> Slot:
    """Return begin and end of all that `candidates` yields."""
    found = list(candidates(slot, now))
    return found[0][0], found[-1][1]


def free_slots(slot: Slot, taken: Iterable[Slot], now: datetime) -> list[Slot]:
    """Return the first three slots after *slot* that overlap none of *taken*."""
    busy = sorted(taken)
    free: list[Slot] = []
    for begin, end in candidates(slot, now):
        if len(free) == _OFFERED:
            break
        if not any(begin < to and start < end for start, to in busy):
            free.append((begin, end))
    return free
