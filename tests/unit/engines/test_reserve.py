"""On a full disk a queue can be emptied: by room that was kept back for it."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.engines.sqlite._connection import log_size
from syncpatterns.engines.sqlite._writing._reserve import LOG_ROOM, RESERVE, reserve_of
from syncpatterns.engines.sqlite._writing._transaction import inside
from syncpatterns.errors import DiskFull, StoreUnavailable
from syncpatterns.events import Fact, LogPinned, StorageFull, StorageRecovered, Swept
from syncpatterns.offline_queue._core import NewItem, QueueRules
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.testing import FakeClock
from tests.timing import NeverTwice
from tests.unit.engines.conftest import create, files, insert, names

MB = 1024 * 1024


class DiskOf:
    """How much room the engine is told there is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 100 * MB
        self.quota = False
        monkeypatch.setattr(
            shutil, "disk_usage", lambda _: SimpleNamespace(free=self.free)
        )
        monkeypatch.setattr(os, "posix_fallocate", self.allocate, raising=False)

    def allocate(self, opened: int, offset: int, size: int) -> None:
        """Give room only where there is some."""
        if self.quota:
            raise OSError(errno.EDQUOT, "quota")
        os.ftruncate(opened, offset + size)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> DiskOf:
    """Let the test say how much room there is."""
    return DiskOf(monkeypatch)


@pytest.fixture
def told() -> list[Fact | Swept]:
    """Collect what hooks hear."""
    return []


@pytest.fixture
def queue(path: Path, disk: DiskOf, told: list[Fact | Swept]) -> Iterator[SqliteEngine]:
    """Open a database in which a queue lives."""
    with SqliteEngine(path, hooks=[told.append]) as engine:
        engine.transact(create)
        engine.transact(lambda tx: inside(tx).keep_reserve())
        yield engine


def enqueue(name: str) -> Callable[[SqliteTransaction], str]:
    """Return work that makes the queue longer."""

    def work(tx: SqliteTransaction) -> str:
        inside(tx).require_room()
        return insert(name)(tx)

    return work


def settle(name: str) -> Callable[[SqliteTransaction], None]:
    """Return work that makes the queue shorter."""

    def work(tx: SqliteTransaction) -> None:
        inside(tx).draining = True
        tx.connection.execute("DELETE FROM item WHERE name = ?", (name,))

    return work


def kinds(told: list[Fact | Swept]) -> list[type]:
    """Return the classes of the facts, in order."""
    return [type(fact) for fact in told]


def test_it_lies_beside_a_database_that_holds_a_queue(queue: SqliteEngine) -> None:
    """Half a megabyte that belongs to nobody else."""
    reserve = reserve_of(queue.path)

    assert reserve.name == "app.db.reserve"
    assert reserve.stat().st_size == RESERVE == 512 * 1024


def test_a_database_without_a_queue_has_none(path: Path, engine: SqliteEngine) -> None:
    """Nobody has asked for it."""
    engine.transact(insert("a"))

    assert not reserve_of(path).exists()


def test_what_is_kept_is_really_on_the_disk(path: Path, engine: SqliteEngine) -> None:
    """A file with a hole in it would give nothing back."""
    engine.transact(lambda tx: inside(tx).keep_reserve())

    assert reserve_of(path).stat().st_blocks * 512 >= RESERVE


def test_a_queue_on_a_small_disk_is_checked_from_its_first_item_on(
    path: Path, disk: DiskOf
) -> None:
    """Not from the next look on, before which a quick disk could be full."""
    disk.free = 3 * MB
    with SqliteEngine(path, clock=FakeClock()) as engine:  # its time stands still
        engine.transact(create)
        before = engine._opened().session.room.tight
        engine.transact(enqueue("a"))
        after = engine._opened().session.room.tight

    assert (before, after) == (False, True)


