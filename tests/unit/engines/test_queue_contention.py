"""Others write, others read, all the time: with real locks and the real limits."""

from __future__ import annotations

import sqlite3
import statistics
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._queue import _claims
from syncpatterns.engines.sqlite._writing._reserve import PINNED
from syncpatterns.events import LogPinned
from syncpatterns.offline_queue._core import Hold
from tests.timing import NeverTwice
from tests.unit.engines.queues import QUEUE, claim, new, put

WRITERS = 8
RENEWALS = 60


@contextmanager
def contention(engine: SqliteEngine) -> Iterator[list[int]]:
    """Have threads, and a connection of somebody else's, write all the time.

    Yields:
        One number for each write of the threads, in the order of their execution.
    """
    over, order = threading.Event(), list[int]()

    def write(number: int) -> None:
        def job(tx: Any) -> None:
            tx.connection.execute("INSERT INTO busy VALUES (1)")
            order.append(number)

        while not over.is_set():
            engine.transact(job)

    def hog() -> None:
        with closing(sqlite3.connect(engine.path, isolation_level=None)) as foreign:
            foreign.execute("PRAGMA busy_timeout = 300000")
            while not over.is_set():
                foreign.execute("BEGIN IMMEDIATE")
                foreign.execute("INSERT INTO busy VALUES (2)")
                foreign.execute("COMMIT")
                over.wait(0.001)

    engine.transact(lambda tx: tx.connection.execute("CREATE TABLE busy (x)"))
    threads = [threading.Thread(target=write, args=[n]) for n in range(WRITERS)]
    threads.append(threading.Thread(target=hog))
    for thread in threads:
        thread.start()
    try:
        yield order
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.case("QUE-12", part="turn")
def test_a_renewal_waits_for_no_more_than_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked before it goes before it, and nobody who asks later.

    Counted in the writes that were executed in between, which is what a lease
    that has to last depends on; seconds are the machine's. What a thread loses
    between its question and its place in the line is the scheduler's, so the
    middle of many renewals is looked at.
    """
    between: list[int] = []
    path = f"{tmp_path}/q.db"
    with SqliteEngine(path, busy_timeout=300.0) as engine:
        store = engine.queue_store()
        put(store, *(new(f"k{n}") for n in range(20)))
        holds = [item.hold for item in claim(store, limit=20, lease=600.0)]
        with contention(engine) as order:
            extend: Any = _claims.extend
            at: list[int] = []

            def seen(desk: Any, given: list[Hold], lease: float) -> list[Hold]:
                at.append(len(order))
                kept: list[Hold] = extend(desk, given, lease)
                return kept

            monkeypatch.setattr(_claims, "extend", seen)
            while len(set(order)) < WRITERS:
                threading.Event().wait(0.01)  # all of them are at it
            for _ in range(RENEWALS):
                asked = len(order)
                kept = store.extend(QUEUE, holds, 600.0)

                assert kept == holds
                between.append(at[-1] - asked)
        written = len(order)

    assert len(between) == RENEWALS
    assert statistics.median(between) <= 2 * WRITERS
    assert written > RENEWALS  # else nobody contended


@pytest.mark.case("QUE-49", part="real limits")
def test_a_reader_that_stays_is_told_of_at_the_real_limit(tmp_path: Path) -> None:
    """16 MB of log and a reader before it: one fact, no failure; then it shrinks."""
    told: list[LogPinned] = []

    def heard(fact: object) -> None:
        if isinstance(fact, LogPinned):
            told.append(fact)

    path = tmp_path / "q.db"
    log = Path(f"{path}-wal")
    with SqliteEngine(path, clock=NeverTwice(), hooks=[heard]) as engine:
        store = engine.queue_store()
        put(store, new("before"))
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            count = "SELECT count(*) FROM syncpatterns_queue_item"
            before = reader.execute(count).fetchone()
            for n in range(60):  # looked at after every further 4 MB
                put(store, new(f"k{n}", payload=b"x" * 500_000))
            during, facts = log.stat().st_size, list(told)
            after = reader.execute(count).fetchone()
            reader.execute("COMMIT")
        for n in range(12):
            put(store, new(f"last {n}", payload=b"x" * 500_000))
        shrunk = log.stat().st_size
        live = store.stats(QUEUE).live

    assert during > PINNED > shrunk
    assert [PINNED <= fact.size <= during for fact in facts] == [True]
    assert before == after == (1,)
    assert live == 73
