"""Bookings that queue their message, and messages that end with their rows.

No key is remembered anywhere: what is done once here is done once because two
things share a commit.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from syncpatterns import Transaction
from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue import ItemContext, OfflineQueue
from tests.crash.bookings import DATABASE

NUMBERS = (1,)


def engine_for(folder: Path, clock: Clock | None = None) -> SqliteEngine:
    """Return the engine of one process, with its tables."""
    engine = SqliteEngine(folder / DATABASE, clock=clock)

    def create(tx: Transaction) -> None:
        for table in ("booked", "posted"):
            tx.connection.execute(f"CREATE TABLE IF NOT EXISTS {table} (n INTEGER)")

    engine.transact(create)
    return engine


def queue_for(engine: SqliteEngine, *, apart: bool = False) -> OfflineQueue:
    """Return the queue; its handler writes a row and ends its item with it.

    Args:
        engine: Where it is.
        apart: A bug on purpose: the row is committed before the item ends.
    """
    queue = OfflineQueue("outbox", engine)

    @queue.handler("ledger.post", lane=lambda n: "ledger")
    def post(number: int, ctx: ItemContext) -> int:
        def work(tx: Transaction) -> None:
            tx.connection.execute("INSERT INTO posted VALUES (?)", (number,))
            if not apart:
                ctx.done_in(tx, number)

        engine.transact(work)
        return number

    return queue


def book(engine: SqliteEngine, queue: OfflineQueue, number: int) -> None:
    """Write a booking, and queue what follows, in one transaction."""

    def work(tx: Transaction) -> None:
        tx.connection.execute("INSERT INTO booked VALUES (?)", (number,))
        tx.enqueue(queue, "ledger.post", number, key=f"k{number}")

    engine.transact(work)


def numbers(engine: SqliteEngine, table: str) -> list[int]:
    """Return what stands in *table*, each as often as it does."""

    def look(connection: sqlite3.Connection) -> list[int]:
        rows = connection.execute(f"SELECT n FROM {table} ORDER BY n").fetchall()
        return [number for (number,) in rows]

    return engine.read(look)
