"""One open transaction on the writing connection, as an effect sees it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from syncpatterns._transaction import Enqueuer, Publishable
from syncpatterns.engines.sqlite import _outbox, _records
from syncpatterns.engines.sqlite._errors import ended
from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency._core import Record, Resolution

T = TypeVar("T")

#: What a commit may have brought, and who is told of it.
PUBLISHED: Final = 1
QUEUED: Final = 2

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._writing._session import WriteSession


class SqliteTransaction:
    """Implements `syncpatterns.operation.Transaction` for SQLite.

    It is valid while the effect runs, on the thread that the effect runs on.
    """

    __slots__ = (
        "_connection",
        "_inside",
        "_wall",
        "clock",
        "key_hash",
    )

    def __init__(self, session: WriteSession, clock: float, wall: float) -> None:
        self._inside = Inside(session)
        self._connection = session.connection
        self._wall = wall
        self.clock = clock
        self.key_hash = ""

    @property
    def connection(self) -> sqlite3.Connection:
        """The writing connection; commit and rollback are refused on it."""
        self._require_open()
        return self._connection

    @property
    def now(self) -> datetime:
        """The host's wall clock in UTC when the transaction began."""
        return datetime.fromtimestamp(self._wall, UTC)

    def sqlalchemy(self) -> Any:
        """Return a SQLAlchemy Connection on this transaction.

        Raises:
            ConfigurationError: SQLAlchemy is not installed.
        """
        self._require_open()
        return self._inside.session.sqlalchemy()

    def publish(self, *events: Publishable) -> None:
        """Write *events* to the outbox; they appear after, and only after, commit.

        Raises:
            PublishRejected: An event can never be published as it is.
        """
        self._require_open()
        _outbox.write(self._connection, events, self.clock)
        if events:
            self._inside.news |= PUBLISHED

    def enqueue(self, queue: Enqueuer, op: Any, payload: Any, **options: Any) -> Any:
        """Put an action into an offline queue when, and only when, this commits.

        The same as ``queue.enqueue_tx(tx, op, payload, ...)``.

        Raises:
            ConfigurationError: The queue lives in another engine.
            QueueFull: There is no room; nothing was stored.
            KeyReused: The key was used for another payload; nothing was stored.
        """
        self._require_open()
        return queue.enqueue_tx(self, op, payload, **options)

    def after_commit(self, function: Callable[[], object]) -> None:
        """Have *function* called once, when this transaction has been committed.

        Outside of every lock and transaction, on any thread; it must not block,
        and what it raises is logged. Forgotten if this is rolled back or undone.
        """
        self._require_open()
        self._inside.after.append(function)

    def begin_effect(self, key_hash: str) -> None:
        """From here on the transaction serves the operation's effect."""
        self.key_hash = key_hash

    def load_record(self, key: str) -> Record | None:
        """Return the idempotency record of *key*."""
        return _records.load(self._connection, key)

    def save_record(self, record: Record) -> None:
        """Write *record* in this transaction."""
        _records.save(self._connection, record)

    def save_resolved(
        self, record: Record, *, happened: bool, by: str, reason: str
    ) -> None:
        """Write *record*, and who settled it."""
        self.save_record(record)
        said = Resolution(
            record.key, record.operation, happened, by, reason, self.clock
        )
        _records.add_resolution(self._connection, record, said)

    def undo(self) -> None:
        """Take back everything written so far; the transaction stays open.

        Raises:
            ConfigurationError: SQLite has ended the transaction meanwhile.
        """
        here = self._inside
        if not here.session.in_transaction:
            raise ended()
        here.session.rollback_to_savepoint()
        here.news = 0
        here.after.clear()

    def _require_open(self) -> None:
        if not self._inside.is_open:
            raise ConfigurationError(
                "sqlite: this transaction has ended. Use `tx` only inside the effect "
                "it was given to, on the same thread; never keep it."
            )


class Inside:
    """What only the library does with an open transaction, and no effect.

    Args:
        session: Whose transaction it is.

    Attributes:
        is_open: The effect may still use it.
        news: What its commit brings, and who is told of it.
        after: Called once it is committed.
        draining: It empties a queue: on a full disk it may have the reserve.
        again: It runs once more, with room made for it.
    """

    __slots__ = ("after", "again", "draining", "is_open", "news", "session")

    def __init__(self, session: WriteSession) -> None:
        self.session = session
        self.is_open = True
        self.news = 0
        self.after: list[Callable[[], object]] = []
        self.draining = False
        self.again = False

    def keep_reserve(self) -> None:
        """A queue lives here: keep room back for its drain, if there is any."""
        room = self.session.room
        room.keep(self.session.connection)
        room.grow()

    def require_room(self) -> None:
        """Refuse to store anything new while a full disk only lets queues drain.

        Raises:
            DiskFull: It does.
        """
        self.session.require_room(self.session.connection)


def inside(tx: SqliteTransaction) -> Inside:
    """Return the library's side of *tx*."""
    return tx._inside  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # its other half


def apart(tx: SqliteTransaction, work: Callable[[SqliteTransaction], T]) -> T:
    """Run the library's own *work* as a part of *tx* that is done, or leaves nothing.

    An effect may go on after what *work* raised. What the effect has
    changed on the driver's objects is as if it were not, meanwhile.
    """
    here, connection = inside(tx), tx.connection
    session = here.session
    factories = connection.row_factory, connection.text_factory
    news, promised = here.news, len(here.after)
    connection.row_factory, connection.text_factory = None, str
    session.savepoint()
    try:
        done = work(tx)
    except BaseException:
        if session.in_transaction:
            session.rollback_to_savepoint()
            session.release_savepoint()
        here.news = news
        del here.after[promised:]
        raise
    else:
        session.release_savepoint()
    finally:
        connection.row_factory, connection.text_factory = factories
    return done
