"""What each call of the store reads, from one snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypeAlias, TypeVar

from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite._queue import _shown as shown
from syncpatterns.engines.sqlite._queue._check import check
from syncpatterns.engines.sqlite._queue._clock import SteadyClock
from syncpatterns.engines.sqlite._queue._coalesce import newest
from syncpatterns.engines.sqlite._queue._desk import SQL, Desk, Now, place_of
from syncpatterns.engines.sqlite._queue._parents import parents_of
from syncpatterns.offline_queue._core import (
    Ended,
    Filter,
    Finding,
    Item,
    QueueRules,
    QueueStats,
)

T = TypeVar("T")

Look: TypeAlias = Callable[[sqlite3.Connection], T]


class Looks:
    """The reading half of an `Office`.

    Args:
        clock: The host's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._host = clock
        self.clock = SteadyClock(clock)
        # Words never change and are never deleted: what was committed once is so
        # for ever. Replaced as a whole, never changed.
        self._numbers: dict[str, int] = {}
        self._words: dict[int, str] = {}

    def rules_of(self, queue: str) -> Look[QueueRules | None]:
        """Return the rules of a queue, None if it is new."""
        return self._see(queue, lambda desk: desk.rules, None)

    def get(self, queue: str, seq: int) -> Look[Item | None]:
        """Return an item."""
        return self._see(queue, partial(shown.get, seq=seq), None)

    def find(
        self, queue: str, scope: str, operation: str, key: str
    ) -> Look[int | None]:
        """Return a number."""
        place = place_of(scope, operation, key)
        return self._see(queue, partial(shown.find, place=place), None)

    def ended(self, queue: str, seq: int) -> Look[Ended | None]:
        """Return how an item ended."""
        return self._see(queue, partial(shown.ended, seq=seq), None)

    def parents(self, queue: str, seq: int) -> Look[dict[int, Ended]]:
        """Return how the parents of an item ended."""
        return self._see(queue, partial(parents_of, seq=seq), {})

    def waiting(
        self, queue: str, operation: str, entity: str, scope: str
    ) -> Look[Item | None]:
        """Return what a new item could be merged with."""

        def look(desk: Desk) -> Item | None:
            row = newest(desk, operation, entity, scope)
            return None if row is None else shown.get(desk, row.id - desk.base)

        return self._see(queue, look, None)

    def items(
        self, queue: str, which: Filter, after: int, limit: int
    ) -> Look[list[Item]]:
        """Return items."""
        look = partial(shown.items, which=which, after=after, limit=limit)
        return self._see(queue, look, [])

    def stats(self, queue: str) -> Look[QueueStats]:
        """Return how much there is."""
        return self._see(queue, shown.stats, shown.NOTHING)

    def blocked_lanes(self, queue: str) -> Look[dict[str, int]]:
        """Return the lanes that are held up."""
        return self._see(queue, shown.blocked_lanes, {})

    def check(self, queue: str) -> Look[list[Finding]]:
        """Return what does not fit."""
        return self._see(queue, partial(check, repair=False), [])

    # ----------------------------------------------------------------- inside

    def _find(
        self, connection: sqlite3.Connection, queue: str, now: Now
    ) -> Desk | None:
        desk = Desk.find(connection, queue, now)
        if desk is not None:
            self._lend_words(desk)
        return desk

    def _lend_words(self, desk: Desk) -> None:
        desk.known = self._words, self._numbers

    def _see(self, queue: str, look: Callable[[Desk], T], otherwise: T) -> Look[T]:
        def at_desk(connection: sqlite3.Connection) -> T:
            now = Now(self.clock.read(), self._host.time())
            desk = self._find(connection, queue, now)
            return otherwise if desk is None else look(desk)

        return at_desk


def queues(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all queues in the file."""
    return [name for (name,) in connection.execute(SQL["queues"])]
