"""What SQLite's result codes mean to a caller."""

from __future__ import annotations

import sqlite3

from syncpatterns.errors import (
    ConfigurationError,
    DatabaseCorrupt,
    DatabaseForeign,
    DatabaseReadOnly,
    DatabaseRefused,
    DiskFull,
    EngineBusy,
    StoreUnavailable,
    SyncPatternsError,
)

_PRIMARY = 0xFF
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT})
_DOUBTFUL = frozenset(
    {None, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC}
)
_RETRY_AFTER = 1.0


def translate(error: sqlite3.Error, path: str) -> SyncPatternsError | None:
    """Return our error for a failure of the engine, None for one of the effect.

    A broken constraint or a mistake in the effect's own SQL is the effect's
    error and reaches the caller as it is.
    """
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    primary = code & _PRIMARY
    if primary in _LOCKED:
        return EngineBusy(
            f"sqlite: {path} stayed locked by other writers. Nothing was done; try "
            "again with the same key, or raise busy_timeout in the URL.",
            retry_after=_RETRY_AFTER,
        )
    if primary == sqlite3.SQLITE_FULL:
        return DiskFull(
            f"sqlite: no space left for {path}. Nothing was written; free space on "
            "that disk, then try again with the same key.",
            retry_after=30.0,
        )
    if primary == sqlite3.SQLITE_IOERR:
        name = getattr(error, "sqlite_errorname", "SQLITE_IOERR")
        return StoreUnavailable(
            f"sqlite: the disk refused a read or write of {path} ({name}). Look at "
            "free space, quota and the system log, then try again with the same key.",
            retry_after=_RETRY_AFTER,
        )
    if primary == sqlite3.SQLITE_AUTH:
        return ConfigurationError(
            "sqlite: an effect tried to begin, commit or roll back by itself, or to "
            "change how commits reach the disk. The engine commits its rows together "
            "with the stored answer; raise to undo everything, use a SAVEPOINT of "
            "your own name for a part."
        )
    return refused(error, path)


def certainly_undone(error: BaseException) -> bool:
    """Tell whether a COMMIT that failed like this wrote nothing for sure.

    A failed fsync is the one that leaves doubt: the pages may reach the disk
    later, and a crash right then would bring the commit back to life.
    """
    if not isinstance(error, sqlite3.Error):
        return False
    return getattr(error, "sqlite_errorcode", None) not in _DOUBTFUL


def refused(error: sqlite3.Error, path: str) -> DatabaseRefused | None:
    """Return our error if the file itself cannot be used, else None."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = -1 if code is None else code & _PRIMARY
    if primary in _DAMAGED:
        return DatabaseCorrupt(
            f"sqlite: {path} is damaged. Stop writing to it, keep a copy, and try "
            f"`sqlite3 {path} .recover` or restore a backup."
        )
    if primary == sqlite3.SQLITE_NOTADB:
        return DatabaseForeign(
            f"sqlite: {path} is not a SQLite database (or is encrypted). Name "
            "another file in the URL; this one was not touched."
        )
    if primary in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return DatabaseReadOnly(
            f"sqlite: {path} may not be written. Give this user write permission on "
            "the file and its folder, or name another file."
        )
    if primary == sqlite3.SQLITE_CANTOPEN:
        return DatabaseRefused(
            f"sqlite: {path} cannot be opened. The folder must exist and be "
            "writable, and the path must not be a folder."
        )
    return None
