"""What SQLite's result codes mean to a caller."""

from __future__ import annotations

import sqlite3
from typing import Final

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

_PRIMARY: Final = 0xFF
_WAITED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL})
#: How a COMMIT fails before its last page is in the log.
_NOTHING_WRITTEN: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
    }
)
#: How a quota, and a full disk under the shared memory of the log, look.
_REFUSED_TO_GROW: Final = frozenset(
    {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
)
_UNFINISHED: Final = "SQL statements in progress"
_RETRY_AFTER: Final = 1.0
_FULL_RETRY_AFTER: Final = 30.0


def translate(error: sqlite3.Error, path: str) -> SyncPatternsError | None:
    """Return our error for a failure of the engine, None for one of the effect.

    A broken constraint or a mistake in the effect's own SQL is the effect's
    error and reaches the caller as it is.
    """
    primary = _primary(error)
    if primary in _WAITED:
        # A statement of the effect's own that still holds rows also makes a
        # commit "busy"; waiting for other processes would not end it.
        return unfinished() if _UNFINISHED in str(error) else busy(path)
    if primary == sqlite3.SQLITE_FULL:
        return DiskFull(
            f"sqlite: no space left for {path}. Nothing was written; free space on "
            "that disk, then try again with the same key.",
            retry_after=_FULL_RETRY_AFTER,
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
            "sqlite: an effect tried to begin, commit or roll back by itself, to "
            "attach another file, or to change the connection by a PRAGMA. The engine "
            "commits its rows together with the stored answer; raise to undo "
            "everything, use a SAVEPOINT of your own name for a part."
        )
    return refused(error, path)


def translate_read(error: sqlite3.Error, path: str) -> SyncPatternsError | None:
    """Do `translate` for a connection that may only read."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_READONLY or not_allowed(error):
        return ConfigurationError(
            "sqlite: a view can only read, and the engine begins and ends it. Write "
            "inside transact(), or in the effect of an operation."
        )
    return translate(error, path)


def busy(path: str) -> EngineBusy:
    """Return the error for a lock that was not free for the whole time-out."""
    return EngineBusy(
        f"sqlite: {path} stayed locked by other writers. Nothing was done; try "
        "again with the same key, or raise busy_timeout in the URL.",
        retry_after=_RETRY_AFTER,
    )


def unfinished() -> ConfigurationError:
    """Return the error for an effect that keeps a writing statement open."""
    return ConfigurationError(
        "sqlite: the effect left a statement unfinished, so nothing could be "
        "committed. Fetch all rows of INSERT, UPDATE or DELETE ... RETURNING, or "
        "close its cursor, before the effect returns."
    )


def ended() -> ConfigurationError:
    """Return the error for an effect that went on although its transaction was lost."""
    return ConfigurationError(
        "sqlite: SQLite ended the transaction while the effect ran (a full disk, OR "
        "ROLLBACK or RAISE(ROLLBACK)), and the effect went on. Let such an error "
        "pass, and use ABORT, the default, in constraints and triggers."
    )


def certainly_undone(error: BaseException) -> bool:
    """Tell whether a COMMIT that failed like this wrote nothing for sure.

    A failed fsync leaves doubt: the pages may reach the disk later, and a crash
    right then would bring the commit back to life. So does a full disk when
    the -shm file is to grow: by then the pages are in the log and synced.
    """
    if not isinstance(error, sqlite3.Error):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_IOERR_WRITE or _primary(error) in _NOTHING_WRITTEN


def no_room(error: BaseException | None) -> bool:
    """Tell whether *error*, or what it came from, is a disk or quota that is full."""
    seen: set[int] = set()
    # Causes are the effect's own and may go in a circle: whoever walked there for
    # ever would be the writer, with the lock in its hands.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, sqlite3.Error):
            code = getattr(error, "sqlite_errorcode", None)
            return _primary(error) == sqlite3.SQLITE_FULL or code in _REFUSED_TO_GROW
        error = error.__cause__
    return False


def refused(error: sqlite3.Error, path: str) -> DatabaseRefused | None:
    """Return our error if the file itself cannot be used, else None."""
    primary = _primary(error)
    if primary == sqlite3.SQLITE_CORRUPT:
        return damaged(path, str(error))
    if primary == sqlite3.SQLITE_NOTADB:
        return DatabaseForeign(
            f"sqlite: {path} is not a SQLite database (or is encrypted). Name "
            "another file in the URL; this one was not touched."
        )
    if primary in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return not_writable(path)
    if primary == sqlite3.SQLITE_CANTOPEN:
        return DatabaseRefused(
            f"sqlite: {path} cannot be opened. The folder must exist and be "
            "writable, and the path must not be a folder."
        )
    return None


def not_writable(path: object) -> DatabaseReadOnly:
    """Return the error for a missing permission."""
    return DatabaseReadOnly(
        f"sqlite: {path} may not be written. Give this user write permission on "
        "the file and its folder, or name another file."
    )


def damaged(path: object, verdict: str) -> DatabaseCorrupt:
    """Return the error for a file that SQLite finds out of order."""
    return DatabaseCorrupt(
        f"sqlite: {path} is damaged ({verdict}). Stop writing to it and restore a "
        "backup, as `syncpatterns queue backup` makes them. A file that holds nothing "
        "but this library's tables can be saved with `syncpatterns queue salvage`, any "
        f"other with `sqlite3 {path} .recover`."
    )


def not_allowed(error: sqlite3.Error) -> bool:
    """Tell whether the guard refused the statement."""
    return _primary(error) == sqlite3.SQLITE_AUTH


def interrupted(error: sqlite3.Error) -> bool:
    """Tell whether a leftover statement of somebody's is still running."""
    return _primary(error) == sqlite3.SQLITE_INTERRUPT


def _primary(error: sqlite3.Error) -> int:
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & _PRIMARY
