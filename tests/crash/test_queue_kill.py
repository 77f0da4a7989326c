"""Processes with a queue, killed with kill -9: what was told is true."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue._core import Ack, ItemState, NewItem, QueueRules
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest
from syncpatterns.testing import FakeClock, kill_loop
from tests.at_once import at_once
from tests.timing import NeverTwice

QUEUE = "q"
DATABASE = "app.db"
#: Runs in a child, which says what it has done and then dies of it, or waits.
PRELUDE = """
import os, signal, sys
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue._core import Ack, NewItem, QueueRules
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest
from syncpatterns.testing import Failpoints
engine = SqliteEngine(sys.argv[1]).open()
store = engine.queue_store()
store.configure("q", QueueRules())
def new(n):
    return NewItem("op", f"k{n}", "acme", b"f", b"payload of k%d" % n)
def put(*items):
    return store.enqueue(EnqueueRequest("q", items))
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def die_at(place):
    if place.isdigit():
        steps = iter(range(int(place)))
        connection = engine._opened().session.connection
        connection.set_progress_handler(lambda: next(steps, None) is None and die(), 1)
    else:
        Failpoints().kill_at(place).arm()
"""
#: Before the commit, after it, and in the middle of its statements.
PLACES = ["sqlite.before_commit", "sqlite.after_commit", "1", "300", "1500"]


def run(folder: Path, code: str, *arguments: str) -> None:
    """Run *code* in a process that kills itself."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, str(folder / DATABASE), *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def open_in(folder: Path, clock: Clock | None = None) -> SqliteEngine:
    """Return an engine on the folder's database."""
    return SqliteEngine(folder / DATABASE, clock=clock)


def sound(engine: SqliteEngine) -> bool:
    """Tell whether SQLite and the queue find nothing wrong."""
    integrity = engine.read(lambda c: c.execute("PRAGMA integrity_check").fetchall())
    return integrity == [("ok",)] and engine.queue_store().check(QUEUE) == []


@pytest.mark.case("QUE-01")
def test_what_was_enqueued_is_there_after_a_kill(tmp_path: Path) -> None:
    """Killed right after the call returned."""
    run(tmp_path, "put(new(1)); die()")

    with open_in(tmp_path) as engine:
        (item,) = engine.queue_store().items(QUEUE)
        assert (item.state, item.payload) == (ItemState.READY, b"payload of k1")
        assert sound(engine)


@pytest.mark.slow
@pytest.mark.case("QUE-02")
def test_everything_told_in_a_thousand_enqueues_is_there(
    tmp_path: Path, seed: int
) -> None:
    """Whoever was killed, and whenever."""
    program = "tests.crash.programs.queue_enqueue"

    def told() -> dict[str, int]:
        file = tmp_path / "told"
        lines = file.read_text().splitlines() if file.exists() else []
        pairs = [line.split() for line in lines if len(line.split()) == 2]
        return {key: int(seq) for key, seq in pairs}

    def worker(_: int) -> Sequence[str]:
        return ["-m", program, str(tmp_path), str(len(told()))]

    report = kill_loop(
        worker, workers=1, kills=5, seconds=200.0, delay=(0.0, 0.3), seed=seed
    )
    killed = len(told())
    subprocess.run(
        [sys.executable, "-m", program, str(tmp_path), "0"],
        check=True,
        capture_output=True,
    )
    promised = told()

    with open_in(tmp_path) as engine:
        items = engine.queue_store().items(QUEUE, limit=2000)
        assert {item.key: item.seq for item in items} == promised
        assert sound(engine)
    assert report.failures == []
    assert (report.kills, len(promised)) == (5, 1000)
    assert killed > 0


