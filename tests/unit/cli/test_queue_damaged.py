"""``queue`` on rows that somebody has changed by hand: a sentence, and no value."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from syncpatterns.offline_queue._core import Ack
from tests.unit.cli.conftest import Shop
from tests.unit.cli.queues import CANARY, DB, Field, item, run


@pytest.fixture
def field(shop: Shop) -> Field:
    """Go to a queue with a DEAD item, one that was DONE and one that waits."""
    made = Field()
    made.dead("k1")
    made.end(item("k2"), Ack)
    made.put(item("k3"))
    return made


def change(field: Field, table: str, column: str, value: Any) -> None:
    """Change a column of every row, as somebody with a SQL shell would."""
    with closing(sqlite3.connect(field.path)) as connection, connection:
        sql = f"UPDATE syncpatterns_queue{table} SET {column} = ?"
        connection.execute(sql, [value])


@pytest.mark.parametrize(
    ("table", "column", "args"),
    [
        ("_outcome", "state", ["show", "2"]),
        ("_outcome", "operation", ["show", "2"]),
        ("_count", "items", ["stats"]),
        ("_item", "payload", ["show", "1", "--payload"]),
        ("_item", "created_at", ["ls"]),
    ],
)
def test_a_row_that_was_changed_by_hand_is_one_sentence(
    field: Field, table: str, column: str, args: list[str]
) -> None:
    """It names the doctor; there is no traceback, which would quote the value."""
    change(field, table, column, f"ask {CANARY}")

    result = run(*args, SYNCPATTERNS_DB=DB)

    assert result.exit_code == 2
    assert "queue doctor" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert CANARY not in result.output
