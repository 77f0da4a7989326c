"""What the proofs about queues in SQLite share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._queue._store import SqliteQueueStore
from syncpatterns.offline_queue._core import (
    Ack,
    Enqueued,
    Item,
    NewItem,
    QueueRules,
)
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest

T = TypeVar("T")

GOLDEN = Path(__file__).parents[2] / "golden"

QUEUE = "leads"
PLENTY = QueueRules(max_items=10**9, max_bytes=10**12)


def load(path: Path, schema: int) -> None:
    """Make the file as that schema wrote it."""
    with closing(sqlite3.connect(path)) as connection:
        sql = (GOLDEN / f"sqlite_schema_{schema}.sql").read_text("utf-8")
        connection.executescript(sql)


def new(key: str, **more: Any) -> NewItem:
    """Return a new item."""
    payload = more.pop("payload", b'{"key":"%b"}' % key.encode())
    operation = more.pop("operation", "leads.update")
    return NewItem(operation, key, "acme", b"of " + payload[:16], payload, **more)


def put(
    store: SqliteQueueStore, *items: NewItem, queue: str = QUEUE, **more: Any
) -> list[Enqueued]:
    """Enqueue *items* together."""
    return store.enqueue(EnqueueRequest(queue, items, **more))


def claim(
    store: SqliteQueueStore, limit: int = 1, lease: float = 30.0, queue: str = QUEUE
) -> list[Item]:
    """Claim up to *limit* items."""
    return store.claim(ClaimRequest(queue, limit, lease))


def acknowledge(store: SqliteQueueStore, item: Item, queue: str = QUEUE) -> bool:
    """Acknowledge one item; return whether it was still held."""
    (settled,) = store.settle(queue, [Ack(item.hold, b"1")])
    return settled.accepted


def keys(items: list[Item]) -> list[str]:
    """Return the keys of *items*."""
    return [item.key for item in items]


def writer(engine: SqliteEngine) -> sqlite3.Connection:
    """Return the writing connection."""
    return engine.open()._opened().session.connection


def steps(connection: sqlite3.Connection, work: Callable[[], T]) -> tuple[T, int]:
    """Do *work*, and count the steps of SQLite's machine on *connection*.

    They do not depend on the machine that the test runs on, nor on its load.
    """
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(tick, 1)
    try:
        return work(), count
    finally:
        connection.set_progress_handler(None, 0)


def fill(
    engine: SqliteEngine,
    count: int,
    *,
    state: int = 0,
    rank: int = 0,
    lane: str | None = None,
    wake: float | None = None,
    target: str = "default",
    queue: str = QUEUE,
    first: int = 1_000_000,
) -> None:
    """Add *count* rows by hand, numbered from *first*; triggers count them.

    The target and the operation must be known already.
    """
    engine.transact(
        lambda tx: tx.connection.execute(
            """
            WITH RECURSIVE n (n) AS (
                SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ?1 - 1
            )
            INSERT INTO syncpatterns_queue_item (
                id, queue, state, target, rank, operation, version, token, attempts,
                lapses, blocked, created_at, wake, due_at, keep_result, place, size,
                scope, key, fingerprint, lane, payload
            )
            SELECT q.id * 1099511627776 + ?2 + n, q.id, ?3, w.id, ?4, w.id, 1, 0, 0,
                0, 0, 0, ?5, ?5, 60, ?2 + n, 2, 'acme', 'k' || (?2 + n), x'', ?6,
                x'7b7d'
            FROM n, syncpatterns_queue AS q, syncpatterns_queue_word AS w
            WHERE q.name = ?7 AND w.word = ?8
            """,
            (count, first, state, rank, wake, lane, queue, target),
        )
    )
