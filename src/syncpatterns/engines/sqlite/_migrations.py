"""Create and upgrade the library's own tables; business tables are untouched."""

from __future__ import annotations

import re
import secrets
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Any

from syncpatterns.engines.sqlite._connection import APPLICATION_ID
from syncpatterns.engines.sqlite._time import StoreClock
from syncpatterns.errors import DatabaseTooNew

_PACKAGE = "syncpatterns.engines.sqlite"
_FILE = re.compile(r"(\d{4})_\w+\.sql")


def scripts() -> list[tuple[int, str]]:
    """Return (number, SQL) of every migration, in order."""
    found: list[tuple[int, str]] = []
    for entry in files(_PACKAGE).joinpath("migrations").iterdir():
        match = _FILE.fullmatch(entry.name)
        if match:
            found.append((int(match[1]), entry.read_text(encoding="utf-8")))
    return sorted(found)


def migrate(connection: sqlite3.Connection, path: Path, clock: StoreClock) -> str:
    """Bring the tables up to this release and return the outbox's epoch.

    One transaction: a crash in the middle leaves the file as it was, and of
    two processes that start together one migrates while the other waits.

    Raises:
        DatabaseTooNew: A newer release wrote the file.
    """
    known = scripts()
    connection.execute("BEGIN IMMEDIATE")
    try:
        current = _schema(connection)
        newest = known[-1][0]
        _refuse_newer(path, current, newest)
        for number, script in known:
            if number > current:
                for statement in _statements(script):
                    connection.execute(statement)
        if current < newest:
            _set(connection, "schema", newest)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        epoch = _get(connection, "epoch")
        if epoch is None:
            epoch = secrets.token_hex(4)
            _set(connection, "epoch", epoch)
        clock.seen(float(_get(connection, "high_water") or 0.0))
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return str(epoch)


def _refuse_newer(path: Path, current: int, newest: int) -> None:
    if current > newest:
        raise DatabaseTooNew(
            f"sqlite: {path} was written by a newer release (schema {current}, "
            f"this one knows {newest}). Upgrade syncpatterns, or name another file."
        )


def store_high_water(connection: sqlite3.Connection, now: float) -> float:
    """Store *now* as the time seen, unless another process saw a later one."""
    row = connection.execute(
        "INSERT INTO syncpatterns_meta VALUES ('high_water', ?) ON CONFLICT (name) "
        "DO UPDATE SET value = max(value, excluded.value) RETURNING value",
        (now,),
    ).fetchone()
    return float(row[0])


def _schema(connection: sqlite3.Connection) -> int:
    exists = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'syncpatterns_meta'"
    ).fetchone()
    return int(_get(connection, "schema") or 0) if exists else 0


def _get(connection: sqlite3.Connection, name: str) -> Any:
    row = connection.execute(
        "SELECT value FROM syncpatterns_meta WHERE name = ?", (name,)
    ).fetchone()
    return row[0] if row else None


def _set(connection: sqlite3.Connection, name: str, value: object) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO syncpatterns_meta VALUES (?, ?)", (name, value)
    )


def _statements(script: str) -> list[str]:
    """Split *script* where SQLite itself sees complete statements."""
    found: list[str] = []
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text)
            text = ""
    return found
