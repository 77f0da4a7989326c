"""Room kept back on the disk, so that a queue can be emptied when it is full.

A full disk would hold everything up: neither an acknowledgement nor the
checkpoint that frees the log can be written, and what waits in the queue could
not even be delivered. So a file of half a megabyte lies beside a database that
holds a queue. On a full disk it is given up, and what it held is enough: each
settlement writes about 20 KB to the log, and the log is emptied all the time.

Whether the file is there is also how processes that share the database know of
each other that only draining is possible now: whoever wants to enqueue needs
it to be there, or room to make it anew. So no producer eats what another
process has given up for its drain.

Source of the idea: ballast files, as CockroachDB keeps them.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from syncpatterns.engines.sqlite._errors import no_room
from syncpatterns.errors import DiskFull, SyncPatternsError
from syncpatterns.events import LogPinned, StorageFact, StorageFull, StorageRecovered

T = TypeVar("T")

#: Bytes kept back.
RESERVE: Final = 512 * 1024
#: Bytes that claims and settlements need, to go on beside the reserve.
LOG_ROOM: Final = 256 * 1024
#: While there is no room the log is emptied whenever it is longer than this.
SHORT_LOG: Final = 128 * 1024
#: Bytes of log that a reader holds, from which on it is said.
PINNED: Final = 16 * 1024 * 1024

#: Bytes free on the disk, above which nobody has to look closer.
_PLENTY: Final = 64 * 1024 * 1024
#: Bytes of log in which a commit changes pages that the file has already.
_CHANGES: Final = 128 * 1024
_SMALLEST: Final = 192 * 1024
#: Bytes that nobody else gets: what draining needs, and going on afterwards.
_FOR_THE_DRAIN: Final = LOG_ROOM + _SMALLEST + 64 * 1024
_PAGE: Final = 4096
_NO_ROOM: Final = frozenset(
    {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
)
_ENGINE: Final = "sqlite"
_RETRY_AFTER: Final = 30.0
_NOTHING: Final[list[StorageFact]] = []


class LogInTheWay(DiskFull):
    """There would be room, if the log were emptied first."""


class Room:
    """What one process knows of the room for one database; needs the writer's lock.

    Args:
        path: The database file, without symbolic links.

    Attributes:
        wanted: A queue lives in this database, so there should be a reserve.
        full: There is no room: only what empties a queue gets through.
        tight: There is so little that each commit is looked at.
        facts: What is to be told, once the lock is free.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = reserve_of(path)
        self._name = str(self._file)  # asked in every enqueue
        self.facts: list[StorageFact] = []
        self._warn_from = PINNED
        self.wanted = False
        self.full = False
        self.tight = False

    # ------------------------------------------------------------ the reserve

    def keep(self, connection: sqlite3.Connection) -> bool:
        """Have the reserve lie there; False if there is no room for it.

        Args:
            connection: Tells how much room there is within the database file.
        """
        if not self.wanted:
            # At once, not at the next look: on a quick disk the first items of a
            # queue, unchecked, could fill all that its drain needs.
            self.wanted = True
            self.look()
        if not self._is_there() and not self._make(self._affordable(connection)):
            self._set_full(full=True)
            return False
        self._set_full(full=False)
        return True

    def give_up(self) -> bool:
        """Free what was kept back; False if there was nothing."""
        try:
            self._file.unlink()
        except FileNotFoundError:
            return False
        return True

    def refusal(self, connection: sqlite3.Connection, log: int) -> DiskFull:
        """Return the error for what is new, where only draining is possible.

        Args:
            connection: Tells how much room there is within the database file.
            log: Bytes of the log as it is.
        """
        kind = LogInTheWay if self._affordable(connection, log) else DiskFull
        return kind(
            f"sqlite: there is no room beside {self._path}, so the queue takes nothing "
            "new until it is drained or the disk has space again. Nothing was stored; "
            "try again with the same key.",
            retry_after=_RETRY_AFTER,
        )

    def look(self) -> None:
        """See whether there is plenty of room."""
        self.tight = self.wanted and self.free() < _PLENTY

    def check(self, log: int, growth: int, *, draining: bool, again: bool) -> None:
        """Refuse a commit after which a queue could not be drained any more.

        What a commit adds to the database lies in the log first, and needs its
        room a second time when it is moved. A log whose new pages no longer fit
        beside it can never be emptied. Worked example, a disk of 3 MB: items of
        6 KB fill a log of 2.5 MB, and neither the 0.5 MB of the reserve nor
        anything else that a drain could free is enough to move them.

        Args:
            log: Bytes of the log as it is.
            growth: Bytes by which the file will be longer once the log is moved.
            draining: The work empties a queue.
            again: The log was emptied just now.

        Raises:
            DiskFull: It would take the last room, or more than there is.
        """
        free = self.free()
        if draining and again:
            return
        if self.full and not draining and free + log < _FOR_THE_DRAIN:
            raise DiskFull(
                f"sqlite: the last room beside {self._path} is for what waits in the "
                "queue. Nothing was written; free space on that disk, then try again "
                "with the same key.",
                retry_after=_RETRY_AFTER,
            )
        if 2 * growth + _CHANGES > free + self._size():
            raise LogInTheWay(
                f"sqlite: no space left for {self._path}. Nothing was written; free "
                "space on that disk, then try again with the same key.",
                retry_after=_RETRY_AFTER,
            )

    def free(self) -> int:
        """Return the bytes that are free on the disk."""
        return shutil.disk_usage(self._path.parent).free

    # --------------------------------------------------------------- the facts

    def log_is(self, size: int, *, pinned: bool) -> None:
        """Note what a checkpoint left: a log that a reader holds is said once.

        And again whenever it is twice as long.
        """
        if not pinned:
            self._warn_from = PINNED
        elif size >= self._warn_from:
            self._warn_from = 2 * size
            self.facts.append(LogPinned("", "", _ENGINE, str(self._path), size=size))

    def take_facts(self) -> list[StorageFact]:
        """Return what is to be told, once the lock is free."""
        if not self.facts:
            return _NOTHING
        facts, self.facts = self.facts, []
        return facts

    def _set_full(self, *, full: bool) -> None:
        if full is self.full:
            return
        self.full = full
        self.tight = self.tight or full
        kind = StorageFull if full else StorageRecovered
        self.facts.append(kind("", "", _ENGINE, str(self._path)))

    # ---------------------------------------------------------------- the file

    def _is_there(self) -> bool:
        return self._size() > 0

    def _size(self) -> int:
        try:
            return os.stat(self._name).st_size  # noqa: PTH116 - half the time of Path.stat, in every enqueue
        except OSError:
            return 0

    def grow(self) -> None:
        """Make a reserve that was made small as long as it should be, if it can be."""
        if 0 < self._size() < RESERVE and self.free() >= RESERVE + LOG_ROOM:
            self._make(RESERVE)

    def _make(self, size: int) -> bool:
        if not size:
            return False
        try:
            _allocate(self._file, size)
        except OSError as error:
            if error.errno in _NO_ROOM:  # a quota, or somebody was quicker
                with suppress(OSError):
                    self._file.unlink()
                return False
            # Not for want of room: then the queue works without a reserve.
            self.wanted = False
        return True

    def _affordable(self, connection: sqlite3.Connection, more: int = 0) -> int:
        """Return the size for which there is room, beside the log; 0 if too little.

        Args:
            connection: Tells how much room there is within the database file.
            more: Bytes that could be free besides.

        A drained queue leaves its room inside the database file, where new
        items can have it: then a smaller reserve will do. Worked example, a
        disk of 3 MB: drained, the file still has 2.3 MB, all of it free pages,
        and 0.6 MB are free on the disk. To insist on 512 KB beside 256 KB for
        the log would refuse all new items for ever.
        """
        left = self.free() + more - LOG_ROOM
        size = min(RESERVE, left) // _PAGE * _PAGE
        if size < _SMALLEST:
            return 0
        if size < RESERVE and _free_inside(connection) < LOG_ROOM:
            return 0
        return size


def reserve_of(path: Path) -> Path:
    """Return where the reserve of the database *path* lies."""
    return Path(f"{path}.reserve")


def opened_with_room(path: Path, open_it: Callable[[], T]) -> T:
    """Return what *open_it* opens, with the reserve's room if there is no other.

    Even a look at the database needs some KB of shared memory for its log.
    """
    try:
        return open_it()
    except SyncPatternsError as error:
        if not no_room(error) or not Room(path).give_up():
            raise
    return open_it()


def _free_inside(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)


def _allocate(file: Path, size: int) -> None:
    """Make *file* with *size* bytes that really are on the disk."""
    opened = os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(opened, 0, size)
        else:
            left = memoryview(b"\xa5" * size)
            while left:
                left = left[os.write(opened, left) :]
        os.fsync(opened)
    finally:
        os.close(opened)
