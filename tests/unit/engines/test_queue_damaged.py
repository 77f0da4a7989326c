"""Rows of a queue that somebody has changed by hand: told, found, and not quoted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncpatterns import OfflineQueue, connect
from syncpatterns.errors import DatabaseCorrupt

CHANGES = [
    ("created_at", "Ada Lovelace"),
    ("sent_at", b"Ada Lovelace"),
    ("rank", "Ada Lovelace"),
    ("keep_result", "Ada Lovelace"),
    ("operation", 1 << 40),
    ("target", -1),
]


def _changed(path: Path, column: str, value: Any) -> None:
    """Make a queue of two items, and set *column* of the first."""
    with connect(f"sqlite:///{path}") as engine:
        queue = _queue(engine)
        queue.enqueue_many([("n.inc", 1), ("n.inc", 2)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            f"UPDATE syncpatterns_queue_item SET {column} = ? WHERE id = ("
            "SELECT min(id) FROM syncpatterns_queue_item)",
            (value,),
        )


def _queue(engine: Any) -> OfflineQueue:
    queue = OfflineQueue("field", engine)

    @queue.handler("n.inc")
    def inc(payload: int) -> int:
        return payload + 1

    return queue


@pytest.mark.parametrize(("column", "value"), CHANGES)
def test_a_row_of_another_kind_is_told_in_our_words(
    tmp_path: Path, column: str, value: Any
) -> None:
    """With its number and what to do, and without what was found in it."""
    path = tmp_path / "q.db"
    _changed(path, column, value)
    with (
        connect(f"sqlite:///{path}") as engine,
        pytest.raises(DatabaseCorrupt, match="item 1 of queue 'field'") as caught,
    ):
        _queue(engine).items()

    assert "doctor" in str(caught.value)
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value"),
    [*CHANGES, ("state", 99), ("error", b"x"), ("lane", b"x"), ("payload", "x")],
)
def test_the_doctor_finds_it(tmp_path: Path, column: str, value: Any) -> None:
    """Each column, also those that only a list or an export would stumble over."""
    path = tmp_path / "q.db"
    _changed(path, column, value)
    with connect(f"sqlite:///{path}") as engine:
        found = engine.queue_store().check("field", repair=True)
    rows = [finding for finding in found if finding.what == "row"]

    assert [finding.repaired for finding in rows] == [False]
    assert "item 1 " in rows[0].detail


def test_a_sound_queue_has_no_such_rows(tmp_path: Path) -> None:
    """Whatever its items have been through."""
    with connect(f"sqlite:///{tmp_path}/q.db") as engine:
        queue = _queue(engine)
        first = queue.enqueue("n.inc", 1, lane="a", delay=60, expires_in=None)
        queue.enqueue("n.inc", 2, lane="a", expires_in=float("inf"))
        queue.enqueue("n.inc", 3, after=[first], headers={"x": "y"})
        queue.call("n.inc", 4)
        queue.enqueue("n.inc", 5)

        assert engine.queue_store().check("field", repair=False) == []