def test_taken_away_it_comes_back(queue: SqliteEngine) -> None:
    """Somebody tidied up: the next one who enqueues makes it anew."""
    reserve_of(queue.path).unlink()

    queue.transact(enqueue("a"))

    assert reserve_of(queue.path).stat().st_size == RESERVE


def test_without_room_nothing_new_is_taken(
    queue: SqliteEngine, disk: DiskOf, told: list[Fact | Swept]
) -> None:
    """Nothing is stored; the queue still gets shorter, and other rows are read."""
    queue.transact(enqueue("before"))
    reserve_of(queue.path).unlink()
    disk.free = LOG_ROOM

    with pytest.raises(DiskFull, match="takes nothing new until it is drained") as full:
        queue.transact(enqueue("new"))

    assert names(queue) == ["before"]
    assert full.value.retry_after == 30
    queue.transact(settle("before"))
    assert names(queue) == []
    assert kinds(told) == [StorageFull]


def test_with_room_it_goes_on(
    queue: SqliteEngine, disk: DiskOf, told: list[Fact | Swept]
) -> None:
    """The reserve first, then the new item; both are told, once."""
    reserve_of(queue.path).unlink()
    disk.free = 0
    for _ in range(3):
        with pytest.raises(DiskFull):
            queue.transact(enqueue("no"))

    disk.free = RESERVE + LOG_ROOM
    queue.transact(enqueue("yes"))
    queue.transact(enqueue("and again"))

    assert names(queue) == ["and again", "yes"]
    assert reserve_of(queue.path).exists()
    assert kinds(told) == [StorageFull, StorageRecovered]
    assert {fact.path for fact in told if isinstance(fact, StorageFull)} == {
        str(queue.path)
    }


def test_a_page_too_little_is_too_little(queue: SqliteEngine, disk: DiskOf) -> None:
    """The reserve may not take the room of the log."""
    reserve_of(queue.path).unlink()
    disk.free = RESERVE + LOG_ROOM - 1

    with pytest.raises(DiskFull):
        queue.transact(enqueue("no"))


def test_free_pages_inside_the_file_are_room_too(
    queue: SqliteEngine, disk: DiskOf
) -> None:
    """A drained queue leaves them: a smaller reserve will do then."""
    queue.transact(insert("x" * LOG_ROOM * 2))
    queue.transact(lambda tx: tx.connection.execute("DELETE FROM item"))
    reserve_of(queue.path).unlink()
    disk.free = RESERVE

    queue.transact(enqueue("a"))

    assert names(queue) == ["a"]
    assert reserve_of(queue.path).stat().st_size == RESERVE - LOG_ROOM


def test_a_small_reserve_grows_when_there_is_room_again(
    queue: SqliteEngine, disk: DiskOf
) -> None:
    """Whoever opens the queue next makes it what it should be."""
    queue.transact(insert("x" * LOG_ROOM * 2))
    queue.transact(lambda tx: tx.connection.execute("DELETE FROM item"))
    reserve_of(queue.path).unlink()
    disk.free = RESERVE
    queue.transact(enqueue("a"))
    small = reserve_of(queue.path).stat().st_size

    queue.transact(lambda tx: inside(tx).keep_reserve())
    as_small = reserve_of(queue.path).stat().st_size
    disk.free = 100 * MB
    queue.transact(lambda tx: inside(tx).keep_reserve())

    assert small == as_small == RESERVE - LOG_ROOM
    assert reserve_of(queue.path).stat().st_size == RESERVE


