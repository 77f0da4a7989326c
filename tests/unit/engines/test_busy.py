"""Another process holds the file: wait, then say so; nothing was done."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import EngineBusy
from tests.unit.engines.conftest import create, insert, names

OpenEngine = Callable[..., SqliteEngine]


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect as another program does."""
    with closing(
        sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    ) as connection:
        yield connection


def test_a_lock_held_longer_than_the_time_out(
    open_engine: OpenEngine, other: sqlite3.Connection
) -> None:
    """The caller is told to come back, and its work was not begun."""
    engine = open_engine(busy_timeout=0.01)
    engine.transact(create)
    other.execute("BEGIN IMMEDIATE")
    begun: list[str] = []

    with pytest.raises(EngineBusy, match="stayed locked by other writers") as caught:
        engine.transact(lambda tx: begun.append("begun"))

    other.execute("COMMIT")
    assert caught.value.retry_after == 1.0
    assert caught.value.status == 503
    assert begun == []
    engine.transact(insert("after"))


def test_a_lock_given_back_in_time(
    open_engine: OpenEngine, other: sqlite3.Connection
) -> None:
    """The wait ends when the other one commits."""
    engine = open_engine(busy_timeout=30)
    engine.transact(create)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO item VALUES ('theirs')")
    thread = threading.Thread(target=engine.transact, args=(insert("ours"),))
    thread.start()

    other.execute("COMMIT")
    thread.join()

    assert names(engine) == ["ours", "theirs"]


async def test_everybody_who_shares_a_commit_waits_once(
    open_engine: OpenEngine, other: sqlite3.Connection
) -> None:
    """Ten callers wait one time-out together, not ten one after the other."""
    import anyio

    engine = open_engine(busy_timeout=0.2)
    engine.transact(create)
    session = engine._opened().session
    begins: list[str] = []
    session.connection.set_trace_callback(begins.append)
    other.execute("BEGIN IMMEDIATE")
    busy: list[EngineBusy] = []

    async def call(n: int) -> None:
        try:
            await engine.atransact(insert(str(n)))
        except EngineBusy as error:
            busy.append(error)

    async with anyio.create_task_group() as tasks:
        for n in range(10):
            tasks.start_soon(call, n)
    other.execute("COMMIT")

    assert len(busy) == 10
    assert len({id(error) for error in busy}) == 10
    assert sum(sql.startswith("BEGIN") for sql in begins) <= 2
    assert names(engine) == []


def test_the_file_is_opened_while_another_process_writes(
    open_engine: OpenEngine, path: Path, other: sqlite3.Connection
) -> None:
    """Nothing is to be migrated, so no lock is asked for."""
    open_engine().open().close()
    other.execute("BEGIN IMMEDIATE")

    engine = open_engine(busy_timeout=0).open()

    assert len(engine.epoch) == 8
    other.execute("ROLLBACK")


def test_a_new_file_waits_for_the_other_process(
    open_engine: OpenEngine, other: sqlite3.Connection
) -> None:
    """Migrations need the lock; who does not get it can try again."""
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("CREATE TABLE theirs (a)")
    other.execute("BEGIN IMMEDIATE")
    engine = open_engine(busy_timeout=0.01)

    with pytest.raises(EngineBusy):
        engine.open()

    other.execute("ROLLBACK")
    engine.open()


def test_a_file_locked_as_a_whole(
    open_engine: OpenEngine, other: sqlite3.Connection
) -> None:
    """A program that keeps an exclusive lock lets nobody even look."""
    other.execute("CREATE TABLE theirs (a)")
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(EngineBusy):
        open_engine(busy_timeout=0.01).open()

    other.execute("ROLLBACK")


def test_a_blocking_caller_does_not_wait_for_ever_for_its_turn(
    open_engine: OpenEngine,
) -> None:
    """An effect that hangs must not hang every thread of the service."""
    engine = open_engine(busy_timeout=0.05)
    engine.transact(create)
    begun, end = threading.Event(), threading.Event()

    def slow(tx: SqliteTransaction) -> None:
        begun.set()
        assert end.wait(30)

    thread = threading.Thread(target=engine.transact, args=(slow,))
    thread.start()
    assert begun.wait(30)

    with pytest.raises(EngineBusy):
        engine.transact(insert("gave up"))

    report = engine.health()
    end.set()
    thread.join()
    engine._opened()._patience = 30  # the machine may be slow; the rule is shown
    engine.transact(insert("later"))
    assert (report.writable, names(engine)) == (False, ["later"])
