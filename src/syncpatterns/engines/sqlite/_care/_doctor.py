"""Look at everything that can go wrong with a database file, and say what to do.

Each check is a function from what is looked at to findings; a finding is one
word and a sentence. Looking changes nothing; `repair` puts right what the queue
can work out from its own rows.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from syncpatterns.engines import _sql
from syncpatterns.engines.sqlite import _connection
from syncpatterns.engines.sqlite._writing._reserve import (
    LOG_ROOM,
    RESERVE,
    Room,
    reserve_of,
)
from syncpatterns.engines.sqlite._writing._session import wal_reset_bug
from syncpatterns.errors import DatabaseCorrupt, SyncPatternsError
from syncpatterns.offline_queue._core import Finding

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._engine import SqliteEngine

_SQL: Final = _sql.load("syncpatterns.engines.sqlite._care", "doctor.sql")
_MOUNTS: Final = Path("/proc/self/mountinfo")
_MAPS: Final = Path("/proc/self/maps")
#: File systems whose locks or shared memory do not hold between machines.
_NETWORK: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "smb3", "smbfs", "vboxsf", "virtiofs", "fuse.s3fs", "drvfs"}
)
#: Modules that bring a SQLite of their own into the process.
_SECOND_COPIES: Final = (
    "apsw",
    "libsql",
    "libsql_experimental",
    "pysqlcipher3",
    "pysqlite3",
    "sqlcipher3",
)
_MB: Final = 1024 * 1024
_MOUNT_POINT: Final = 4  # which field of a line names the folder


class Machine(NamedTuple):
    """What is known of the process and the machine; a test says otherwise.

    Args:
        version: Version of SQLite.
        modules: Names of the modules that are loaded.
        maps: What is mapped into the process, as Linux lists it.
        mounts: What is mounted, as Linux lists it.
    """

    version: tuple[int, int, int]
    modules: Iterable[str]
    maps: str
    mounts: str

    @classmethod
    def here(cls) -> Machine:
        """Look at this process."""
        modules = tuple(sys.modules)
        return cls(sqlite3.sqlite_version_info, modules, _text(_MAPS), _text(_MOUNTS))


def examine(
    engine: SqliteEngine, *, repair: bool = False, machine: Machine | None = None
) -> list[Finding]:
    """Return what is found; an empty list is good news.

    Args:
        engine: Whose database is looked at.
        repair: Put counters, lanes and children right.
        machine: What is known of the machine.
    """
    machine = machine or Machine.here()
    path = Path(os.path.realpath(engine.path))
    health = engine.health()
    found = [
        *version(machine, path, shared=health.shared),
        *file_system(machine, path),
        *second_library(machine, path),
    ]
    if not health.writable:
        found.append(Finding("not-writable", health.detail))
    try:
        found += engine.read(lambda connection: list(_contents(connection, path)))
        for queue in engine.queue_store().queues():
            found += engine.queue_store().check(queue, repair=repair)
        found += pinned_log(engine, path)
        found += room(engine, path)
    except (DatabaseCorrupt, UnicodeDecodeError) as error:
        found.append(Finding("damaged", str(error)))
    except SyncPatternsError as error:
        found.append(Finding("unusable", str(error)))
    return found


# -------------------------------------------------------------- the process


def version(machine: Machine, path: Path, *, shared: bool) -> Iterator[Finding]:
    """Look for a SQLite that can damage a file which two processes write."""
    if wal_reset_bug(machine.version):
        number = ".".join(map(str, machine.version))
        now = "another process does" if shared else "none was seen to"
        yield Finding(
            "sqlite-version",
            f"SQLite {number} can damage {path} if two processes write it ({now}). "
            "Upgrade to 3.51.3, 3.50.7 or 3.44.6, or let one process write.",
        )


def file_system(machine: Machine, path: Path) -> Iterator[Finding]:
    """Look whether the file lies on a network."""
    kind = kind_of_mount(machine.mounts, path)
    if kind in _NETWORK:
        yield Finding(
            "network-file-system",
            f"{path} lies on {kind}. Locks and shared memory do not hold over a "
            "network, and the file will be damaged; move it to a local disk.",
        )


def second_library(machine: Machine, path: Path) -> Iterator[Finding]:
    """Look for another copy of SQLite in this process.

    Two copies know nothing of each other's locks. When one closes the file,
    POSIX drops all locks of the process on it, the other's too: a third process
    may then delete the log under it, and what it commits next is lost.
    """
    loaded = {name.partition(".")[0] for name in machine.modules}
    copies = sorted(loaded & set(_SECOND_COPIES))
    libraries = sorted(
        {
            line.split()[-1]
            for line in machine.maps.splitlines()
            if "/libsqlite3" in line or "/libsqlcipher" in line
        }
    )
    if len(libraries) > 1:
        copies += libraries
    if copies:
        yield Finding(
            "second-sqlite",
            f"This process has a second copy of SQLite ({', '.join(copies)}). Opened "
            f"and closed by it, {path} loses its locks, and commits can get lost: use "
            "one library for a file, or look at it from another process.",
        )


def kind_of_mount(mounts: str, path: Path) -> str:
    """Return the kind of file system that *path* lies on; "" if nobody says."""
    best, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) <= _MOUNT_POINT or not right:
            continue
        place = fields[_MOUNT_POINT].replace("\\040", " ")
        if path.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, right.split()[0]
    return kind


# ----------------------------------------------------------------- the file


def _contents(connection: Any, path: Path) -> Iterator[Finding]:
    connection.text_factory = _connection.readable
    rows = connection.execute("PRAGMA quick_check(5)").fetchall()
    verdict = "; ".join(row[0] for row in rows)
    if verdict != "ok":
        yield Finding(
            "damaged",
            f"{path}: {verdict}. Stop the service, then restore a backup, or run "
            "`syncpatterns queue salvage` where the file holds nothing else.",
        )
    (count,) = connection.execute(_SQL["lapsed_leases"]).fetchone()
    if count:
        yield Finding(
            "lapsed-leases",
            f"{count} leases have ended, and nobody has claimed since. Whoever does "
            "delivers those items again; if nobody does, start a worker: "
            "`syncpatterns queue work`.",
        )


def pinned_log(engine: SqliteEngine, path: Path) -> Iterator[Finding]:
    """Look whether a reader keeps the log from starting over."""
    size = _connection.log_size(path)
    if size <= _connection.LOG_LIMIT:
        return
    emptied = engine._opened().empty_log()  # noqa: SLF001 - its own house  # pyright: ignore[reportPrivateUsage]
    if not emptied:
        yield Finding(
            "log-pinned",
            f"The log of {path} has {size // _MB} MB and cannot start over, because a "
            "reader keeps an old view. Look for a program that has a transaction open, "
            "or a query half read, and end it.",
        )


def room(engine: SqliteEngine, path: Path) -> Iterator[Finding]:
    """Look whether the disk has room, and the queues their reserve."""
    free = Room(path).free()
    queues = engine.queue_store().queues()
    if queues and not reserve_of(path).exists():
        yield Finding(
            "no-reserve",
            f"There is no {reserve_of(path).name}: on a full disk it was given up to "
            f"drain the queue, and new items are refused until {_kib(RESERVE)} and "
            f"{_kib(LOG_ROOM)} more are free ({_kib(free)} are). Free space; it comes "
            "back by itself.",
        )
    elif free < RESERVE + LOG_ROOM:
        yield Finding(
            "little-room",
            f"Only {_kib(free)} are free beside {path}. Free space before writes are "
            "refused.",
        )


def _kib(size: int) -> str:
    return f"{size // 1024} KiB"


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
