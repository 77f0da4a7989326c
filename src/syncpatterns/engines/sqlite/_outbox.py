"""Events written in the business transaction and read back in commit order.

SQLite has one writer at a time, so rows appear in the order of their `pos` and
a reader that remembers the last one it saw can miss nothing: the trouble of
other databases, where number 3 may commit before number 2, cannot happen here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import starmap
from typing import Any, Protocol, TypeVar

from syncpatterns._transaction import Publishable, Transaction
from syncpatterns.engines._sql import load
from syncpatterns.realtime._core import Bounds, Position, StoredEvent, stored_form

T = TypeVar("T")

_SQL = load("syncpatterns.engines.sqlite", "outbox.sql")


def write(
    connection: sqlite3.Connection, events: Iterable[Publishable], now: float
) -> None:
    """Insert *events* in the open transaction, in their order.

    All of them are checked before the first is written, so a rejected one
    leaves nothing behind even if the caller goes on.

    Args:
        connection: The writing connection, inside a transaction.
        events: What to announce once the transaction has committed.
        now: Seconds since the epoch, for the sweep.

    Raises:
        PublishRejected: An event can never be published as it is.
        PayloadTooLarge: An event takes more than 256 KiB.
    """
    rows = [(*stored_form(event, now), now) for event in events]
    for row in rows:
        connection.execute(_SQL["write"], row)


def after(connection: sqlite3.Connection, pos: int, limit: int) -> list[StoredEvent]:
    """Return up to *limit* events committed after *pos*, in commit order."""
    return _events(connection.execute(_SQL["after"], (pos, limit)))


def history(
    connection: sqlite3.Connection, channel: str, offset: int, limit: int
) -> list[StoredEvent]:
    """Return up to *limit* events of *channel* after *offset*, in order."""
    return _events(connection.execute(_SQL["history"], (channel, offset, limit)))


def bounds(connection: sqlite3.Connection, channel: str) -> Bounds:
    """Return which offsets of *channel* are kept."""
    oldest, top = connection.execute(_SQL["bounds"], (channel,)).fetchone()
    return Bounds(1, 0) if top is None else Bounds(oldest, top)


def _many_bounds(
    channels: Sequence[str], connection: sqlite3.Connection
) -> dict[str, Bounds]:
    return {channel: bounds(connection, channel) for channel in channels}


def _top(connection: sqlite3.Connection) -> int:
    (pos,) = connection.execute(_SQL["top"]).fetchone()
    return int(pos)


def _stale(
    before: float, after_pos: int, limit: int, connection: sqlite3.Connection
) -> list[tuple[int]]:
    (cut,) = connection.execute(_SQL["cut"], (before,)).fetchone()
    return connection.execute(_SQL["stale"], (after_pos, cut, limit)).fetchall()


def _forget(rows: list[tuple[int]], tx: Transaction) -> int:
    # A row that was stale stays so: newer ones come, the newest is never here.
    tx.connection.executemany(_SQL["forget"], rows)
    return len(rows)


def _events(rows: Iterable[tuple[Any, ...]]) -> list[StoredEvent]:
    return [
        event if type(event.body) is bytes else event._replace(body=_bytes(event.body))
        for event in starmap(StoredEvent, rows)
    ]


def _bytes(body: object) -> bytes:
    # Somebody wrote the row by hand, as text: it is read all the same.
    return body.encode() if isinstance(body, str) else b""


class _Engine(Protocol):
    """The part of `SqliteEngine` that the outbox needs."""

    @property
    def name(self) -> str: ...

    @property
    def epoch(self) -> str: ...

    def read(self, work: Callable[[Any], T]) -> T: ...

    def transact(self, work: Callable[[Any], T]) -> T: ...


class SqliteOutbox:
    """The outbox of one database; implements `syncpatterns.realtime.Outbox`.

    Every method blocks for a read of the file; hub and relay call them on a
    worker thread.
    """

    __slots__ = ("_engine",)

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine

    @property
    def name(self) -> str:
        """Name of the engine."""
        return self._engine.name

    @property
    def epoch(self) -> str:
        """Identity of this database's numbering; opens the engine if need be."""
        return self._engine.epoch

    def after(self, pos: int, limit: int) -> list[StoredEvent]:
        """Return up to *limit* events committed after *pos*, in commit order."""
        return self._engine.read(partial(after, pos=pos, limit=limit))

    def history(self, channel: str, offset: int, limit: int) -> list[StoredEvent]:
        """Return up to *limit* events of *channel* after *offset*, in order."""
        return self._engine.read(
            partial(history, channel=channel, offset=offset, limit=limit)
        )

    def bounds(self, channels: Sequence[str]) -> dict[str, Bounds]:
        """Return which offsets of *channels* are kept, in one snapshot."""
        return self._engine.read(partial(_many_bounds, channels))

    def top(self) -> int:
        """Return the position of the newest event; 0 if there is none."""
        return self._engine.read(_top)

    def position(self, channel: str, connection: Any = None) -> Position:
        """Return where *channel* stands now.

        Args:
            channel: Any channel; one without events stands at offset 0.
            connection: A reading connection: then the answer belongs to that
                connection's snapshot, and a page rendered from the same
                snapshot resumes from here without a loss or a repeat.
        """
        if connection is None:
            kept = self._engine.read(partial(bounds, channel=channel))
        else:
            kept = bounds(connection, channel)
        return Position(self.epoch, kept.top)

    def sweep(self, before: float, limit: int) -> int:
        """Delete up to *limit* events created before *before*; return how many.

        The newest event of each channel stays, so that its offset is never
        given to another one.
        """
        rows = self._engine.read(partial(_stale, before, 0, limit))
        if not rows:
            return 0
        return self._engine.transact(partial(_forget, rows))
