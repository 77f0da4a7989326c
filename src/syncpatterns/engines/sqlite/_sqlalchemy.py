"""Bind SQLAlchemy to a connection whose transactions are the engine's."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NoReturn

from syncpatterns.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection


def bind(connection: sqlite3.Connection) -> Connection:
    """Return a SQLAlchemy Connection on *connection*, inside its transaction.

    Statements and savepoints work as always; commit and rollback of the whole
    transaction are refused, because the engine ends it together with the record.

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

    def refuse(_connection: Connection) -> NoReturn:
        raise ConfigurationError(
            "The engine ends this transaction, together with the stored answer. Raise "
            "to undo everything; use begin_nested() for a part."
        )

    bound = engine.connect()
    event.listen(engine, "commit", refuse)
    event.listen(engine, "rollback", refuse)
    # `with tx.sqlalchemy() as connection:` is natural, and must not end anything.
    setattr(bound, "close", lambda: None)  # noqa: B010 - mypy refuses the assignment
    return bound


def _leave(*_: object) -> None:
    """Do nothing: the engine begins, ends and closes."""
