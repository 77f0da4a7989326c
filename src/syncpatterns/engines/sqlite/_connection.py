"""Open one connection, after looking at the file without changing it."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from syncpatterns.engines.sqlite._errors import (
    busy,
    damaged,
    not_writable,
    translate,
)
from syncpatterns.engines.sqlite._migrations import (
    APPLICATION_ID,
    refuse_newer,
    schema_of,
)
from syncpatterns.errors import DatabaseForeign, DatabaseRefused

_SMALLEST: Final = 512  # bytes; SQLite takes anything shorter for an empty database
_WAL_TRIES: Final = 20
_CHECK_BELOW: Final = 32 * 1024 * 1024
#: Bytes of log after which it is checkpointed. The file is cut back to the same
#: size when it starts over: were it kept longer, its size would say nothing
#: about how much is in it, and every commit would be followed by a checkpoint.
LOG_LIMIT: Final = 4 * 1024 * 1024
#: What may be done with a new file, and by whom: its owner reads and writes it.
OWNER_ONLY: Final = 0o600

_making = threading.Lock()


def inspect_file(path: Path, busy_timeout: float) -> int:
    """Refuse a file that is not ours to write; nothing is changed.

    The file is looked at through SQLite alone. Had this process opened and
    closed it by itself, POSIX would have dropped every lock that another
    connection of the process holds on it: tried out, a second process then
    deletes the log under the first, whose next commits are lost.

    Returns:
        The schema of the library's tables in it; 0 where it has none yet.

    Raises:
        DatabaseRefused: With the sentence that says what to do.
        EngineBusy: Another process kept the file locked for *busy_timeout*.
    """
    try:
        size = _size_of(path)
    except PermissionError as error:
        raise not_writable(path) from error
    except OSError as error:
        raise DatabaseRefused(
            f"sqlite: {path} cannot be used ({error.strerror}). Correct the path in "
            "the database URL."
        ) from error
    return _look_inside(path, size, busy_timeout) if size else 0


def _size_of(path: Path) -> int:
    """Return the size of the file, 0 if there is none yet."""
    folder = path.parent
    if not _is_there(folder) or not stat.S_ISDIR(folder.stat().st_mode):
        raise DatabaseRefused(
            f"sqlite: the folder {folder} does not exist. Create it, or correct the "
            "path in the database URL."
        )
    there = _is_there(path)
    if there and not stat.S_ISREG(path.stat().st_mode):
        kind = "a folder" if path.is_dir() else "no regular file"
        raise DatabaseRefused(
            f"sqlite: {path} is {kind}. Name a file in the database URL."
        )
    if not os.access(folder, os.W_OK) or (
        there and not os.access(path, os.R_OK | os.W_OK)
    ):
        raise not_writable(path)
    size = path.stat().st_size if there else 0
    if 0 < size < _SMALLEST:
        raise DatabaseForeign(
            f"sqlite: {path} is not a SQLite database. Name another file in the "
            "URL; this one was not touched."
        )
    return size


def _is_there(path: Path) -> bool:
    # Unlike Path.exists, this tells "no permission to look" from "not there".
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _look_inside(path: Path, size: int, busy_timeout: float) -> int:
    try:
        with closing(_raw(path, _looking_mode(path), busy_timeout)) as connection:
            connection.execute("PRAGMA query_only=ON")
            connection.text_factory = readable
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            if owner not in (0, APPLICATION_ID):
                raise DatabaseForeign(
                    f"sqlite: {path} belongs to another program (application_id "
                    f"{owner:#x}). Name another file in the URL; this one was not "
                    "touched."
                )
            if size <= _CHECK_BELOW:
                (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                if verdict != "ok":
                    raise damaged(path, verdict)
            schema = schema_of(connection, path)
            refuse_newer(path, schema)
            return schema
    except UnicodeDecodeError as error:
        # SQLite quotes the damaged text in what it says, and that is none.
        raise damaged(path, "a name in it is no text") from error
    except sqlite3.Error as error:
        known = translate(error, str(path))
        if known is None:
            raise
        raise known from error


def open_looking(path: Path) -> sqlite3.Connection:
    """Open a connection that leaves no trace."""
    connection = _raw(path, _looking_mode(path), 0)
    connection.execute("PRAGMA query_only=ON")
    connection.text_factory = readable
    return connection


def readable(text: bytes) -> str:
    """Return text of a file that may be damaged: SQLite's verdict quotes it."""
    return text.decode(errors="backslashreplace")


