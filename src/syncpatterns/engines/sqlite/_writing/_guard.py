"""What an effect may not do on the engine's connection.

Asked when a statement is prepared, so a statement that the driver has cached
costs nothing. For the same reason the engine's own BEGIN and COMMIT carry a
mark that nobody else knows: an effect's plain COMMIT would be found in the
driver's cache, prepared and allowed for the engine, and would run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

SAVEPOINT: Final = "syncpatterns_job"

_RESERVED: Final = "syncpatterns_"
_WATCHED: Final = frozenset(
    {
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_PRAGMA,
        sqlite3.SQLITE_SAVEPOINT,
        sqlite3.SQLITE_TRANSACTION,
    }
)
#: PRAGMAs whose argument asks, or whose change ends with the transaction. Every
#: other would outlive the effect, on a connection that serves all callers.
_HARMLESS: Final = frozenset(
    {
        "defer_foreign_keys",
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
        "user_version",
    }
)


def forbid(connection: sqlite3.Connection, ours: Callable[[], bool]) -> None:
    """Let only the engine begin, commit and roll back on *connection*.

    An effect that committed half-way would tear its rows from their record: a
    crash right after would leave a booking that nobody knows was answered. A
    commit over two attached files is not one commit either.

    Args:
        connection: Whose statements are watched.
        ours: Whether the engine itself is speaking.
    """

    def authorize(
        action: int,
        first: str | None,
        second: str | None,
        _database: str | None,
        _trigger: str | None,
    ) -> int:
        if action not in _WATCHED or ours():
            return sqlite3.SQLITE_OK
        allowed = False
        if action == sqlite3.SQLITE_PRAGMA:
            allowed = second is None or (first or "").lower() in _HARMLESS
        elif action == sqlite3.SQLITE_SAVEPOINT:
            allowed = not (second or "").lower().startswith(_RESERVED)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    connection.set_authorizer(authorize)
