"""The writer: one at a time, fair, closed in order, gone with its engine."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import ConfigurationError, EngineClosed
from tests.unit.engines.conftest import create, insert, names, on_disk
from tests.unit.engines.test_shared_commits import held, until_queued

OpenEngine = Callable[..., SqliteEngine]


def writer_threads() -> set[threading.Thread]:
    """Return the threads that write; those of other tests may be among them."""
    return {t for t in threading.enumerate() if t.name == "syncpatterns-sqlite-writer"}


def test_an_idle_writer_is_no_hop(engine: SqliteEngine) -> None:
    """A blocking caller runs on its own thread, and no other is started."""
    before = writer_threads()

    ran_on = engine.transact(lambda tx: threading.current_thread())

    assert ran_on is threading.current_thread()
    assert writer_threads() <= before


async def test_a_task_s_work_runs_on_the_writer_s_thread(engine: SqliteEngine) -> None:
    """The event loop is never held up by the disk."""
    ran_on = await engine.atransact(lambda tx: threading.current_thread())

    assert ran_on is not threading.current_thread()
    assert ran_on in writer_threads()


async def test_the_event_loop_goes_on_while_the_writer_works(
    engine: SqliteEngine,
) -> None:
    """A task that waits for its turn does not stop the others."""
    turns = 0

    async def count(scope: anyio.CancelScope) -> None:
        nonlocal turns
        with scope:
            while True:
                await anyio.lowlevel.checkpoint()
                turns += 1

    async with anyio.create_task_group() as tasks:
        scope = anyio.CancelScope()
        tasks.start_soon(count, scope)
        with held(engine):
            tasks.start_soon(engine.atransact, insert("x"))
            await until_queued(engine, 1)
            before = turns
            for _ in range(100):
                await anyio.lowlevel.checkpoint()
            assert turns > before + 50
        scope.cancel()


def test_one_who_calls_in_a_loop_does_not_starve_the_others(
    engine: SqliteEngine,
) -> None:
    """The lock is never taken again from under a thread that waits for it."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            engine.transact(lambda tx: None)

    async def main() -> None:
        with anyio.fail_after(120):
            for n in range(50):
                await engine.atransact(insert(str(n)))

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        anyio.run(main)
    finally:
        stop.set()
        thread.join()

    assert len(names(engine)) == 50


def test_whoever_finds_the_writer_s_thread_waiting_queues(
    engine: SqliteEngine,
) -> None:
    """The thread was there first, though the lock happens to be free."""
    engine._opened()._thread_waits = True

    ran_on = engine.transact(lambda tx: threading.current_thread())

    assert ran_on is not threading.current_thread()


