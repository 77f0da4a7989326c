"""Another process holds the file: wait, then say so; nothing was done."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import EngineBusy
from tests.unit.engines.conftest import create, insert, names
from tests.unit.engines.test_shared_commits import together

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


class Begins:
    """Lets a session begin a few times, and then finds it busy each time."""

    def __init__(self, engine: SqliteEngine, good: int) -> None:
        self.session = engine._opened().session
        self.left = good
        self.busy = 0
        self.real = self.session.begin

    def __call__(self) -> SqliteTransaction:
        if self.left:
            self.left -= 1
            return self.real()
        self.busy += 1
        raise EngineBusy("locked")


@pytest.mark.parametrize("lost", [False, True], ids=["shared", "one by one"])
async def test_everybody_who_waits_together_waits_once(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """Ten callers wait one time-out, not ten one after the other.

    Also if a commit they shared was lost, and each has to begin again.
    """

    def spoils(tx: SqliteTransaction) -> None:
        tx.connection.execute("INSERT OR ROLLBACK INTO item VALUES ('x')")

    engine.transact(insert("x"))
    begins = Begins(engine, good=2 if lost else 1)  # the holder's, and theirs
    monkeypatch.setattr(begins.session, "begin", begins)

    works = [insert(str(n)) for n in range(9)]
    outcomes = await together(engine, [*works, spoils] if lost else works)

    monkeypatch.undo()
    assert {type(outcome) for outcome in outcomes} == {EngineBusy}
    assert len({id(outcome) for outcome in outcomes}) == len(outcomes)
    assert begins.busy == 1
    assert names(engine) == ["x"]


def test_one_that_is_busy_itself_is_no_reason_for_the_others(
    engine: SqliteEngine,
) -> None:
    """An effect may raise the same class for reasons of its own."""

    def busy(tx: SqliteTransaction) -> None:
        raise EngineBusy("mine")

    outcomes = anyio.run(together, engine, [insert("a"), busy, insert("b")])

    assert [str(outcome) for outcome in outcomes] == ["a", "mine", "b"]
    assert names(engine) == ["a", "b"]


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
        assert end.wait(120)

    thread = threading.Thread(target=engine.transact, args=(slow,))
    thread.start()
    assert begun.wait(120)

    with pytest.raises(EngineBusy):
        engine.transact(insert("gave up"))

    report = engine.health()
    end.set()
    thread.join()
    engine._opened()._patience = 30  # the machine may be slow; the rule is shown
    engine.transact(insert("later"))
    assert (report.writable, names(engine)) == (False, ["later"])