@pytest.mark.case("QUE-03")
@pytest.mark.parametrize("place", PLACES)
def test_a_hundred_enqueued_together_are_all_there_or_none(
    tmp_path: Path, place: str
) -> None:
    """Killed before, in and after their one commit."""
    run(tmp_path, "die_at(sys.argv[2]); put(*map(new, range(100))); die()", place)

    with open_in(tmp_path) as engine:
        live = engine.queue_store().stats(QUEUE).live
        assert live == (100 if place == "sqlite.after_commit" else 0)
        assert sound(engine)


@pytest.mark.case("QUE-04")
def test_what_a_killed_process_held_comes_back(tmp_path: Path) -> None:
    """Hidden until the lease ends; then under the same key, with a new token."""
    code = "put(new(1)); store.claim(ClaimRequest('q', 1, 30.0)); die()"
    run(tmp_path, code)
    clock = FakeClock(time.time())
    with open_in(tmp_path, clock) as engine:
        store = engine.queue_store()
        request = ClaimRequest(QUEUE, 1, 30.0)
        hidden = store.claim(request)
        clock.advance(31)
        (item,) = store.claim(request)

    assert hidden == []
    assert (item.key, item.token, item.deliveries, item.lapses) == ("k1", 2, 2, 1)


@pytest.mark.case("QUE-06")
@pytest.mark.parametrize("place", PLACES)
def test_acknowledgements_that_share_a_commit(tmp_path: Path, place: str) -> None:
    """Each is wholly there or not at all, and counters equal rows."""
    code = """
put(*map(new, range(40)))
items = store.claim(ClaimRequest("q", 40, 3600.0))
die_at(sys.argv[2])
store.settle("q", [Ack(item.hold, b"1") for item in items])
die()
"""
    run(tmp_path, code, place)

    with open_in(tmp_path) as engine:
        store = engine.queue_store()
        ended = [store.ended(QUEUE, seq) is not None for seq in range(1, 41)]
        there = [store.get(QUEUE, seq) is not None for seq in range(1, 41)]
        assert set(ended) == {place == "sqlite.after_commit"}
        assert there == [not each for each in ended]
        assert sound(engine)


@pytest.mark.case("QUE-53", part="killed")
@pytest.mark.parametrize("place", PLACES)
def test_a_business_row_and_its_item_are_both_there_or_neither(
    tmp_path: Path, place: str
) -> None:
    """One commit, wherever the process dies."""
    code = """
engine.transact(lambda tx: tx.connection.execute("CREATE TABLE booking (id)"))
def book(tx):
    tx.connection.execute("INSERT INTO booking VALUES (7)")
    store.enqueue(EnqueueRequest("q", [new(n) for n in range(20)]), tx)
    tx.connection.execute("INSERT INTO booking VALUES (8)")
die_at(sys.argv[2])
engine.transact(book)
die()
"""
    run(tmp_path, code, place)

    with open_in(tmp_path) as engine:
        rows = engine.read(lambda c: c.execute("SELECT id FROM booking").fetchall())
        live = engine.queue_store().stats(QUEUE).live
        done = place == "sqlite.after_commit"
        assert (rows, live) == (([(7,), (8,)], 20) if done else ([], 0))
        assert sound(engine)


@pytest.mark.slow
@pytest.mark.case("QUE-07")
def test_two_processes_drain_ten_thousand_items(tmp_path: Path) -> None:
    """Each is handled once, and both had some."""
    with open_in(tmp_path) as engine:
        store = engine.queue_store()
        store.configure(QUEUE, QueueRules(max_items=100_000))
        for first in range(0, 10_000, 1000):
            items = [
                NewItem("op", f"k{n}", "acme", b"f", b"{}")
                for n in range(first, first + 1000)
            ]
            store.enqueue(EnqueueRequest(QUEUE, items))
    program = ["-m", "tests.crash.programs.queue_drain", str(tmp_path)]
    answers = [
        [int(seq) for seq in said.split()]
        for said in at_once([program] * 2, ready="claimed")
    ]

    assert sorted(answers[0] + answers[1]) == list(range(1, 10_001))
    assert all(answers)
    with open_in(tmp_path) as engine:
        assert engine.queue_store().stats(QUEUE).live == 0


