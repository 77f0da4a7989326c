"""Save what a damaged database still holds into a new file, and use that.

Only for a file that is this library's alone: its own rows it can judge, and
what belongs together it can put together again. Business tables it cannot, so a
file that holds any is refused and left as it is.

The damaged file is read page by page and never written. It is kept beside the
new one under another name, for whoever can get more out of it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.engines.sqlite import _connection, _errors, _forks
from syncpatterns.engines.sqlite._care._backup import sync_file, sync_folder
from syncpatterns.engines.sqlite._migrations import APPLICATION_ID
from syncpatterns.engines.sqlite._salvage._build import Gap, build
from syncpatterns.engines.sqlite._salvage._pages import Damage, Pages
from syncpatterns.engines.sqlite._salvage._tables import Reader, schema_of
from syncpatterns.engines.sqlite._salvage._trees import Trees
from syncpatterns.errors import (
    ConfigurationError,
    DatabaseCorrupt,
    DatabaseForeign,
    DatabaseTooNew,
    EngineBusy,
)
from syncpatterns.events import StorageRecovered

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._engine import SqliteEngine

_log = logging.getLogger("syncpatterns.sqlite")

#: Bytes that every open connection of SQLite holds a lock on, in the file.
_SHARED_FIRST: Final = 0x40000000 + 2
_SHARED_SIZE: Final = 510
_BACKUPS: Final = (
    "Restore a backup, as `syncpatterns queue backup` makes them, or keep a copy and "
    "try `sqlite3 FILE .recover`."
)


class SalvageReport(NamedTuple):
    """What came of it.

    Args:
        path: Where the damaged file lies now, with its log.
        kept: Rows that were saved, for each table.
        lost: Where rows could not be read.
    """

    path: Path
    kept: dict[str, int]
    lost: tuple[Gap, ...]

    @property
    def rows(self) -> int:
        """How many rows were saved."""
        return sum(self.kept.values())

    def fact(self, path: Path) -> StorageRecovered:
        """Return what hooks are told; it is logged as well."""
        _log.warning(
            "sqlite: %s was damaged and has been salvaged: %d rows kept, %d places "
            "lost. The damaged file is %s.",
            path,
            self.rows,
            len(self.lost),
            self.path,
        )
        return StorageRecovered(
            "", "", "sqlite", str(path), kept=self.rows, lost=len(self.lost)
        )


def salvage(
    path: str | os.PathLike[str],
    *,
    clock: Clock | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> SalvageReport:
    """Save the rows of the damaged database *path*, and put the new file in its place.

    Nobody may have it open. The damaged file is moved to ``PATH.corrupt-TIME``.
    The outbox gets a new identity: who resumes from an old cursor is told of a
    gap, where events may have been lost.

    Args:
        path: The database file.
        clock: Where the time in the name comes from.
        progress: Called with the number of pages done, and of all.

    Raises:
        ConfigurationError: It is in order, or not there.
        DatabaseForeign: It is not this library's alone, so it was not touched.
        DatabaseCorrupt: Too little is left to tell whose it is.
        EngineBusy: Somebody has it open.
    """
    real = Path(os.path.realpath(path))
    if not real.is_file():
        raise ConfigurationError(f"sqlite: {real} is not there; correct the path.")
    _forks.refuse_open(real)
    _refuse_sound(real)
    with _alone(real) as file:
        reader = _ours(real, file)
        fresh = Path(f"{real}.salvaged")
        _remove(fresh)
        try:
            kept, lost = _built(reader, fresh, progress)
            _settle(fresh)
            _like(real, fresh)
            sync_file(fresh)
            aside = _swap(real, fresh, clock or SystemClock())
        finally:
            _remove(fresh)
    return SalvageReport(aside, kept, lost)


def _refuse_sound(path: Path) -> None:
    try:
        with closing(_connection.open_looking(path)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return
    if verdict == "ok":
        raise ConfigurationError(
            f"sqlite: {path} is in order, so there is nothing to salvage."
        )


@contextmanager
def _alone(path: Path) -> Generator[IO[bytes]]:
    """Open the file, and keep every SQLite of other processes out of it.

    Raises:
        EngineBusy: One is in it.
    """
    with path.open("rb+", buffering=0) as file:
        try:
            import fcntl  # noqa: PLC0415 - not on Windows, which moves no open file
        except ImportError:
            yield file
            return
        try:
            fcntl.lockf(
                file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST
            )
        except OSError as error:
            raise EngineBusy(
                f"sqlite: another process has {path} open. Stop it, then salvage."
            ) from error
        yield file


def _ours(path: Path, file: IO[bytes]) -> Reader:
    def read(at: int, count: int) -> bytes:
        file.seek(at)
        return file.read(count)

    log = Path(f"{path}-wal")
    try:
        pages = Pages(
            read, path.stat().st_size, log.read_bytes() if log.is_file() else b""
        )
    except Damage:
        raise DatabaseCorrupt(
            f"sqlite: the first page of {path} is damaged: nobody can tell whose file "
            f"it is. It was not touched. {_BACKUPS}"
        ) from None
    if pages.header.application_id != APPLICATION_ID:
        raise DatabaseForeign(
            f"sqlite: {path} is not marked as this library's, so it was not touched. "
            f"{_BACKUPS}"
        )
    trees = Trees(pages)
    schema = schema_of(trees)
    if schema.foreign:
        names = ", ".join(schema.foreign[:5])
        raise DatabaseForeign(
            f"sqlite: {path} also holds tables of your own ({names}), which this "
            f"library cannot judge, so it was not touched. {_BACKUPS}"
        )
    try:
        if schema.whole:
            return Reader(trees, schema)
    except sqlite3.Error:
        pass  # a statement that makes a table is no longer one
    raise DatabaseCorrupt(
        f"sqlite: the list of tables in {path} is damaged itself, so nobody can tell "
        f"what it holds. It was not touched. {_BACKUPS}"
    )


def _built(
    reader: Reader, fresh: Path, progress: Callable[[int, int], object] | None
) -> tuple[dict[str, int], tuple[Gap, ...]]:
    try:
        return build(reader, fresh, progress)
    except sqlite3.Error as error:
        known = _errors.translate(error, str(fresh))
        if known is not None:
            raise known from error
        raise DatabaseTooNew(
            f"sqlite: the tables in {fresh.with_suffix('')} are not those that this "
            f"release makes, so it was not touched. Salvage it with the release that "
            f"wrote it. {_BACKUPS}"
        ) from error


def _settle(fresh: Path) -> None:
    """Let each queue put its counters and lanes right, in the new file."""
    from syncpatterns.engines.sqlite._engine import (  # noqa: PLC0415 - it imports us
        SqliteEngine,
    )

    engine: SqliteEngine
    with SqliteEngine(fresh) as engine:
        store = engine.queue_store()
        for queue in store.queues():
            store.check(queue, repair=True)


def _like(path: Path, fresh: Path) -> None:
    """Give *fresh* the owner and the permissions of *path*."""
    found = path.stat()
    fresh.chmod(found.st_mode & 0o777)
    if hasattr(os, "chown"):
        with suppress(PermissionError):  # then it is this user's already
            os.chown(fresh, found.st_uid, found.st_gid)


def _swap(path: Path, fresh: Path, clock: Clock) -> Path:
    """Put *fresh* in the place of *path*, and return where that lies now.

    There is always a file under the name: whoever looks meanwhile finds the old
    one, locked, or the new one, and never makes an empty one. The old log goes
    first: beside the new file SQLite would take it for that one's.
    """
    aside = _unused(path, clock)
    for end in ("", "-wal"):
        with suppress(FileNotFoundError):
            _also_named(Path(f"{path}{end}"), Path(f"{aside}{end}"))
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    fresh.replace(path)
    sync_folder(path.parent)
    return aside


def _also_named(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links
        old.rename(new)


def _unused(path: Path, clock: Clock) -> Path:
    stamp = datetime.fromtimestamp(clock.time(), UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = Path(f"{path}.corrupt-{stamp}")
    more = 2
    while aside.exists():
        aside = Path(f"{path}.corrupt-{stamp}-{more}")
        more += 1
    return aside


def _remove(fresh: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        Path(f"{fresh}{end}").unlink(missing_ok=True)
