"""SQLite on a disk that loses power: a shim between SQLite and the real files.

The shim needs apsw, which brings its own SQLite; what the disk holds afterwards
can be opened by any SQLite. The shared-memory file of WAL mode passes by it,
as in reality: it is never synced and means nothing after a crash.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from syncpatterns.testing._powercut._disk import Disk, PowerIsOff
from syncpatterns.testing._require import require

require("apsw", "PowerCutVFS")

import apsw  # noqa: E402 - with the clear error first

from syncpatterns.testing._powercut._sqlite3 import (  # noqa: E402 - needs apsw
    ApswConnection,
    as_sqlite3_errors,
)

__all__ = ["PowerCut", "PowerCutVFS"]

_serial = itertools.count(1)
_JOURNALS = (
    apsw.SQLITE_OPEN_MAIN_JOURNAL
    | apsw.SQLITE_OPEN_SUPER_JOURNAL
    | apsw.SQLITE_OPEN_WAL
)


class PowerCut(apsw.IOError):
    """The power went out; SQLite sees an I/O error at this and every later call.

    Args:
        code: The extended result code SQLite gives its caller.
    """

    def __init__(self, code: int = apsw.SQLITE_IOERR) -> None:
        super().__init__("the power is off")
        self.result = apsw.SQLITE_IOERR
        self.extendedresult = code


class PowerCutVFS(apsw.VFS):
    """A VFS whose files under *root* live on a disk that may lose power.

    ::

        with PowerCutVFS(tmp_path, cut_at=17) as vfs:
            connection = vfs.connect("app.db")
            ...  # raises PowerCut during the 17th write, sync or deletion

    Args:
        root: Folder of the files concerned; others are left alone.
        cut_at: The power goes out during the n-th operation; None is never.
        honours_fsync: False is a disk that lies about being synced.

    Attributes:
        disk: The model of what is safe.
        root: The folder.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        cut_at: int | None = None,
        honours_fsync: bool = True,
    ) -> None:
        self.root = Path(root).resolve()
        self.disk = Disk(cut_at, honours_fsync=honours_fsync)
        self.vfs_name = f"powercut-{os.getpid()}-{next(_serial)}"
        self._abandoned = False
        self._connections: list[apsw.Connection] = []
        super().__init__(self.vfs_name, "")

    @property
    def io_count(self) -> int:
        """Writes, truncations, deletions and syncs so far."""
        return self.disk.operations

    def connect(self, name: str = "app.db") -> apsw.Connection:
        """Open the database *name* in *root* on this disk."""
        connection = apsw.Connection(str(self.root / name), vfs=self.vfs_name)
        self._connections.append(connection)
        return connection

    def connect_sqlite3(
        self, name: str = "app.db", *, timeout: float = 5.0
    ) -> sqlite3.Connection:
        """Open it for code that expects a `sqlite3.Connection` in autocommit mode.

        Args:
            name: The database file in *root*.
            timeout: Seconds to wait for other connections' locks.

        Raises:
            sqlite3.OperationalError: If it cannot be opened, as without power.
        """
        with as_sqlite3_errors():
            connection = self.connect(name)
        connection.set_busy_timeout(int(timeout * 1000))
        return cast("sqlite3.Connection", ApswConnection(connection))

    def close(self) -> None:
        """Close all connections; what that still writes is not on the disk."""
        self._abandoned = True
        for connection in self._connections:
            connection.close(True)  # noqa: FBT003 - apsw takes it by position
        self._connections.clear()
        self.unregister()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------ called by SQLite

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: Sequence[int]
    ) -> apsw.VFSFile:
        """Open a file; one under *root* is tracked."""
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802 - SQLite's
        """Delete a file; without *syncdir* it may come back."""
        if self.tracks(filename):
            with _cut_as(apsw.SQLITE_IOERR_DELETE):
                self.disk.delete(filename, sync_directory=bool(syncdir))
        super().xDelete(filename, syncdir)

    def tracks(self, filename: str | None) -> bool:
        """Whether this file is on the disk that may lose power."""
        inside = filename is not None and Path(filename).parent == self.root
        return inside and not self._abandoned


class _File(apsw.VFSFile):
    """An open file; tells the disk before it does anything."""

    def __init__(
        self,
        vfs: PowerCutVFS,
        name: str | apsw.URIFilename | None,
        flags: Sequence[int],
    ) -> None:
        given = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._vfs = vfs
        self._name = given or ""
        # What SQLite does itself on POSIX: the first sync of a journal or log
        # that it may have created is followed by one of the folder.
        created = flags[0] & apsw.SQLITE_OPEN_CREATE
        self._folder_is_next = bool(created and flags[0] & _JOURNALS)
        if vfs.disk.off:
            raise PowerCut
        found = _read_if_there(self._name) if vfs.tracks(given) else None
        super().__init__("", name, flags)  # type: ignore[arg-type]  # None is a nameless temporary file
        if vfs.tracks(given):
            vfs.disk.open(self._name, found)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Write to the disk, then to the real file."""
        if self._vfs.tracks(self._name):
            with _cut_as(apsw.SQLITE_IOERR_WRITE):
                self._vfs.disk.write(self._name, offset, bytes(data))
        super().xWrite(data, offset)  # pyright: ignore[reportUnknownMemberType]  # apsw's stub has no Buffer

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        """Truncate on the disk, then the real file."""
        if self._vfs.tracks(self._name):
            with _cut_as(apsw.SQLITE_IOERR_TRUNCATE):
                self._vfs.disk.truncate(self._name, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        """Sync the disk; the real file needs none."""
        if self._vfs.tracks(self._name):
            with _cut_as(apsw.SQLITE_IOERR_FSYNC):
                self._vfs.disk.sync(self._name)
                if self._folder_is_next:
                    self._vfs.disk.sync_directory()
                    self._folder_is_next = False
        else:
            super().xSync(flags)


@contextmanager
def _cut_as(code: int) -> Generator[None, None, None]:
    try:
        yield
    except PowerIsOff as error:
        raise PowerCut(code) from error


def _read_if_there(name: str) -> bytes | None:
    try:
        return Path(name).read_bytes()
    except FileNotFoundError:
        return None