def test_two_event_loops_in_two_threads(engine: SqliteEngine) -> None:
    """Each task is woken on its own loop."""

    async def main(name: str) -> None:
        async with anyio.create_task_group() as tasks:
            for n in range(20):
                tasks.start_soon(engine.atransact, insert(f"{name} {n:02}"))

    threads = [
        threading.Thread(target=anyio.run, args=(main, name), kwargs={"backend": name})
        for name in ("asyncio", "trio")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert names(engine) == [
        f"{x} {n:02}" for x in ("asyncio", "trio") for n in range(20)
    ]


def test_a_loop_after_another_finds_the_engine_working(engine: SqliteEngine) -> None:
    """Each `asyncio.run` has a loop of its own."""
    for n in range(3):
        anyio.run(engine.atransact, insert(str(n)))

    assert names(engine) == ["0", "1", "2"]


def nested(engine: SqliteEngine, path: Path) -> dict[str, Callable[[], object]]:
    """Name what an effect may not do to the engine it runs in."""
    store = engine.idempotency_store()
    return {
        "transact": lambda: engine.transact(insert("inner")),
        "store": lambda: store.evict("ab" * 32),
        "sweep": engine.sweep,
        "close": engine.close,
    }


@pytest.mark.parametrize("what", ["transact", "store", "sweep", "close"])
@pytest.mark.parametrize("on", ["caller's thread", "writer's thread"])
def test_an_effect_that_calls_its_engine_is_refused(
    engine: SqliteEngine, path: Path, what: str, on: str
) -> None:
    """Waiting for itself it would never end."""

    def work(tx: SqliteTransaction) -> None:
        insert("outer")(tx)
        nested(engine, path)[what]()

    def on_the_writer_s() -> None:
        anyio.run(engine.atransact, work)

    def on_the_caller_s() -> None:
        engine.transact(work)

    call = on_the_caller_s if on == "caller's thread" else on_the_writer_s
    with pytest.raises(ConfigurationError, match="called the engine that it runs in"):
        call()

    engine.transact(insert("after"))
    assert names(engine) == ["after"]


def test_an_effect_may_look_at_what_is_committed(engine: SqliteEngine) -> None:
    """A view is another connection: it sees the state before the transaction."""
    engine.transact(insert("before"))

    def work(tx: SqliteTransaction) -> list[str]:
        insert("now")(tx)
        return names(engine)

    assert engine.transact(work) == ["before"]
    assert engine.transact(lambda tx: engine.epoch) == engine.epoch


def test_closing_finishes_what_waits(engine: SqliteEngine, path: Path) -> None:
    """Whoever was accepted is answered; whoever comes later is sent away."""
    done: list[str] = []

    def call(name: str) -> None:
        done.append(engine.transact(insert(name)))

    threads = [threading.Thread(target=call, args=(f"{n}",)) for n in range(5)]
    writer, others = engine._opened(), writer_threads()
    with held(engine):
        for thread in threads:
            thread.start()
        while writer._queue.qsize() < 4:
            pass
        closer = threading.Thread(target=engine.close)
        closer.start()
        while not writer._closed:
            pass
        with pytest.raises(EngineClosed, match="nothing was done"):
            writer.run(insert("late"))
    for thread in [*threads, closer]:
        thread.join()

    assert sorted(done) == on_disk(path) == ["0", "1", "2", "3", "4"]
    assert writer_threads() <= others


async def test_a_closed_engine_refuses_everything(engine: SqliteEngine) -> None:
    """With the class that says the service is stopping, and when to come back."""
    await engine.aclose()
    await engine.aclose()

    for call in (
        lambda: engine.transact(insert("x")),
        lambda: names(engine),
        engine.open,
        engine.sweep,
        engine.data_version,
        lambda: engine.epoch,
        lambda: engine.idempotency_store().evict("ab" * 32),
    ):
        with pytest.raises(EngineClosed):
            call()
    with pytest.raises(EngineClosed):
        await engine.atransact(insert("x"))
    with pytest.raises(EngineClosed):
        await engine.aread(lambda c: None)
    assert "closed" in engine.health().detail


def test_an_engine_that_was_never_opened_closes(open_engine: OpenEngine) -> None:
    """Without making a file."""
    engine = open_engine()

    engine.close()

    assert not engine.path.exists()


async def test_closing_while_tasks_wait(engine: SqliteEngine, path: Path) -> None:
    """From an event loop, with the tasks on the same loop."""
    async with anyio.create_task_group() as tasks:
        with held(engine):
            for n in range(5):
                tasks.start_soon(engine.atransact, insert(str(n)))
            await until_queued(engine, 5)
            tasks.start_soon(engine.aclose)
            while not engine._life._closed:
                await anyio.lowlevel.checkpoint()

    assert on_disk(path) == ["0", "1", "2", "3", "4"]


def test_an_engine_that_nobody_holds_goes_away(path: Path) -> None:
    """With its thread and its connections, though nobody closed it."""
    others = writer_threads()
    engine = SqliteEngine(path)
    engine.transact(create)
    anyio.run(engine.atransact, insert("x"))
    names(engine)
    engine.on_commit(lambda: None)
    writer = weakref.ref(engine._opened())
    (thread,) = writer_threads() - others

    del engine
    gc.collect()
    thread.join(120)
    gc.collect()

    assert not thread.is_alive()
    assert writer() is None
    assert sorted(file.name for file in path.parent.iterdir()) == ["app.db"]


def test_an_engine_that_never_had_a_thread_goes_away_too(path: Path) -> None:
    """Its connections are closed by whoever drops it."""
    engine = SqliteEngine(path)
    engine.transact(create)
    writer = weakref.ref(engine._opened())

    del engine
    gc.collect()

    assert writer() is None
    assert sorted(file.name for file in path.parent.iterdir()) == ["app.db"]


def test_an_exception_makes_no_cycle(engine: SqliteEngine) -> None:
    """Frame and error would keep each other, and all the effect's data, alive."""

    class Mine(Exception):
        pass

    def fails(tx: SqliteTransaction) -> None:
        raise Mine

    def error_of(call: Callable[[], object]) -> weakref.ref[Mine]:
        try:
            call()
        except Mine as error:
            return weakref.ref(error)
        raise AssertionError

    gc.collect()
    gc.disable()
    try:
        alone = error_of(lambda: engine.transact(fails))
        with held(engine):
            thread = threading.Thread(
                target=lambda: queued.append(error_of(lambda: engine.transact(fails)))
            )
            queued: list[weakref.ref[Mine]] = []
            thread.start()
            while not engine._opened()._thread_waits:
                pass
        thread.join()
        engine.close()  # the writer's thread lets go when it is done, or ends
        left = [alone(), queued[0]()]
    finally:
        gc.enable()

    assert left == [None, None]


def test_a_checkpoint_that_fails_changes_nothing(
    engine: SqliteEngine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The commit is on the disk already; an operator reads of the rest."""
    import sqlite3

    session = engine._opened().session

    def fails() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(session, "checkpoint", fails)
    monkeypatch.setattr(session, "_commits", 255)

    with caplog.at_level(logging.WARNING, "syncpatterns.sqlite"):
        engine.transact(insert("x"))

    assert names(engine) == ["x"]
    assert "checkpoint of" in caplog.text


def test_a_result_kept_half_read_does_not_lock_the_writer(
    engine: SqliteEngine, path: Path
) -> None:
    """It pins an old view: after another's commit every BEGIN would be "locked"."""
    import sqlite3
    from contextlib import closing

    engine.transact(insert("a"))
    engine.transact(insert("b"))
    kept: list[sqlite3.Cursor] = []

    def work(tx: SqliteTransaction) -> None:
        kept.append(tx.connection.execute("SELECT name FROM item"))
        kept[0].fetchone()

    engine.transact(work)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO item VALUES ('other')")
    engine.transact(insert("c"))

    assert names(engine) == ["a", "b", "c", "other"]


async def test_a_failure_that_nobody_hears_of_is_logged(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Its caller was cancelled; the message may hold a person's data."""
    begun, end = threading.Event(), threading.Event()

    def fails(tx: SqliteTransaction) -> None:
        begun.set()
        assert end.wait(120)
        raise LookupError("+49 171 5550199")

    scope = anyio.CancelScope()

    async def call() -> None:
        with scope:
            await engine.atransact(fails)

    with caplog.at_level(logging.WARNING, "syncpatterns.sqlite"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            while not begun.is_set():
                await anyio.lowlevel.checkpoint()
            scope.cancel()
        end.set()
        await engine.aclose()

    assert "the work of a cancelled caller failed: LookupError" in caplog.text
    assert "5550199" not in caplog.text
