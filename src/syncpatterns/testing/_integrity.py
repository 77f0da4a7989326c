"""Ask SQLite whether a database file is in order."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

__all__ = ["sqlite_integrity"]


def sqlite_integrity(path: str | os.PathLike[str]) -> str:
    """Return ``ok`` or what SQLite finds wrong with the database at *path*."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("PRAGMA integrity_check").fetchall()
    except sqlite3.DatabaseError as error:
        return str(error)
    return "; ".join(row[0] for row in rows)
