"""Callers that wait are committed together, and none harms another."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import DiskFull, OutcomeUnknown
from syncpatterns.testing import Failpoints
from tests.unit.engines.conftest import insert, names, on_disk

Work = Callable[[SqliteTransaction], Any]


def execute(sql: str, tx: SqliteTransaction) -> None:
    """Run *sql*."""
    tx.connection.execute(sql)


class Statements:
    """The statements that the writing connection runs."""

    def __init__(self, engine: SqliteEngine) -> None:
        self.seen: list[str] = []
        self.connection = engine._opened().session.connection
        self.connection.set_trace_callback(self.seen.append)

    def count(self, word: str) -> int:
        """Return how many began with *word*."""
        return sum(sql.startswith(word) for sql in self.seen)


@contextmanager
def held(engine: SqliteEngine) -> Iterator[None]:
    """Keep the writer busy, so that everybody who calls has to queue."""
    begun, end = threading.Event(), threading.Event()

    def wait(tx: SqliteTransaction) -> None:
        begun.set()
        assert end.wait(120)

    thread = threading.Thread(target=engine.transact, args=(wait,))
    thread.start()
    assert begun.wait(120)
    try:
        yield
    finally:
        end.set()
        thread.join()


async def together(engine: SqliteEngine, works: list[Work]) -> list[Any]:
    """Have all of *works* wait for one commit, and return what came of each."""
    outcomes: list[Any] = [None] * len(works)

    async def call(n: int, work: Work) -> None:
        try:
            outcomes[n] = await engine.atransact(work)
        except BaseException as error:  # noqa: BLE001 - it is what is looked at
            outcomes[n] = error

    async with anyio.create_task_group() as tasks:
        with held(engine):
            for n, work in enumerate(works):
                tasks.start_soon(call, n, work)
            await until_queued(engine, len(works))
    return outcomes


async def until_queued(engine: SqliteEngine, n: int) -> None:
    """Wait until *n* jobs are queued, one of them in the thread's hands."""
    writer = engine._opened()
    with anyio.fail_after(120):
        while writer._queue.qsize() < n - 1 or not writer._thread_waits:
            await anyio.lowlevel.checkpoint()


async def test_tasks_share_commits(engine: SqliteEngine) -> None:
    """32 callers wait for the disk once, not 32 times."""
    statements = Statements(engine)

    outcomes = await together(engine, [insert(f"{n:02}") for n in range(32)])

    assert outcomes == [f"{n:02}" for n in range(32)]
    assert statements.count("COMMIT") == 2  # the one that held, and theirs
    assert names(engine) == outcomes


async def test_one_that_fails_does_not_hurt_the_others(engine: SqliteEngine) -> None:
    """Its rows go back to its savepoint; theirs are committed."""

    def fails(tx: SqliteTransaction) -> None:
        insert("gone")(tx)
        raise LookupError("mine")

    outcomes = await together(engine, [insert("a"), fails, insert("b")])

    assert outcomes[::2] == ["a", "b"]
    assert repr(outcomes[1]) == "LookupError('mine')"
    assert names(engine) == ["a", "b"]


