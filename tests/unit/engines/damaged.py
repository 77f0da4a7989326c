"""Queues in files, and files that are spoilt."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue._core import NewItem, QueueRules
from syncpatterns.offline_queue._ports import EnqueueRequest

PAGE = 4096
OURS = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'syncp%'"


def item(number: int, size: int = 200, lane: str | None = None) -> NewItem:
    """Return the item that the test puts in under this number."""
    return NewItem(
        "leads.update",
        f"k{number}",
        "acme",
        b"f" * 32,
        b'{"n":%d,"x":"%s"}' % (number, b"x" * size),
        lane=lane,
    )


def fill(path: Path, items: Iterable[NewItem], queue: str = "field") -> None:
    """Put *items* into a queue of the database."""
    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        store.configure(queue, QueueRules(max_items=1_000_000, max_bytes=1 << 40))
        store.enqueue(EnqueueRequest(queue, list(items)))


def rows(path: Path) -> dict[str, list[Any]]:
    """Return every row of every table of the library."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute(OURS)]
        return {
            name: connection.execute(f"SELECT * FROM {name}").fetchall()
            for name in names
        }


def damage(path: Path, pages: Iterable[int], seed: int = 1) -> None:
    """Overwrite these pages with noise."""
    rng = random.Random(seed)
    with path.open("rb+") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(rng.randbytes(PAGE))


def root_of(path: Path, name: str) -> int:
    """Return the first page of a table or index."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)
        )
        return int(found.fetchone()[0])


def pages_of(path: Path) -> int:
    """Return how many pages the file has."""
    return path.stat().st_size // PAGE


def payloads(path: Path, queue: str = "field") -> dict[int, bytes]:
    """Return what an engine finds in the queue: number and payload of each item."""
    found: dict[int, bytes] = {}
    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        after = 0
        while batch := store.items(queue, after=after, limit=1000):
            found |= {each.seq: each.payload for each in batch}
            after = batch[-1].seq
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of *folder*, byte by byte; the log's index is nobody's."""
    return {
        each.name: each.read_bytes()
        for each in folder.iterdir()
        if not each.name.endswith("-shm")
    }
