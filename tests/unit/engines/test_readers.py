"""Views: a snapshot each, no write, never an old one by accident."""

from __future__ import annotations

import gc
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import ConfigurationError, DatabaseRefused, EngineClosed
from tests.unit.engines.conftest import files, insert, names

OpenEngine = Callable[..., SqliteEngine]


def count(connection: sqlite3.Connection) -> int:
    """Return how many items the connection sees."""
    (found,) = connection.execute("SELECT count(*) FROM item").fetchone()
    return int(found)


def test_a_view_is_one_moment(engine: SqliteEngine) -> None:
    """Two reads of one view agree, whatever is committed between them."""

    def look(connection: sqlite3.Connection) -> list[int]:
        before = count(connection)
        engine.transact(insert("x"))
        return [before, count(connection)]

    assert engine.read(look) == [0, 0]
    assert engine.read(count) == 1


def test_a_view_knows_when_it_was_taken(open_engine: OpenEngine) -> None:
    """By the host's clock, in UTC."""
    from syncpatterns.testing import FakeClock

    clock = FakeClock(start=1_700_000_000)
    engine = open_engine(clock=clock)
    clock.advance(20)

    assert engine.view(lambda snapshot: snapshot.now).timestamp() == 1_700_000_020


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO item VALUES ('x')",
        "CREATE TABLE other (a)",
        "COMMIT",
        "ROLLBACK",
        "PRAGMA query_only=OFF",
        "ATTACH ':memory:' AS other",
    ],
)
def test_a_view_cannot_write(engine: SqliteEngine, sql: str) -> None:
    """Nor get the right to, nor end itself."""
    with pytest.raises(ConfigurationError, match="a view can only read"):
        engine.read(lambda c: c.execute(sql))

    assert engine.read(count) == 0


def test_a_result_kept_half_read_does_not_make_later_views_old(
    engine: SqliteEngine,
) -> None:
    """It pins the snapshot; whoever used the connection next would see that."""
    for name in "abc":
        engine.transact(insert(name))
    kept: list[sqlite3.Cursor] = []

    def look(connection: sqlite3.Connection) -> None:
        kept.append(connection.execute("SELECT name FROM item"))
        kept[0].fetchone()

    engine.read(look)
    engine.transact(insert("d"))

    assert engine.read(count) == 4
    with pytest.raises(sqlite3.Error):
        kept[0].fetchall()


def test_an_error_kept_by_a_log_does_not_make_later_views_old(
    engine: SqliteEngine,
) -> None:
    """Its traceback holds the loop that was reading."""
    for name in "abc":
        engine.transact(insert(name))

    def look(connection: sqlite3.Connection) -> None:
        for _ in connection.execute("SELECT name FROM item"):
            raise LookupError

    with pytest.raises(LookupError) as kept:
        engine.read(look)
    engine.transact(insert("d"))

    assert engine.read(count) == 4
    assert type(kept.value) is LookupError


def test_a_view_that_fails_leaves_a_good_connection(engine: SqliteEngine) -> None:
    """The next one uses it again."""
    connections: list[int] = []

    def fails(connection: sqlite3.Connection) -> None:
        connections.append(id(connection))
        raise LookupError

    with pytest.raises(LookupError):
        engine.read(fails)
    with pytest.raises(LookupError):
        engine.read(fails)

    assert connections[0] == connections[1]


def test_a_connection_that_a_view_closed_is_not_used_again(
    engine: SqliteEngine,
) -> None:
    """`closing(connection)` is a mistake that hurts nobody else."""
    engine.read(lambda connection: connection.close())

    assert engine.read(count) == 0


def test_many_views_at_once(engine: SqliteEngine) -> None:
    """As many connections as are needed; eight are kept."""
    together = threading.Barrier(12)

    def look(connection: sqlite3.Connection) -> int:
        together.wait(120)
        return count(connection)

    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(engine.read(look)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [0] * 12
    assert engine._life._readers
    assert len(engine._life._readers._idle) == 8


def test_a_view_in_a_view(engine: SqliteEngine) -> None:
    """Two snapshots, two connections."""
    assert engine.read(lambda outer: (count(outer), engine.read(count))) == (0, 0)


async def test_a_task_looks_from_a_worker_thread(engine: SqliteEngine) -> None:
    """Reading a disk would hold up the event loop."""

    def look(connection: sqlite3.Connection) -> tuple[int, threading.Thread]:
        return count(connection), threading.current_thread()

    found, thread = await engine.aread(look)

    assert found == 0
    assert thread is not threading.current_thread()
    assert await engine.aview(lambda snapshot: count(snapshot.connection)) == 0


async def test_views_of_tasks_leave_the_framework_its_threads(
    engine: SqliteEngine,
) -> None:
    """At most eight at a time, on a limiter of their own."""
    at_once, most = 0, 0
    lock = threading.Lock()
    full = threading.Event()

    def look(connection: sqlite3.Connection) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
            if at_once == 8:
                full.set()
        assert full.wait(120)
        with lock:
            at_once -= 1

    limiter = anyio.to_thread.current_default_thread_limiter()
    used: list[int] = []
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(engine.aread, look)
        while not full.is_set():
            await anyio.lowlevel.checkpoint()
        used.append(int(limiter.borrowed_tokens))

    assert (most, used) == (8, [0])


def test_the_data_version_moves_with_every_commit(
    engine: SqliteEngine, path: Path
) -> None:
    """This process's or another's; without one it stays."""
    versions = [engine.data_version(), engine.data_version()]
    engine.transact(insert("x"))
    versions.append(engine.data_version())
    other = sqlite3.connect(path)
    with other:
        other.execute("INSERT INTO item VALUES ('y')")
    other.close()
    versions.append(engine.data_version())
    versions.append(engine.data_version())

    assert versions[0] == versions[1]
    assert len({versions[0], versions[2], versions[3]}) == 3
    assert versions[3] == versions[4]


def test_a_view_open_while_the_engine_closes_is_finished(
    engine: SqliteEngine, path: Path
) -> None:
    """Its connection is closed when it comes back."""
    begun, end = threading.Event(), threading.Event()
    found: list[int] = []

    def look(connection: sqlite3.Connection) -> None:
        begun.set()
        assert end.wait(120)
        found.append(count(connection))

    thread = threading.Thread(target=engine.read, args=(look,))
    thread.start()
    assert begun.wait(120)
    engine.close()
    end.set()
    thread.join()
    gc.collect()

    assert found == [0]
    assert files(path.parent) == ["app.db"]
    with pytest.raises(EngineClosed):
        engine.read(count)


def test_a_file_that_went_away_is_told(engine: SqliteEngine, path: Path) -> None:
    """A new connection finds nothing to open, and makes nothing."""
    path.unlink()

    with pytest.raises(DatabaseRefused, match="cannot be opened"):
        engine.read(count)

    assert not path.exists()


def test_a_view_inside_a_transaction_does_not_wait(engine: SqliteEngine) -> None:
    """Readers and the writer never stand in each other's way."""

    def work(tx: SqliteTransaction) -> list[str]:
        insert("now")(tx)
        return names(engine)

    assert engine.transact(work) == []
