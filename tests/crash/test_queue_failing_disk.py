"""A write or a sync that fails, wherever it is: the caller hears what a list shows."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from unittest import mock

import apsw
import pytest

from syncpatterns.engines.sqlite import SqliteEngine, _connection
from syncpatterns.errors import NotExecuted, OutcomeUnknown, SyncPatternsError
from syncpatterns.offline_queue._core import NewItem, QueueRules
from syncpatterns.offline_queue._ports import EnqueueRequest, QueueStore
from syncpatterns.testing import sqlite_integrity
from syncpatterns.testing._powercut._sqlite3 import ApswConnection

QUEUE = "field"
KEYS = ("a", "b")
_serial = itertools.count(1)


class Failure(apsw.IOError):
    """What SQLite hears from such a disk."""

    def __init__(self, code: int) -> None:
        super().__init__("the disk failed")
        self.result = code & 0xFF
        self.extendedresult = code


class FailingDisk(apsw.VFS):
    """A disk on which one operation fails, or all from there on.

    Args:
        code: What a failing operation answers.
        lasting: Whether it goes on failing.
    """

    def __init__(self, code: int, *, lasting: bool) -> None:
        self.code = code
        self.lasting = lasting
        self.done = 0
        self.fail_at: int | None = None
        self.vfs_name = f"failing-{os.getpid()}-{next(_serial)}"
        super().__init__(self.vfs_name, "")

    def operation(self, *, sync: bool) -> None:
        """Count one operation of the kind that fails, and fail if it is its turn."""
        if sync is not (self.code == apsw.SQLITE_IOERR_FSYNC):
            return
        self.done += 1
        if self.fail_at is not None and (
            self.done == self.fail_at or (self.lasting and self.done > self.fail_at)
        ):
            raise Failure(self.code)

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: Sequence[int]
    ) -> apsw.VFSFile:
        """Open a file whose writes can fail."""
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(
        self,
        disk: FailingDisk,
        name: str | apsw.URIFilename | None,
        flags: Sequence[int],
    ) -> None:
        self._disk = disk
        super().__init__("", name, flags)  # type: ignore[arg-type]  # None is a nameless temporary file

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Fail, or write."""
        self._disk.operation(sync=False)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        """Fail, or sync."""
        self._disk.operation(sync=True)
        super().xSync(flags)


@contextmanager
def disk(code: int, *, lasting: bool) -> Generator[FailingDisk, None, None]:
    """Let engines open their files on such a disk."""
    failing = FailingDisk(code, lasting=lasting)

    def raw(path: Path, *_: Any, **__: Any) -> sqlite3.Connection:
        connection = apsw.Connection(str(path), vfs=failing.vfs_name)
        return cast("sqlite3.Connection", ApswConnection(connection))

    with mock.patch.object(_connection, "_raw", raw):
        yield failing


def put(store: QueueStore, key: str) -> str:
    """Enqueue one item; return what its caller was told."""
    item = NewItem("op", key, "acme", b"f", b'"%s"' % (key.encode() * 300))
    try:
        store.enqueue(EnqueueRequest(QUEUE, [item]))
    except OutcomeUnknown:
        return "unknown"
    except NotExecuted:
        return "no"
    return "yes"


def listed(store: QueueStore) -> list[str]:
    """Return the keys that are there, in order."""
    return [item.key for item in store.items(QUEUE)]


def on_disk(path: Path) -> list[str]:
    """Return the keys that any other program sees."""
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT key FROM syncpatterns_queue_item ORDER BY id"
        return [key for (key,) in connection.execute(sql)]


def complaints(told: dict[str, str], there: list[str]) -> list[str]:
    """Return where the callers were told something else than is there."""
    return [
        f"{key} was told {said}, and is {'' if key in there else 'not '}there"
        for key, said in told.items()
        if said != "unknown" and (said == "yes") is not (key in there)
    ]


def empty_queue(folder: Path) -> Path:
    """Make a database with an empty queue, once."""
    path = folder / "empty.db"
    if not path.exists():
        with SqliteEngine(path) as engine:
            engine.queue_store().configure(QUEUE, QueueRules())
    return path


def enqueued_while_it_fails(
    folder: Path, code: int, fail_at: int, *, lasting: bool
) -> tuple[bool, dict[str, str], list[str]]:
    """Enqueue on a disk that fails at the *fail_at*-th operation.

    Returns:
        Whether anything failed, what each caller was told, and what is wrong.
    """
    path = folder / f"{code}-{fail_at}.db"
    shutil.copy(empty_queue(folder), path)
    with disk(code, lasting=lasting) as failing:
        with SqliteEngine(path) as engine:
            store = engine.queue_store()
            failing.fail_at = failing.done + fail_at
            told = {key: put(store, key) for key in KEYS}
            failed = failing.done >= failing.fail_at
            failing.fail_at = None
            now = listed(store)
        wrong = complaints(told, now)
    later = on_disk(path)
    if now != later:
        wrong.append(f"listed were {now}, and later {later}")
    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        again = [put(store, key) for key in KEYS]
        if again != ["yes"] * len(KEYS) or sorted(listed(store)) != sorted(KEYS):
            wrong.append(f"again they were told {again}: {listed(store)}")
        wrong += [each.detail for each in store.check(QUEUE)]
    if sqlite_integrity(path) != "ok":
        wrong.append(sqlite_integrity(path))
    return failed, told, wrong


CODES = {
    "EIO when writing": apsw.SQLITE_IOERR_WRITE,
    "EIO when syncing": apsw.SQLITE_IOERR_FSYNC,
    "no space": apsw.SQLITE_FULL,
}


@pytest.mark.slow
@pytest.mark.case("QUE-41")
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from there on"])
@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_the_caller_is_told_what_a_later_list_shows(
    tmp_path: Path, code: int, lasting: bool
) -> None:
    """Each write and sync of the commits fails; each key ends as one item."""
    outcomes: set[str] = set()
    wrong: list[str] = []
    for fail_at in itertools.count(1):
        failed, told, complaints_ = enqueued_while_it_fails(
            tmp_path, code, fail_at, lasting=lasting
        )
        outcomes |= set(told.values())
        wrong += [f"operation {fail_at}: {each}" for each in complaints_]
        if not failed:
            break

    assert wrong == []
    assert fail_at > len(KEYS)
    assert outcomes > {"yes"} or not lasting


@pytest.mark.case("QUE-41", part="planted")
def test_a_caller_told_wrongly_is_caught(tmp_path: Path) -> None:
    """A store that swallows what the disk says is found by the same judge."""

    def careless(store: QueueStore, key: str) -> str:
        item = NewItem("op", key, "acme", b"f", b"{}")
        with suppress(SyncPatternsError):
            store.enqueue(EnqueueRequest(QUEUE, [item]))
        return "yes"

    wrong: list[str] = []
    with mock.patch(f"{__name__}.put", careless):
        for fail_at in range(1, 6):
            wrong += enqueued_while_it_fails(
                tmp_path, apsw.SQLITE_IOERR_FSYNC, fail_at, lasting=True
            )[2]

    assert any("was told yes, and is not there" in each for each in wrong)
