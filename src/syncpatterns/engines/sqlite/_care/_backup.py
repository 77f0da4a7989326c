"""A copy of the database that is whole, taken while others go on writing.

Copying the file by hand would miss what is still in the log, and may catch
the file in the middle of a checkpoint. SQLite's own copying reads one snapshot
from a reading connection, so it holds up no writer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from syncpatterns.engines.sqlite import _errors
from syncpatterns.engines.sqlite._connection import readable
from syncpatterns.errors import ConfigurationError

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._engine import SqliteEngine

#: Told how many pages are copied, and of how many.
Progress: TypeAlias = Callable[[int, int], object]

_PAGES_A_STEP: Final = 1024
_OWNER_ONLY: Final = 0o600


def backup(engine: SqliteEngine, target: Path, progress: Progress | None) -> Path:
    """Copy *engine*'s database to *target*, which must not be there.

    The copy is written under another name, read through once, synced, and only
    then gets its own: whatever has the name is whole, also after a crash.

    Raises:
        ConfigurationError: *target* is there already, or its folder is not.
        DatabaseCorrupt: The copy is not in order, so neither is the database.
        DiskFull: There is no room for the copy.
        StoreUnavailable: The disk failed.
    """
    target = target.absolute()
    _refuse_present(target)
    part = target.with_name(f"{target.name}.part")
    _make(part)
    try:
        _copy(engine, part, progress)
        part.chmod(engine.path.stat().st_mode & 0o777)
        require_sound(part)
        sync_file(part)
        _give_name(part, target)
    except sqlite3.Error as error:
        known = _errors.translate(error, str(part))
        if known is None:
            raise
        raise known from error
    finally:
        for leftover in (part, Path(f"{part}-journal")):
            leftover.unlink(missing_ok=True)
    sync_folder(target.parent)
    return target


def _refuse_present(target: Path) -> None:
    if not target.parent.is_dir():
        raise ConfigurationError(
            f"sqlite: the folder {target.parent} does not exist. Create it, or name "
            "another place for the copy."
        )
    if target.exists() or target.is_symlink():
        raise _present(target)


def _present(target: Path) -> ConfigurationError:
    return ConfigurationError(
        f"sqlite: {target} is there already, and a backup overwrites nothing. Name a "
        "new file, or take that one away."
    )


def _make(part: Path) -> None:
    """Make an empty file that nobody else reads: it will hold personal data."""
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
    except FileExistsError:
        raise ConfigurationError(
            f"sqlite: {part} is there: another backup is being written to it, or one "
            "was cut off. If none is running, delete it and try again."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"sqlite: {part} cannot be written ({error.strerror}). Name another place "
            "for the copy."
        ) from error


def _copy(engine: SqliteEngine, part: Path, progress: Progress | None) -> None:
    def told(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    def step_by_step(source: sqlite3.Connection) -> None:
        # The snapshot begins with the first read, and lasts for all steps: on
        # a connection without one, every commit of others would start the copy
        # over, and under load it would never end.
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous=OFF")  # synced once, at the end
            source.backup(copy, pages=_PAGES_A_STEP, progress=told)

    engine.read(step_by_step)


def require_sound(file: Path) -> None:
    """Read *file* through, without leaving anything beside it.

    Raises:
        DatabaseCorrupt: It is not in order.
    """
    # It is in nobody's use: "immutable" spares the -wal and -shm files.
    uri = f"file:{quote(str(file))}?immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.text_factory = readable
        try:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except UnicodeDecodeError:
            verdict = "a name in it is no text"
    if verdict != "ok":
        raise _errors.damaged(file, verdict)


def _give_name(part: Path, target: Path) -> None:
    """Name *part* as *target*, unless somebody made one meanwhile."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise _present(target) from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise _present(target) from None
        part.rename(target)


def sync_file(file: Path) -> None:
    """Wait until the disk has what was written to *file*."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in *folder*, where that can be asked for."""
    with suppress(OSError):  # Windows opens no folders
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
