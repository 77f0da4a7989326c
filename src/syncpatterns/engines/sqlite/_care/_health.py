"""What an operator wants to know about the database file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncpatterns.engines.sqlite import _migrations
from syncpatterns.engines.sqlite._writing._session import wal_reset_bug

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._engine import SqliteEngine


@dataclass(frozen=True, slots=True)
class Health:
    """One look at the engine.

    Args:
        writable: A row could be written and committed just now.
        detail: Why not, or an empty string.
        sqlite_version: Version of the SQLite library in use.
        shared: Another process was seen writing the file.
        wal_reset_bug: This SQLite can damage a file that two processes write.
    """

    writable: bool
    detail: str
    sqlite_version: str
    shared: bool
    wal_reset_bug: bool


def health_of(engine: SqliteEngine, is_shared: Callable[[], bool]) -> Health:
    """Write one small row and report; never raises for a bad database.

    An empty transaction would do on a full disk too: it writes no page.
    """
    detail, shared = "", False
    try:
        engine.transact(lambda tx: _migrations.store_looked(tx.connection, tx.clock))
        shared = is_shared()
    except Exception as error:  # noqa: BLE001 - the report is the point
        detail = str(error) or type(error).__name__
    return Health(
        writable=not detail,
        detail=detail,
        sqlite_version=sqlite3.sqlite_version,
        shared=shared,
        wal_reset_bug=wal_reset_bug(),
    )