def test_without_the_system_call_it_is_written(
    path: Path, engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To its full length, however little the system takes at once."""
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:100_000]))

    engine.transact(lambda tx: inside(tx).keep_reserve())

    assert reserve_of(path).stat().st_size == RESERVE


def test_a_quota_counts_though_the_disk_has_room(
    queue: SqliteEngine, disk: DiskOf
) -> None:
    """The system says so when the reserve is made."""
    reserve_of(queue.path).unlink()
    disk.quota = True

    with pytest.raises(DiskFull):
        queue.transact(enqueue("no"))

    assert not reserve_of(queue.path).exists()


def test_a_reserve_that_cannot_be_made_stops_nobody(
    queue: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without such calls is no full disk."""
    reserve_of(queue.path).unlink()

    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not here")

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    queue.transact(enqueue("a"))
    queue.transact(enqueue("b"))

    assert names(queue) == ["a", "b"]


def limit(engine: SqliteEngine, more: int) -> None:
    """Let SQLite find the disk full after so many pages more."""
    writer = engine._opened().session.connection
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count={pages + more}")


def test_a_settlement_that_finds_no_room_gets_the_reserve(
    queue: SqliteEngine, disk: DiskOf, told: list[Fact | Swept]
) -> None:
    """The log is emptied, the reserve is given up, and it is tried once more."""
    tries: list[bool] = []

    def work(tx: SqliteTransaction) -> None:
        inside(tx).draining = True
        tries.append(reserve_of(queue.path).exists())
        if len(tries) == 1:
            insert("x" * MB)(tx)
        insert("settled")(tx)

    disk.free = 0
    limit(queue, 0)
    queue.transact(work)

    assert tries == [True, False]
    assert names(queue) == ["settled"]
    assert kinds(told) == [StorageFull]
    assert log_size(queue.path) < 100_000


def test_other_work_never_gets_the_last_room(queue: SqliteEngine, disk: DiskOf) -> None:
    """It would be gone when the drain needs it."""
    reserve_of(queue.path).unlink()
    disk.free = LOG_ROOM - 1
    with pytest.raises(DiskFull):
        queue.transact(enqueue("no"))

    with pytest.raises(DiskFull, match="last room"):
        queue.transact(insert("business"))
    disk.free = RESERVE
    queue.transact(insert("handler"))

    assert names(queue) == ["handler"]


def test_an_item_that_finds_no_room_is_told_and_leaves_nothing(
    queue: SqliteEngine, disk: DiskOf
) -> None:
    """The reserve is lent for emptying the log, and taken back."""
    limit(queue, 0)

    with pytest.raises(DiskFull, match="free space"):
        queue.transact(enqueue("x" * MB))

    assert names(queue) == []
    assert reserve_of(queue.path).exists()


def test_work_that_shares_a_commit_gets_room_too(
    queue: SqliteEngine, disk: DiskOf
) -> None:
    """Together they are refused; alone, each gets what it may have."""
    import anyio

    disk.free = 0
    limit(queue, 3)

    async def all_at_once() -> None:
        async with anyio.create_task_group() as group:
            for n in range(4):
                group.start_soon(one, n)

    outcomes: dict[int, str] = {}

    async def one(n: int) -> None:
        size = MB if n == 1 else 10
        try:
            await queue.atransact(enqueue(f"{n}" * size))
            outcomes[n] = "stored"
        except DiskFull:
            outcomes[n] = "full"

    anyio.run(all_at_once)

    assert outcomes[1] == "full"
    assert {name[0] for name in names(queue)} == {
        str(n) for n, outcome in outcomes.items() if outcome == "stored"
    }


@pytest.mark.case("QUE-40", part="in a business transaction")
def test_an_item_of_a_business_transaction_takes_it_along(
    queue: SqliteEngine, disk: DiskOf
) -> None:
    """Refused, nothing of either is there; with room, both are."""
    store = queue.queue_store()
    store.configure("field", QueueRules())
    new = EnqueueRequest("field", [NewItem("op", "k", "acme", b"f", b"{}")])

    def confirm(tx: SqliteTransaction) -> None:
        insert("booking")(tx)
        store.enqueue(new, tx)

    reserve_of(queue.path).unlink()
    disk.free = 0
    with pytest.raises(DiskFull, match="takes nothing new"):
        queue.transact(confirm)
    refused = (names(queue), store.stats("field").live)
    disk.free = 100 * MB
    queue.transact(confirm)

    assert refused == ([], 0)
    assert (names(queue), store.stats("field").live) == (["booking"], 1)


async def test_facts_are_told_under_an_event_loop_too(
    path: Path, disk: DiskOf, told: list[Fact | Swept]
) -> None:
    """On the writer's thread, at the latest when the engine is closed."""
    async with SqliteEngine(path, hooks=[told.append]) as engine:
        store = engine.async_queue_store()
        await store.configure("field", QueueRules())
        reserve_of(path).unlink()
        disk.free = 0
        new = EnqueueRequest("field", [NewItem("op", "k", "acme", b"f", b"{}")])
        with pytest.raises(DiskFull):
            await store.enqueue(new)
        disk.free = 100 * MB
        await store.enqueue(new)

    assert kinds(told) == [StorageFull, StorageRecovered]


def test_processes_know_of_each_other_by_the_file(
    queue: SqliteEngine, disk: DiskOf, path: Path
) -> None:
    """What one gave up for its drain, another's producer does not eat."""
    with SqliteEngine(path) as other:
        other.transact(enqueue("a"))
        disk.free = LOG_ROOM
        queue._opened().session.room.give_up()

        with pytest.raises(DiskFull):
            other.transact(enqueue("b"))


@pytest.mark.case("QUE-49", part="fact")
def test_a_reader_that_holds_the_log_is_told_of(
    path: Path, told: list[Fact | Swept], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, and again when it is twice as long; no writer fails meanwhile."""
    monkeypatch.setattr("syncpatterns.engines.sqlite._writing._reserve.PINNED", 100_000)
    monkeypatch.setattr("syncpatterns.engines.sqlite._connection.LOG_LIMIT", 50_000)
    with SqliteEngine(path, hooks=[told.append], clock=NeverTwice()) as engine:
        engine.transact(create)

        def while_reading(connection: sqlite3.Connection) -> int:
            connection.execute("SELECT count(*) FROM item").fetchone()
            for n in range(100):
                engine.transact(insert(f"{n} {'x' * 4000}"))
            return len(told)

        during = engine.read(while_reading)
        sizes = [fact.size for fact in told if isinstance(fact, LogPinned)]

        engine._opened().session.checkpoint()

    assert len(names_in(path)) == 100
    assert during == len(sizes) >= 2
    assert sizes[0] >= 100_000
    assert all(b >= 2 * a for a, b in itertools.pairwise(sizes))


def names_in(path: Path) -> list[str]:
    """Return what is stored, as another engine sees it."""
    with SqliteEngine(path) as engine:
        return names(engine)


QUOTA = """
import json, resource, signal, sys
from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.engines.sqlite._writing._transaction import inside
from syncpatterns.errors import StoreUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
engine = SqliteEngine(sys.argv[1])
def put(tx):
    inside(tx).require_room()
    tx.connection.execute("INSERT INTO item VALUES (1)")
def take(tx):
    inside(tx).draining = True
    tx.connection.execute(
        "DELETE FROM item WHERE rowid = (SELECT min(rowid) FROM item)")
engine.transact(lambda tx: tx.connection.execute("CREATE TABLE item (name)"))
engine.transact(lambda tx: inside(tx).keep_reserve())
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))
for _ in range(400):
    engine.transact(put)
for _ in range(400):
    engine.transact(take)
print(engine.read(lambda c: c.execute("SELECT count(*) FROM item").fetchone()[0]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no file-size limits")
def test_a_log_that_may_not_grow_is_emptied(path: Path) -> None:
    """A limit of file sizes meets the log long before the database."""
    done = subprocess.run(
        [sys.executable, "-c", QUOTA, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_disk_that_fails_is_no_full_one(queue: SqliteEngine) -> None:
    """Reading errors are told as they are; the reserve stays."""

    def fails(tx: SqliteTransaction) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
        raise error

    with pytest.raises(StoreUnavailable, match="refused a read"):
        queue.transact(fails)

    assert reserve_of(queue.path).exists()
    assert "app.db.reserve" in files(queue.path.parent)
