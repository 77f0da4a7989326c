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
        "_open",
        "_session",
        "_wall",
        "after",
        "again",
        "clock",
        "draining",
        "key_hash",
        "news",
    )

    def __init__(self, session: WriteSession, clock: float, wall: float) -> None:
        self._session = session
        self._connection = session.connection
        self._wall = wall
        self._open = True
        self.clock = clock
        self.draining = False
        self.again = False
        self.key_hash = ""
        self.news = 0
        self.after: list[Callable[[], object]] = []

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
        return self._session.sqlalchemy()

    def publish(self, *events: Publishable) -> None:
        """Write *events* to the outbox; they appear after, and only after, commit.

        Raises:
            PublishRejected: An event can never be published as it is.
        """
        self._require_open()
        _outbox.write(self._connection, events, self.clock)
        if events:
            self.news |= PUBLISHED

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
        self.after.append(function)

    def apart(self, work: Callable[[SqliteTransaction], T]) -> T:
        """Run the library's own *work* as a part that is done, or leaves nothing.

        An effect may go on after what *work* raised. What the effect has
        changed on the driver's objects is as if it were not, meanwhile.
        """
        self._require_open()
        connection = self._connection
        factories = connection.row_factory, connection.text_factory
        news, promised = self.news, len(self.after)
        connection.row_factory, connection.text_factory = None, str
        self._session.savepoint()
        try:
            done = work(self)
        except BaseException:
            if self._session.in_transaction:
                self._session.rollback_to_savepoint()
                self._session.release_savepoint()
            self.news = news
            del self.after[promised:]
            raise
        else:
            self._session.release_savepoint()
        finally:
            connection.row_factory, connection.text_factory = factories
        return done

    def is_of(self, session: WriteSession) -> bool:
        """Tell whether this is a transaction of *session*."""
        return self._session is session

    def keep_reserve(self) -> None:
        """A queue lives here: keep room back for its drain, if there is any."""
        self._session.room.keep(self.connection)
        self._session.room.grow()

    def require_room(self) -> None:
        """Refuse to store anything new while a full disk only lets queues drain.

        Raises:
            DiskFull: It does.
        """
        self._session.require_room(self.connection)

    def drains(self) -> None:
        """This work empties a queue: on a full disk it may have the reserve."""
        self.draining = True

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
        if not self._session.in_transaction:
            raise ended()
        self._session.rollback_to_savepoint()
        self.news = 0
        self.after.clear()

    def end(self) -> None:
        """Make every later use of this object an error."""
        self._open = False

    def _require_open(self) -> None:
        if not self._open:
            raise ConfigurationError(
                "sqlite: this transaction has ended. Use `tx` only inside the effect "
                "it was given to, on the same thread; never keep it."
            )