def _looking_mode(path: Path) -> Literal["ro", "rw"]:
    """Return how to open a file so that looking leaves no trace.

    A connection that may write clears up its -wal and -shm files when it
    closes; but it would also copy a log that somebody left into the database.
    A journal, though, has to be rolled back before anybody can read: where the
    power went out while the file was changed to a log, there may be both.
    """
    if _is_there(Path(f"{path}-journal")):
        return "rw"
    return "ro" if log_size(path) else "rw"


def _raw(
    path: Path,
    mode: Literal["ro", "rw", "rwc"],
    timeout: float,
    begin: Literal["IMMEDIATE"] | None = None,
) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=timeout,
        isolation_level=begin,
        check_same_thread=False,
        cached_statements=256,
    )


def open_writer(
    path: Path, busy_timeout: float, *, create: bool = True
) -> sqlite3.Connection:
    """Open the writing connection: WAL, every commit on the disk before it returns.

    Args:
        path: The file.
        busy_timeout: Seconds to wait for locks of others.
        create: False refuses to make a file that is not there (any more).
    """
    # The engine always begins by itself. IMMEDIATE here is a guard: when SQLite
    # ends the transaction under an effect that swallows the error, the driver
    # would begin anew for the next INSERT, which is refused; without it that
    # INSERT would commit on its own, apart from the record.
    mode: Literal["rwc", "rw"] = "rwc" if create else "rw"
    if create:
        _make(path)
    connection = _raw(path, mode, busy_timeout, begin="IMMEDIATE")
    try:
        _use_write_ahead_log(connection, path)
        # NORMAL would lose acknowledged commits at a power cut: measured 243 of
        # 375 cuts. FULL lost none, and shared commits make it cheap.
        connection.execute("PRAGMA synchronous=FULL")
        # What was deleted is overwritten: some builds leave it in free pages.
        connection.execute("PRAGMA secure_delete=ON")
        # Only this connection checkpoints, while it holds the write lock.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        # After a checkpoint the log starts over; what is longer is cut off then.
        connection.execute(f"PRAGMA journal_size_limit={LOG_LIMIT}")
    except BaseException:
        connection.close()
        raise
    return connection


def _make(path: Path) -> None:
    """Make the file, if it is new, for its owner alone.

    SQLite would let everybody read it (0644, less the umask), and what lies in it for
    days are names, addresses and what was said. Its log and shared memory take the
    mode of the file. One that is there keeps its own: who wants to share it with
    another account, makes it before, or changes its mode.
    """
    # Closing a file drops every lock that this process has on it. Nobody has one on
    # a file that was not there, and nobody here opens it before it is closed.
    with _making, suppress(OSError):  # there already; or SQLite will say why not
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    mode = _ask_for_wal(connection)
    for _ in range(_WAL_TRIES):
        if mode is not None:
            break
        # Two processes that open a new file at once both read it and both want
        # to change it; SQLite turns one away without waiting. This waits.
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")
        mode = _ask_for_wal(connection)
    if mode is None:
        raise busy(str(path))
    if mode != "wal":
        raise DatabaseRefused(
            f"sqlite: {path} cannot use a write-ahead log (got {mode!r}). Network "
            "file systems cannot; put the file on a local disk."
        )


def _ask_for_wal(connection: sqlite3.Connection) -> str | None:
    """Return the journal mode now in use, or None if another process was quicker."""
    try:
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return None
    return str(mode)


def open_reader(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open a connection that can only read."""
    connection = _raw(path, "rw", busy_timeout)
    try:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA query_only=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def log_size(path: Path) -> int:
    """Return the bytes of the write-ahead log; 0 if there is none."""
    try:
        return os.stat(f"{path}-wal").st_size  # noqa: PTH116 - no Path for a suffix
    except OSError:
        return 0


def restore(connection: sqlite3.Connection) -> None:
    """Take back what a caller changed on the driver's own object.

    With another caller's row factory the library could not read its rows.
    """
    if connection.row_factory is not None:
        connection.row_factory = None
    if connection.text_factory is not str:
        connection.text_factory = str
