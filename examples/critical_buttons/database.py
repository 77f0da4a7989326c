"""Look at a database file before it is touched, and start over if asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from examples.critical_buttons.schema import VERSION, known_shapes, metadata
from examples.critical_buttons.settings import StartupError

_SUFFIXES: Final = ("", "-wal", "-shm", "-journal")
_LIBRARY: Final = "syncpatterns_"
_LIBRARY_ID: Final = 0x73795061  # what the engine writes as application_id


def check_ours(path: Path) -> None:
    """Refuse a database that holds anything but this app's tables.

    A file that is no database at all is left to the engine, which says so.

    Raises:
        StartupError: It belongs to another program or a newer release.
    """
    if not path.is_file() or path.stat().st_size == 0:
        return
    try:
        with _opened(path, "ro") as connection:
            foreign = _foreign(connection)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        return
    if foreign:
        raise StartupError(
            f"{path} belongs to another program (it holds {', '.join(foreign)}). It "
            "was not touched; name another file with --db."
        )
    if version > VERSION:
        raise StartupError(
            f"{path} was written by a newer release of this app (version {version}, "
            f"this one knows {VERSION}). Update the app, or name another file with "
            "--db."
        )


def delete(path: Path) -> None:
    """Delete the app's database at *path*, if nobody has it open.

    Raises:
        StartupError: It is not this app's, damaged, in use, or write protected.
    """
    if not path.exists():
        return
    if path.stat().st_size:
        _require_unused(path)
    try:
        for suffix in _SUFFIXES:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise StartupError(
            f"--fresh could not delete {path}: {error.strerror}. Delete it by hand, "
            "or name another file with --db."
        ) from error


def _require_unused(path: Path) -> None:
    try:
        with _opened(path, "rw") as connection:
            foreign = _foreign(connection) or _not_this_app(connection)
            if not foreign:
                # Leaving the write-ahead log needs the file for oneself alone.
                connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        raise StartupError(
            f"--fresh leaves {path} alone, because another program has it open "
            f"({error}). Stop that program, then start again."
        ) from error
    except sqlite3.Error as error:
        raise StartupError(
            f"--fresh leaves {path} alone, because it is not a database or is damaged "
            f"({error}). Move it away, or name another file with --db."
        ) from error
    if foreign:
        raise StartupError(
            f"--fresh leaves {path} alone, because it belongs to another program (it "
            f"holds {', '.join(foreign)}). Name another file with --db."
        )


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=0.0)) as connection:
        connection.isolation_level = None
        yield connection


def _foreign(connection: sqlite3.Connection) -> list[str]:
    """Return what is not ours: a program's mark, tables, views."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if owner not in (0, _LIBRARY_ID):
        return [f"the mark {owner:#x}"]
    entries = connection.execute(
        "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') "
        "ORDER BY name"
    ).fetchall()
    return [
        str(name)
        for kind, name in entries
        if kind == "view" or not _ours(connection, str(name))
    ][:3]


def _not_this_app(connection: sqlite3.Connection) -> list[str]:
    """Return the tables of a database that another user of the library made."""
    names = [
        str(name)
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        )
    ]
    return [] if not names or set(names) & set(metadata.tables) else names[:3]


def _ours(connection: sqlite3.Connection, name: str) -> bool:
    if name.startswith((_LIBRARY, "sqlite_")):
        return True
    table = metadata.tables.get(name)
    if table is None:
        return False
    rows = connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
    # Also as an earlier release made it: opening brings it up to date.
    return {str(column) for (column,) in rows} in known_shapes(table)
