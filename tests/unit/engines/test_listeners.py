"""Who wants to know of a commit is told when it is done, and cannot spoil it."""

from __future__ import annotations

import logging
import queue
import threading

import anyio
import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.engines.sqlite._writing._jobs import blocking_job
from syncpatterns.realtime import Event
from tests.unit.engines.conftest import insert, names


def event(n: int = 1) -> Event:
    """Return an event."""
    return Event("tenant.acme.bookings", "booking.changed", {"id": n})


async def test_listeners_hear_of_commits_that_published(engine: SqliteEngine) -> None:
    """Once for a commit, however many callers share it; never for one undone."""
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    remove = engine.on_commit(lambda: heard.put("x"))

    def refused(tx: SqliteTransaction) -> None:
        tx.publish(event())
        tx.undo()

    def fails(tx: SqliteTransaction) -> None:
        tx.publish(event())
        raise LookupError

    engine.transact(insert("quiet"))
    engine.transact(refused, undoable=True)
    with pytest.raises(LookupError):
        engine.transact(fails)
    assert heard.empty()
    engine.transact(lambda tx: tx.publish(event(1), event(2)))
    await engine.atransact(lambda tx: tx.publish(event(3)))
    assert [heard.get(timeout=120), heard.get(timeout=120)] == ["x", "x"]
    remove()
    remove()
    engine.transact(lambda tx: tx.publish(event(4)))

    assert heard.empty()
    assert [e.offset for e in engine.outbox().after(0, 9)] == [1, 2, 3, 4]


def test_a_listener_may_call_the_engine(engine: SqliteEngine) -> None:
    """It is told when the commit has let go of the database."""
    engine.on_commit(lambda: engine.transact(insert("from the listener")))

    engine.transact(lambda tx: tx.publish(event()))
    anyio.run(engine.aread, lambda c: None)

    assert names(engine) == ["from the listener"]


def test_a_listener_on_the_writer_s_thread_does_not_wait_for_itself(
    engine: SqliteEngine,
) -> None:
    """Though others have queued meanwhile, behind which it would have to wait."""
    told = threading.Event()

    def listen() -> None:
        with engine._opened()._gate:  # somebody has queued
            engine._opened()._queue.put(late)
        engine.transact(insert("from the listener"))
        told.set()

    late, gate = blocking_job(insert("late"), undoable=False)
    engine.on_commit(listen)
    anyio.run(engine.atransact, lambda tx: tx.publish(event()))

    assert told.wait(120)
    assert gate.acquire(timeout=120)
    assert names(engine) == ["from the listener", "late"]


def test_a_listener_on_the_writer_s_thread_cannot_close(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """It would wait for the thread that it runs on."""
    told = threading.Event()

    def listen() -> None:
        told.set()
        engine.close()

    engine.on_commit(listen)
    with caplog.at_level(logging.ERROR, "syncpatterns.sqlite"):
        anyio.run(engine.atransact, lambda tx: tx.publish(event()))
        assert told.wait(120)
        anyio.run(engine.atransact, insert("after"))

    assert "Close it where it was opened" in caplog.text
    assert names(engine) == ["after"]


async def test_a_listener_that_fails_changes_nothing(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """The commit stands, its caller is told so, and the writer lives on."""

    def fails() -> None:
        raise LookupError

    heard: list[str] = []
    engine.on_commit(fails)
    engine.on_commit(lambda: heard.append("x"))

    with caplog.at_level(logging.ERROR, "syncpatterns.sqlite"):
        engine.transact(lambda tx: tx.publish(event()))
        await engine.atransact(lambda tx: tx.publish(event()))
        await engine.atransact(insert("after"))

    assert heard == ["x", "x"]
    assert len(caplog.records) == 2
    assert names(engine) == ["after"]
