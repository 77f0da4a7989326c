"""Fill a queue until the disk is full, drain it, and fill it again; print what came.

Usage: queue_on_a_full_disk.py DATABASE SIZE STEP
       SIZE is the size of a payload; STEP says where to begin and to end: `all`,
       or `fill`, which ends without closing anything, and then `rest`.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import Any

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import DiskFull
from syncpatterns.events import Fact, Swept
from syncpatterns.offline_queue._core import Ack, Item, NewItem, QueueRules
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest, QueueStore

QUEUE = "field"
REFUSALS = 20
RULES = QueueRules(max_items=1_000_000, max_bytes=1 << 40)


def new(key: str, size: int) -> NewItem:
    """Return an item whose payload says which one it is."""
    body = json.dumps({"key": key, "fill": "x" * size}).encode()
    return NewItem("op", key, "acme", b"f" * 32, body, keep_result=0.0)


def fill(store: QueueStore, name: str, size: int) -> list[str]:
    """Enqueue until it was refused often enough; return what was stored."""
    stored: list[str] = []
    refused = 0
    while refused < REFUSALS:
        key = f"{name}{len(stored) + refused}"
        try:
            store.enqueue(EnqueueRequest(QUEUE, [new(key, size)]))
            stored.append(key)
        except DiskFull:
            refused += 1
    return stored


def there(store: QueueStore) -> list[str]:
    """Return the keys that a list shows, after a look at what they say."""
    found: list[Item] = []
    while batch := store.items(QUEUE, after=found[-1].seq if found else 0, limit=500):
        found += batch
    assert all(json.loads(item.payload)["key"] == item.key for item in found)
    return [item.key for item in found]


def drain(store: QueueStore) -> list[str]:
    """Deliver everything, a few at a time; return in which order."""
    done: list[str] = []
    while items := store.claim(ClaimRequest(QUEUE, 3, 30.0)):
        done += [item.key for item in items]
        settled = store.settle(QUEUE, [Ack(item.hold, b"{}") for item in items])
        assert all(each.accepted for each in settled)
    while store.purge(QUEUE, 50):
        pass
    return done


def business(engine: SqliteEngine) -> list[int]:
    """Write something else on the full disk until that is refused; return what stayed.

    As a handler would, or a careless neighbour.
    """
    written = 0
    try:
        while True:
            engine.transact(partial(note, number=written + 1))
            written += 1
    except DiskFull:
        kept = engine.read(lambda c: c.execute("SELECT count(*) FROM note").fetchone())
        return [written, kept[0]]


def note(tx: SqliteTransaction, number: int) -> None:
    """Write a row of 3 KB."""
    tx.connection.execute("INSERT INTO note VALUES (?, ?)", (number, "x" * 3000))


def main(path: str, size: int, step: str) -> None:
    """Do it."""
    facts: list[str] = []

    def told(fact: Fact | Swept) -> None:
        facts.append(type(fact).__name__)

    engine = SqliteEngine(path, hooks=[told])
    store = engine.queue_store()
    store.configure(QUEUE, RULES)
    engine.transact(
        lambda tx: tx.connection.execute("CREATE TABLE IF NOT EXISTS note (id, text)")
    )
    report: dict[str, Any] = {}
    if step != "rest":
        report["stored"] = fill(store, "a", size)
        report["there"] = there(store)
    if step == "fill":
        print(json.dumps(report), flush=True)
        os._exit(9)
    report["open"] = there(store)
    report["business"] = business(engine)
    report["drained"] = drain(store)
    report["left"] = store.stats(QUEUE).live
    report["again"] = fill(store, "b", size)
    report["drained again"] = drain(store)
    report["checked"] = [each.detail for each in store.check(QUEUE)]
    engine.close()
    report["facts"] = facts
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
