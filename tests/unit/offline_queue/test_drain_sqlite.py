"""Drains over SQLite: leases under contention, and a long way with progress."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue._core import ItemState
from syncpatterns.offline_queue._draining import _progress
from syncpatterns.offline_queue._draining._report import DrainReport
from syncpatterns.offline_queue._events import (
    DrainFinished,
    DrainProgress,
    DrainStarted,
)
from syncpatterns.offline_queue._flights import Flight
from syncpatterns.offline_queue._ports import ClaimRequest
from tests.timing import standstills
from tests.unit.offline_queue.desk import QUEUE, Desk, item, items

#: SYNCPATTERNS_DRAIN_ITEMS=1000000 is the whole way of QUE-58.
ITEMS = int(os.environ.get("SYNCPATTERNS_DRAIN_ITEMS", "30000"))
CONTENTION = 5.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    """Give an engine over a file of its own."""
    with SqliteEngine(tmp_path / "queue.db") as opened:
        yield opened


@contextmanager
def contention(engine: SqliteEngine) -> Iterator[list[int]]:
    """Have others write all the time, in this process and beside it."""
    over, written = threading.Event(), list[int]()

    def write() -> None:
        while not over.is_set():
            engine.transact(
                lambda tx: tx.connection.execute("INSERT INTO busy VALUES (1)")
            )
            written.append(1)

    def hog() -> None:
        with closing(sqlite3.connect(engine.path, isolation_level=None)) as foreign:
            foreign.execute("PRAGMA busy_timeout = 10000")
            while not over.is_set():
                foreign.execute("BEGIN IMMEDIATE")
                foreign.execute("INSERT INTO busy VALUES (2)")
                over.wait(0.05)
                foreign.execute("COMMIT")
                over.wait(0.05)

    create = "CREATE TABLE IF NOT EXISTS busy (x)"
    engine.transact(lambda tx: tx.connection.execute(create))
    threads = [threading.Thread(target=write) for _ in range(6)]
    threads.append(threading.Thread(target=hog))
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
@pytest.mark.case("QUE-12")
@pytest.mark.parametrize("world", ["loop", "thread"])
def test_leases_are_kept_while_everybody_writes(
    engine: SqliteEngine, world: str
) -> None:
    """Seven writers for 5 s, and no lease of 3 s is missed."""
    for turn in range(10):
        desk = Desk(engine=engine, lease=3.0)
        number = 5 if world == "thread" else 4
        desk.put(*(item(f"{turn} {n}") for n in range(number)))

        async def take_long(_flight: Flight, clock: Clock = desk.clock) -> None:
            await clock.asleep(CONTENTION)

        def take_a_while(_flight: Flight, clock: Clock = desk.clock) -> None:
            clock.sleep(CONTENTION / 5)

        desk.handler, desk.blocking = take_long, take_a_while
        with contention(engine) as written, standstills() as seconds:
            if world == "loop":
                report = anyio.run(partial(desk.adrain, once=True))
            else:
                report = desk.work(once=True)
        if max(seconds) < 1.0:  # as long as between two renewals
            break

    assert report == DrainReport(sent=len(desk.begun))
    assert len(desk.begun) == len(set(desk.begun))
    assert all(settled.accepted for _, _, settled in desk.told)
    assert len(written) > 50  # else nobody contended


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.case("QUE-58")
def test_a_long_drain_tells_how_far_it_is_and_never_goes_back(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One start, one end, and figures that only grow, up to 100 %."""
    # Else a quick machine were through before the third figure is due.
    monkeypatch.setattr(_progress, "EVERY", 0.05)
    desk = Desk(engine=engine)
    for first in range(0, ITEMS, 1000):
        desk.put(*(item(n) for n in range(first, min(first + 1000, ITEMS))))
    # What was told of each item is not what is proven here, and is a million.
    desk.settled = lambda *_: None  # type: ignore[method-assign]  # see above
    report = anyio.run(lambda: desk.adrain(once=True, concurrency=32))
    (started,) = desk.of(DrainStarted)
    (finished,) = desk.of(DrainFinished)
    told: list[DrainProgress] = desk.of(DrainProgress)
    done, shares = [f.done for f in told], [f.percent for f in told]

    assert report == finished.report == DrainReport(sent=ITEMS)
    assert started.total == ITEMS
    assert {fact.total for fact in told} == {ITEMS}
    assert done == sorted(done)
    assert shares == sorted(shares)
    assert (done[-1], shares[-1], told[-1].eta) == (ITEMS, 100.0, 0.0)
    assert all(share < 100.0 for share in shares[:-1])
    assert len(told) > 3


async def test_another_process_s_commit_is_found_by_looking(
    engine: SqliteEngine,
) -> None:
    """Nobody hints at it; the floor is a quarter of a second."""
    desk = Desk(engine=engine)
    delivered = anyio.Event()

    async def handler(_flight: Flight) -> None:
        delivered.set()

    desk.handler = handler
    async with anyio.create_task_group() as tasks:
        await tasks.start(lambda task_status: desk.adrain(task_status=task_status))
        with SqliteEngine(engine.path) as other:
            desk_there = Desk(engine=other)
            await anyio.to_thread.run_sync(desk_there.put, item("from afar"))
            with anyio.fail_after(120):
                await delivered.wait()
        tasks.cancel_scope.cancel()

    assert len(desk.begun) == 1


async def test_what_a_dead_process_held_comes_back_by_its_lease(
    engine: SqliteEngine,
) -> None:
    """A drain that sleeps until then delivers it."""
    desk = Desk(engine=engine)
    delivered = anyio.Event()

    async def handler(_flight: Flight) -> None:
        delivered.set()

    desk.handler = handler
    desk.put(item("a"))
    desk.ready().claim(ClaimRequest(QUEUE, 1, 0.4))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.adrain)
        with anyio.fail_after(120):
            await delivered.wait()
        tasks.cancel_scope.cancel()

    assert len(desk.acked()) == 1


async def test_drains_of_two_engines_over_one_file_share_the_work(
    engine: SqliteEngine,
) -> None:
    """Each item is handled once, and nothing is left."""
    desk = Desk(engine=engine)
    seqs = desk.put(*items(200), *(item(f"l{n}", lane="l") for n in range(20)))
    with SqliteEngine(engine.path) as other:
        there = Desk(engine=other)
        async with anyio.create_task_group() as tasks:
            for each in (desk, there):
                tasks.start_soon(_until_empty, each)

    assert sorted([*desk.begun, *there.begun]) == seqs
    assert ItemState.LEASED not in desk.states()


async def _until_empty(desk: Any) -> None:
    while desk.states():
        await desk.adrain(once=True)
        await anyio.lowlevel.checkpoint()
