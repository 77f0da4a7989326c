"""Create and upgrade the library's own tables; business tables are untouched."""

from __future__ import annotations

import functools
import re
import secrets
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

from syncpatterns.errors import DatabaseCorrupt, DatabaseTooNew

#: "syPa" as the database's application_id; `file` and doctor can tell by it.
APPLICATION_ID: Final = 0x73795061

_PACKAGE: Final = "syncpatterns.engines.sqlite"
_FILE: Final = re.compile(r"(\d{4})_\w+\.sql")
_COMMENT: Final = re.compile(r"--[^\n]*")


class Meta(NamedTuple):
    """What the database knows about itself.

    Args:
        epoch: Identity of its outbox, 8 hex digits.
        high_water: The latest time it has seen, seconds since the epoch.
    """

    epoch: str
    high_water: float


@functools.cache
def scripts() -> tuple[tuple[int, str], ...]:
    """Return (number, SQL) of every migration, in order."""
    found: list[tuple[int, str]] = []
    for entry in files(_PACKAGE).joinpath("migrations").iterdir():
        match = _FILE.fullmatch(entry.name)
        if match:
            found.append((int(match[1]), entry.read_text(encoding="utf-8")))
    return tuple(sorted(found))


def migrate(connection: sqlite3.Connection, path: Path) -> Meta:
    """Bring the tables up to this release.

    One transaction: a crash in the middle leaves the file as it was, and of
    two processes that start together one migrates while the other waits. Where
    nothing is to be done no lock is taken, so that a process can open the file
    while another one writes.

    Raises:
        DatabaseTooNew: A newer release wrote the file.
        DatabaseCorrupt: The library's own notes in it make no sense.
    """
    newest = scripts()[-1][0]
    if schema_of(connection, path) != newest:
        connection.execute("BEGIN IMMEDIATE")
        try:
            _upgrade(connection, path, newest)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    return _meta(connection, path)


def _upgrade(connection: sqlite3.Connection, path: Path, newest: int) -> None:
    current = schema_of(connection, path)  # again: another process may have been here
    refuse_newer(path, current)
    if current == newest:
        return
    for number, script in scripts():
        if number > current:
            for statement in statements(script):
                connection.execute(statement)
    if not current:
        _set(connection, "epoch", secrets.token_hex(4))
    _set(connection, "schema", newest)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


def refuse_newer(path: Path, schema: int) -> None:
    """Raise if a newer release wrote the file.

    Raises:
        DatabaseTooNew: It did.
    """
    newest = scripts()[-1][0]
    if schema > newest:
        raise DatabaseTooNew(
            f"sqlite: {path} was written by a newer release (schema {schema}, "
            f"this one knows {newest}). Upgrade syncpatterns, or name another file."
        )


def schema_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the number of the last migration; 0 before the first.

    Raises:
        DatabaseCorrupt: The library's own notes make no sense.
    """
    exists = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'syncpatterns_meta'"
    ).fetchone()
    try:
        value = _get(connection, "schema") if exists else 0
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        raise _nonsense(path) from error  # somebody's own table of that name
    if type(value) is not int:
        raise _nonsense(path)
    return value


def _meta(connection: sqlite3.Connection, path: Path) -> Meta:
    epoch = _get(connection, "epoch")
    high_water = _get(connection, "high_water") or 0.0
    if type(epoch) is not str or not isinstance(high_water, float | int):
        raise _nonsense(path)
    return Meta(epoch, float(high_water))


def _nonsense(path: Path) -> DatabaseCorrupt:
    return DatabaseCorrupt(
        f"sqlite: the table syncpatterns_meta in {path} does not hold what this "
        "library wrote there. Restore a backup, or name another file."
    )


def store_high_water(connection: sqlite3.Connection, now: float) -> float:
    """Store *now* as the time seen, unless another process saw a later one."""
    row = connection.execute(
        "INSERT INTO syncpatterns_meta VALUES ('high_water', ?) ON CONFLICT (name) "
        "DO UPDATE SET value = max(value, excluded.value) RETURNING value",
        (now,),
    ).fetchone()
    return float(row[0])


def store_looked(connection: sqlite3.Connection, now: float) -> None:
    """Store *now* as the time at which somebody asked whether this can be written."""
    _set(connection, "looked", now)


def _get(connection: sqlite3.Connection, name: str) -> Any:
    row = connection.execute(
        "SELECT value FROM syncpatterns_meta WHERE name = ?", (name,)
    ).fetchone()
    return row[0] if row else None


def _set(connection: sqlite3.Connection, name: str, value: object) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO syncpatterns_meta VALUES (?, ?)", (name, value)
    )


def statements(script: str) -> list[str]:
    """Split *script* where SQLite itself sees complete statements.

    Raises:
        ValueError: The last statement has no semicolon; it would be left out.
    """
    found: list[str] = []
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text)
            text = ""
    if _COMMENT.sub("", text).strip():
        raise ValueError(f"a migration ends in the middle of a statement: {text!r}")
    return found
