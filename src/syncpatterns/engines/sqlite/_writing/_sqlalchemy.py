"""Bind SQLAlchemy to a connection whose transactions are the engine's."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NoReturn

from syncpatterns.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Binding:
    """The SQLAlchemy Connection of one driver connection, made when asked for.

    Args:
        connection: The driver's connection; it stays the engine's.
    """

    __slots__ = ("_bound", "_connection")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._bound: Connection | None = None

    def connection(self) -> Connection:
        """Return a SQLAlchemy Connection inside the engine's transaction.

        Raises:
            ConfigurationError: SQLAlchemy is not installed.
        """
        if self._bound is None:
            self._bound = bind(self._connection)
        return self._bound

    def tidy(self) -> None:
        """Between two callers: drop what the last one left in disorder.

        A refused commit() or a begin_nested() never ended would make
        SQLAlchemy refuse every statement of the next caller.
        """
        bound = self._bound
        if bound is None:
            return
        root = bound.get_transaction()
        if (
            root is None
            or not root.is_active
            or bound.get_nested_transaction() is not None
            or bound.invalidated
            or bound.closed
        ):
            self._bound = None

    def close(self) -> None:
        """Forget the connection; the driver's own is closed by its owner."""
        self._bound = None


def bind(connection: sqlite3.Connection) -> Connection:
    """Return a SQLAlchemy Connection on *connection*, inside its transaction.

    Statements, savepoints and a Session work as always; commit and rollback of
    the whole transaction are refused, because the engine ends it together with
    the record.

    Raises:
        ConfigurationError: SQLAlchemy is not installed.
    """
    try:
        from sqlalchemy import create_engine, event  # noqa: PLC0415 - optional
        from sqlalchemy.pool import StaticPool  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ConfigurationError(
            "tx.sqlalchemy() needs SQLAlchemy: pip install 'syncpatterns[sqlalchemy]', "
            "or use tx.connection."
        ) from error
    engine = create_engine(
        "sqlite://",
        creator=lambda: connection,
        poolclass=StaticPool,
        pool_reset_on_return=None,
    )
    # SQLAlchemy rolls back once while it gets to know a connection; here that
    # would undo the effect's rows. Begin and end are the engine's alone.
    for ending in ("do_begin", "do_rollback", "do_commit", "do_close"):
        setattr(engine.dialect, ending, _leave)
    bound = engine.connect()
    # Begun here, so that a Session bound to it joins the transaction instead
    # of beginning, and at its end committing, one of its own.
    bound.begin()
    event.listen(engine, "commit", _refuse)
    event.listen(engine, "rollback", _refuse)
    # `with tx.sqlalchemy() as connection:` is natural, and must not end anything.
    setattr(bound, "close", _leave)  # noqa: B010 - mypy refuses the assignment
    setattr(bound, "begin", _refuse)  # noqa: B010 - as above
    return bound


def _leave(*_: object) -> None:
    """Do nothing: the engine begins, ends and closes."""


def _refuse(*_: object) -> NoReturn:
    raise ConfigurationError(
        "The engine ends this transaction, together with the stored answer. Raise "
        "to undo everything; use begin_nested() for a part."
    )
