"""One queue's items, and what is looked up about them: a small table with indexes.

Whatever changes goes through `QueueTable.write` and `write_outcome`, which keep
every index and counter, as triggers do. They also note what was there before,
so that a call that fails half-way leaves nothing behind.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Generator
from contextlib import contextmanager

from syncpatterns.engines.memory._queue._heap import OrderedKeys
from syncpatterns.engines.memory._queue._index import Indexes
from syncpatterns.engines.memory._queue._values import Now, Outcome, Row
from syncpatterns.offline_queue._core import Ended, Hold, ItemState, QueueRules


class Untold:
    """What time did while a claim looked; the next stage tells it."""

    def __init__(self) -> None:
        self.ready = 0
        self.lapsed: dict[Hold, None] = {}  # one item may lapse more than once
        self.ended: dict[int, Ended] = {}
        self.parked: dict[int, None] = {}
        self.resumed: dict[str, None] = {}


class QueueTable:
    """Everything about one queue; whoever uses it holds the store's lock.

    Args:
        name: Name of the queue.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.rules = QueueRules()
        self.rows: dict[int, Row] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.identities: dict[bytes, int] = {}
        self.forgets: OrderedKeys[tuple[float, int]] = OrderedKeys()
        self.index = Indexes()
        self.pauses: dict[str, tuple[float, str]] = {}
        self.untold = Untold()
        self.changed = 0
        self._numbers: list[int] = []
        self._gone = 0
        self._last = 0
        self._before: list[tuple[int, Row | Outcome | None, bool]] = []

    def number(self) -> int:
        """Return a number that was never given out before."""
        self._last += 1
        return self._last

    @contextmanager
    def atomic(self) -> Generator[None]:
        """Undo every write of the block if it raises."""
        self._before.clear()
        try:
            yield
        except BaseException:
            for seq, before, is_row in reversed(self._before):
                if is_row:
                    self._put(seq, before if isinstance(before, Row) else None)
                else:
                    self._keep(seq, before if isinstance(before, Outcome) else None)
            raise
        finally:
            self._before.clear()

    def settled(self) -> None:
        """Forget what was there before: the call has succeeded."""
        self._before.clear()

    def write(self, row: Row) -> None:
        """Store *row*, new or changed."""
        seq = row.item.seq
        self._before.append((seq, self.rows.get(seq), True))
        self._put(seq, row)

    def remove(self, seq: int) -> None:
        """Take the row out."""
        self._before.append((seq, self.rows.get(seq), True))
        self._put(seq, None)

    def write_outcome(self, seq: int, outcome: Outcome | None) -> None:
        """Keep how an item ended; None forgets it."""
        self._before.append((seq, self.outcomes.get(seq), False))
        self._keep(seq, outcome)

    def outcome(self, seq: int, now: Now) -> Outcome | None:
        """Return how an item ended, unless that is past its time."""
        found = self.outcomes.get(seq)
        return None if found is None or found.forget_at <= now.wall else found

    def resolve(self, seq: int, now: Now) -> tuple[int, Ended | None]:
        """Return who stands for the item now, and how that one ended.

        Raises:
            LookupError: Nobody knows the number, or no longer.
        """
        while True:
            row = self.rows.get(seq)
            if row is not None:
                return seq, row.ended if row.item.state is ItemState.DEAD else None
            kept = self.outcome(seq, now)
            if kept is None:
                raise LookupError(seq)
            if kept.ended.state is not ItemState.SUPERSEDED:
                return seq, kept.ended
            seq = kept.ended.survivor

    def paused(self, target: str, now: Now) -> bool:
        """Tell whether *target*, or the whole queue, is not being delivered."""
        pauses = self.pauses
        return bool(pauses) and any(
            pauses[each][0] > now.steady for each in ("", target) if each in pauses
        )

    def after(self, number: int) -> Generator[Row]:
        """Return the rows with a larger number, in their order."""
        numbers = self._numbers
        for place in range(bisect_right(numbers, number), len(numbers)):
            row = self.rows.get(numbers[place])
            if row is not None:
                yield row

    def reindex(self) -> None:
        """Build every index anew from the rows."""
        self.index = Indexes()
        for row in self.rows.values():
            self.index.add(row)

    def _put(self, seq: int, row: Row | None) -> None:
        self.changed += 1
        before = self.rows.get(seq)
        if before is not None:
            self.index.discard(before)
        if row is None:
            if before is not None:
                del self.rows[seq]
                self._forget_identity(before.identity, seq)
                self._tidy()
            return
        self.rows[seq] = row
        self.index.add(row)
        if before is None:
            self.identities[row.identity] = seq
            self._insert(seq)

    def _keep(self, seq: int, outcome: Outcome | None) -> None:
        self.changed += 1
        before = self.outcomes.pop(seq, None)
        if before is not None:
            self.forgets.discard((before.forget_at, seq))
            self._forget_identity(before.identity, seq)
        if outcome is not None:
            self.outcomes[seq] = outcome
            self.identities[outcome.identity] = seq
            self.forgets.add((outcome.forget_at, seq))

    def _forget_identity(self, identity: bytes, seq: int) -> None:
        # Not that of the outcome into which a row turns, nor a newer item's.
        if self.identities.get(identity) == seq:
            del self.identities[identity]

    def _insert(self, seq: int) -> None:
        numbers = self._numbers
        if not numbers or numbers[-1] < seq:
            numbers.append(seq)
            return
        place = bisect_right(numbers, seq)  # what is undone comes back in between
        if numbers[place - 1] != seq:
            insort(numbers, seq)
        else:
            self._gone -= 1

    def _tidy(self) -> None:
        self._gone += 1
        if self._gone > 64 + len(self.rows):
            self._numbers = [number for number in self._numbers if number in self.rows]
            self._gone = 0
