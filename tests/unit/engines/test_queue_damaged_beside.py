"""Any row of a queue, changed by hand to anything: our words, and none of its own."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from syncpatterns import OfflineQueue, Refusal, connect
from syncpatterns.errors import DatabaseCorrupt, OutcomeGone, SyncPatternsError

CANARY = "Ada Lovelace"
#: What else somebody may write into a column; each gets one of them.
OTHERS = (b"Ada Lovelace \xff", -(1 << 62), "1.5e999")
TABLES = ("", "_item", "_count", "_outcome", "_edge", "_pause", "_key", "_word")


def _queue(engine: Any) -> OfflineQueue:
    queue = OfflineQueue("field", engine)

    @queue.handler("n.inc")
    def inc(payload: int) -> int:
        if payload < 0:
            raise Refusal("no such number")
        return payload + 1

    return queue


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a queue that has a row in every table."""
    path = tmp_path_factory.mktemp("sound") / "q.db"
    with connect(f"sqlite:///{path}") as engine:
        queue = _queue(engine)
        queue.enqueue_many([("n.inc", -1), ("n.inc", 2)])
        queue.flush()
        first = queue.enqueue("n.inc", 3, lane="a", delay=3600)
        queue.enqueue("n.inc", 4, lane="a", headers={"x": "y"})
        queue.enqueue("n.inc", 5, after=[first])
        queue.enqueue("n.inc", 6)
        queue.pause("elsewhere", 3600)
    return path


def _changes(path: Path) -> Iterator[tuple[str, str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        for table in TABLES:
            name = f"syncpatterns_queue{table}"
            for number, column, *_ in connection.execute(f"PRAGMA table_info({name})"):
                yield name, column, CANARY
                yield name, column, OTHERS[number % len(OTHERS)]


def _change(path: Path, table: str, column: str, value: Any) -> bool:
    """Write *value* into every row; False if SQLite does not take it there."""
    with closing(sqlite3.connect(path)) as connection, connection:
        try:
            connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
        except sqlite3.IntegrityError:
            return False
    return True


def _asked(engine: Any) -> Iterator[Callable[[], object]]:
    queue = _queue(engine)
    yield queue.items
    yield queue.stats
    yield queue.blocked_lanes
    yield lambda: queue.dead.list(reason="rejected")
    yield lambda: queue.receipt(2).wait(0)
    yield lambda: queue.receipt(5).state()
    yield lambda: queue.enqueue("n.inc", 7, lane="a")
    yield lambda: queue.enqueue("n.inc", 8, key="once", after=[5])
    yield lambda: queue.dead.requeue([1])
    yield lambda: queue.dead.discard([1])
    yield lambda: queue.cancel([4])
    yield lambda: queue.cancel([3])
    yield queue.resume
    yield queue.flush
    yield lambda: queue.call("n.inc", 9)


def _met(path: Path) -> list[SyncPatternsError]:
    """Do all that can be asked of a queue; return what it said."""
    said: list[SyncPatternsError] = []
    with connect(f"sqlite:///{path}") as engine:
        for ask in _asked(engine):
            try:
                with suppress(TimeoutError):
                    ask()
            except SyncPatternsError as error:
                said.append(error)
    return said


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_whatever_is_changed_is_told_in_our_words(
    sound: Path, tmp_path: Path, table: str
) -> None:
    """No error is bare, none quotes the value, and the doctor looks without one."""
    corrupt: list[str] = []
    path = tmp_path / "q.db"
    for name, column, value in _changes(sound):
        if name != f"syncpatterns_queue{table}":
            continue
        for left in tmp_path.iterdir():
            left.unlink()
        shutil.copy(sound, path)
        if not _change(path, name, column, value):
            continue
        with connect(f"sqlite:///{path}") as engine:
            store = engine.queue_store()
            try:
                found = {each.what for each in store.check("field")}
            except DatabaseCorrupt as error:
                found = {str(error)}
        heard = _met(path)
        said = [str(each) for each in heard if isinstance(each, DatabaseCorrupt)]

        assert not any(CANARY in str(each) for each in heard), (column, value)
        assert found or not said, (column, value, said)
        corrupt += said

    assert all("doctor" in each for each in corrupt)
    assert corrupt or table not in {"_item", "_count", "_outcome"}


def test_nothing_is_done_by_work_that_met_such_a_row(
    sound: Path, tmp_path: Path
) -> None:
    """It is undone as a whole: the item that was to be cancelled is still there."""
    path = tmp_path / "q.db"
    shutil.copy(sound, path)
    _change(path, "syncpatterns_queue_item", "keep_result", CANARY)
    before = _rows(path)
    with connect(f"sqlite:///{path}") as engine:
        queue = _queue(engine)
        with pytest.raises(DatabaseCorrupt, match=r"TypeError at _\w+\.py:\d+"):
            queue.cancel([3, 4])

    assert _rows(path) == before


def test_an_endless_circle_of_rows_is_told(sound: Path, tmp_path: Path) -> None:
    """An item that stands for itself, and a place that is no number."""
    path = tmp_path / "q.db"
    shutil.copy(sound, path)
    _change(path, "syncpatterns_queue_item", "place", CANARY)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE syncpatterns_queue_outcome SET state = 'superseded', "
            "survivor = id & 1099511627775"
        )
    with connect(f"sqlite:///{path}") as engine:
        queue = _queue(engine)

        with pytest.raises(DatabaseCorrupt):
            queue.enqueue("n.inc", 1, after=[2])
        with pytest.raises(DatabaseCorrupt):
            queue.stats()
        with pytest.raises(OutcomeGone):
            queue.receipt(2).wait(0)


def test_the_doctor_gives_numbers_out_anew(sound: Path, tmp_path: Path) -> None:
    """The note of the last number was lost; the items know better."""
    path = tmp_path / "q.db"
    shutil.copy(sound, path)
    _change(path, "syncpatterns_queue_count", "last", CANARY)
    with connect(f"sqlite:///{path}") as engine:
        store, queue = engine.queue_store(), _queue(engine)
        with pytest.raises(DatabaseCorrupt):
            queue.enqueue("n.inc", 1)
        (found,) = store.check("field", repair=True)

        assert (found.what, found.repaired) == ("numbers", True)
        assert store.check("field") == []
        assert queue.enqueue("n.inc", 1).id == 7


def _rows(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM syncpatterns_queue_item").fetchall()