@pytest.mark.parametrize(
    "error", [StopIteration("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()]
)
async def test_whatever_is_raised_reaches_its_own_caller(
    engine: SqliteEngine, error: BaseException
) -> None:
    """The thread that serves everybody survives it."""

    def fails(tx: SqliteTransaction) -> None:
        insert("gone")(tx)
        raise error

    outcomes = await together(engine, [insert("a"), fails, insert("b")])
    last = await engine.atransact(insert("c"))

    # A coroutine cannot raise StopIteration; Python makes it a RuntimeError.
    found = outcomes[1].__cause__ if type(error) is StopIteration else outcomes[1]
    assert found is error
    assert outcomes[::2] == ["a", "b"]
    assert last == "c"
    assert names(engine) == ["a", "b", "c"]


async def test_one_that_fills_the_disk_does_not_lose_the_others(
    engine: SqliteEngine,
) -> None:
    """SQLite rolls everybody back then: each is done again, alone."""
    session = engine._opened().session
    session.connection.execute("PRAGMA max_page_count=20")
    big = "x" * 200_000

    outcomes = await together(engine, [insert("a"), insert(big), insert("b")])

    assert outcomes[::2] == ["a", "b"]
    assert type(outcomes[1]) is DiskFull
    assert names(engine) == ["a", "b"]


async def test_one_that_rolls_back_everybody_does_not_lose_the_others(
    engine: SqliteEngine,
) -> None:
    """OR ROLLBACK is that caller's mistake alone."""
    engine.transact(insert("x"))

    def fails(tx: SqliteTransaction) -> None:
        tx.connection.execute("INSERT OR ROLLBACK INTO item VALUES ('x')")

    outcomes = await together(engine, [insert("a"), fails, insert("b")])

    assert outcomes[::2] == ["a", "b"]
    assert type(outcomes[1]) is sqlite3.IntegrityError
    assert names(engine) == ["a", "b", "x"]


async def test_one_that_leaves_a_statement_open_does_not_lose_the_others(
    engine: SqliteEngine,
) -> None:
    """Its savepoint cannot be released, so the commit is not shared."""
    left: list[sqlite3.Cursor] = []

    def leaves(tx: SqliteTransaction) -> None:
        sql = "INSERT INTO item VALUES ('x'), ('y') RETURNING name"
        left.append(tx.connection.execute(sql))

    outcomes = await together(engine, [insert("a"), leaves, insert("b")])

    assert outcomes[::2] == ["a", "b"]
    assert "unfinished" in str(outcomes[1])
    assert names(engine) == ["a", "b"]


async def test_a_deferred_constraint_does_not_lose_the_others(
    engine: SqliteEngine,
) -> None:
    """It breaks at the commit, which is everybody's; alone, only its own."""
    schema = (
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (parent REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
    )
    for sql in schema:
        engine.transact(partial(execute, sql))
    engine._opened().session.connection.execute("PRAGMA foreign_keys=ON")

    def orphan(tx: SqliteTransaction) -> None:
        tx.connection.execute("INSERT INTO child VALUES (1)")

    outcomes = await together(engine, [insert("a"), orphan, insert("b")])

    assert outcomes[::2] == ["a", "b"]
    assert type(outcomes[1]) is sqlite3.IntegrityError
    assert names(engine) == ["a", "b"]


async def test_a_lost_answer_to_a_shared_commit_is_everybody_s(
    engine: SqliteEngine,
) -> None:
    """Nobody is run again: it may be done. Who failed before knows it was not."""
    ran: list[str] = []

    def counting(name: str) -> Work:
        def work(tx: SqliteTransaction) -> None:
            ran.append(name)
            insert(name)(tx)

        return work

    def fails(tx: SqliteTransaction) -> None:
        raise LookupError

    lost = OSError("the answer got lost")
    with Failpoints().raise_at("sqlite.after_commit", lost, n=2):
        outcomes = await together(engine, [counting("a"), fails, counting("b")])

    assert [type(outcome) for outcome in outcomes] == [
        OutcomeUnknown,
        LookupError,
        OutcomeUnknown,
    ]
    assert outcomes[0] is not outcomes[2]
    assert sorted(ran) == ["a", "b"]
    assert names(engine) == ["a", "b"]


async def test_a_commit_that_certainly_failed_is_made_again(
    engine: SqliteEngine,
) -> None:
    """Before the COMMIT left, nothing can be on the disk."""
    with Failpoints().raise_at("sqlite.before_commit", OSError("gone"), n=2):
        outcomes = await together(engine, [insert("a"), insert("b")])

    assert outcomes == ["a", "b"]
    assert names(engine) == ["a", "b"]


async def test_a_caller_cancelled_before_its_turn_leaves_nothing(
    engine: SqliteEngine,
) -> None:
    """It is taken out of the queue, not run for nobody."""
    scope, ended = anyio.CancelScope(), anyio.Event()

    async def call() -> None:
        with scope:
            await engine.atransact(insert("cancelled"))
        ended.set()

    async with anyio.create_task_group() as tasks:
        with held(engine):
            tasks.start_soon(call)
            await until_queued(engine, 1)
            scope.cancel()
            await ended.wait()

    await engine.atransact(insert("next"))
    assert names(engine) == ["next"]


async def test_a_caller_cancelled_during_its_turn_commits(
    engine: SqliteEngine, path: Path
) -> None:
    """The effect cannot be stopped half-way, so it is finished."""
    begun, end = threading.Event(), threading.Event()

    def work(tx: SqliteTransaction) -> None:
        begun.set()
        assert end.wait(120)
        insert("done")(tx)

    async def cancel_when_begun(scope: anyio.CancelScope) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(begun.wait)
        scope.cancel()

    scope = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancel_when_begun, scope)
        with scope:
            await engine.atransact(work)

    assert scope.cancelled_caught
    end.set()
    await engine.aclose()
    assert on_disk(path) == ["done"]


async def test_an_error_holds_nothing_of_the_other_callers(
    engine: SqliteEngine,
) -> None:
    """A log that shows local variables would show one tenant another's data."""

    def fails(tx: SqliteTransaction) -> None:
        raise LookupError

    secret = "another tenant's"
    outcomes = await together(engine, [insert(secret), fails, insert("b")])
    shown: list[str] = []
    trace = outcomes[1].__traceback__
    while trace is not None:
        if "engines/sqlite" in trace.tb_frame.f_code.co_filename:
            shown.extend(map(repr, trace.tb_frame.f_locals.values()))
        trace = trace.tb_next

    assert shown
    assert not [text for text in shown if secret in text or "Ok(" in text]


def test_threads_share_commits(engine: SqliteEngine) -> None:
    """Blocking callers too: whoever finds the writer busy queues."""
    statements = Statements(engine)
    threads = [
        threading.Thread(target=engine.transact, args=(insert(f"{n:02}"),))
        for n in range(20)
    ]
    writer = engine._opened()
    with held(engine):
        for thread in threads:
            thread.start()
        while writer._queue.qsize() < 19:
            pass
    for thread in threads:
        thread.join()

    assert statements.count("COMMIT") == 2
    assert names(engine) == [f"{n:02}" for n in range(20)]


def test_more_than_a_commit_holds_are_done_in_turns(engine: SqliteEngine) -> None:
    """256 at most share one, so that nobody waits for thousands."""
    import asyncio

    async def main() -> list[Any]:
        return await together(engine, [insert(f"{n:03}") for n in range(600)])

    statements = Statements(engine)

    outcomes = asyncio.run(main())

    assert outcomes == [f"{n:03}" for n in range(600)]
    assert statements.count("COMMIT") == 4


async def test_an_error_that_is_its_own_cause_ends_like_any_other(
    engine: SqliteEngine,
) -> None:
    """Looking through its causes for a full disk stopped the writer for ever."""
    alone, first, second = ValueError("alone"), ValueError("1"), ValueError("2")
    alone.__cause__, first.__cause__, second.__cause__ = alone, second, first

    def fail(error: Exception, tx: SqliteTransaction) -> None:
        raise error

    def mend(tx: SqliteTransaction) -> str:
        return "done"

    works: list[Work] = [partial(fail, alone), partial(fail, first), mend]
    outcomes = await together(engine, works)

    assert [str(each) for each in outcomes] == ["alone", "1", "done"]