# ------------------------------------------------- what is left beside the file


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the files of a killed process with 60 commits in its log."""
    folder = tmp_path_factory.mktemp("left")
    code = """
for n in range(60):
    put(new(n))
die()
"""
    run(folder, code)
    return folder


def copied(left: Path, folder: Path, wal: int | None = None) -> None:
    """Copy the files, the log up to *wal* bytes."""
    shutil.copy(left / DATABASE, folder / DATABASE)
    log = (left / f"{DATABASE}-wal").read_bytes()
    (folder / f"{DATABASE}-wal").write_bytes(log[:wal])


def keys_in(folder: Path) -> list[str]:
    """Return what an engine finds, which must find nothing wrong."""
    with open_in(folder) as engine:
        store = engine.queue_store()
        found = [item.key for item in store.items(QUEUE, limit=1000)]
        assert sound(engine)
        # And it goes on: the next number is free.
        new = NewItem("op", "next", "acme", b"f", b"{}")
        (stored,) = store.enqueue(EnqueueRequest(QUEUE, [new]))
        assert stored.seq == len(found) + 1
    return found


EVERY = [f"k{n}" for n in range(60)]


@pytest.mark.case("QUE-42")
@pytest.mark.parametrize("cut", [1, 777, "half"])
def test_a_log_that_was_cut_short_holds_a_beginning(
    left: Path, tmp_path: Path, cut: int | str
) -> None:
    """Of the commits: none is torn, and none is there without those before it."""
    size = (left / f"{DATABASE}-wal").stat().st_size
    copied(left, tmp_path, size // 2 if cut == "half" else size - int(cut))

    found = keys_in(tmp_path)

    assert found == EVERY[: len(found)]
    assert 0 < len(found) < 60


@pytest.mark.case("QUE-44")
@pytest.mark.parametrize("shm", [None, b"", b"\xa5" * 32768, b"torn"])
def test_the_shared_memory_file_is_nothing_to_rely_on(
    left: Path, tmp_path: Path, shm: bytes | None
) -> None:
    """Gone, empty or garbage: everything is there."""
    copied(left, tmp_path)
    if shm is not None:
        (tmp_path / f"{DATABASE}-shm").write_bytes(shm)

    assert keys_in(tmp_path) == EVERY


@pytest.mark.case("QUE-49", part="writers")
def test_a_reader_that_stays_on_its_snapshot_fails_no_writer(tmp_path: Path) -> None:
    """It sees what it saw, the queue goes on, and the log shrinks afterwards."""
    with open_in(tmp_path, NeverTwice()) as engine:
        store = engine.queue_store()
        store.configure(QUEUE, QueueRules(max_items=100_000))
        reader = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
        with closing(reader):
            reader.execute("BEGIN")
            count = "SELECT count(*) FROM syncpatterns_queue_item"
            before = reader.execute(count).fetchone()
            for first in range(0, 20_000, 1000):
                items = [
                    NewItem("op", f"k{n}", "acme", b"f", b"x" * 400)
                    for n in range(first, first + 1000)
                ]
                store.enqueue(EnqueueRequest(QUEUE, items))
            claimed = store.claim(ClaimRequest(QUEUE, 100, 30.0))
            settled = store.settle(QUEUE, [Ack(item.hold) for item in claimed])
            during = (tmp_path / f"{DATABASE}-wal").stat().st_size
            after = reader.execute(count).fetchone()
            reader.execute("COMMIT")
        for n in range(12):
            new = NewItem("op", f"last {n}", "acme", b"f", b"x" * 1_000_000)
            store.enqueue(EnqueueRequest(QUEUE, [new]))
        shrunk = (tmp_path / f"{DATABASE}-wal").stat().st_size

        assert before == after == (0,)
        assert all(each.accepted for each in settled)
        assert store.stats(QUEUE).live == 19_912
        assert during > 12 * 1024 * 1024 > shrunk
