"""Who waits for work is told of commits that may have brought some."""

from __future__ import annotations

import queue
import subprocess
import sys
from collections.abc import Callable

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.offline_queue._core import Ack, QueueRules
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.realtime import Event
from tests.unit.engines.conftest import insert
from tests.unit.engines.queues import QUEUE, claim, new, put

OpenEngine = Callable[..., SqliteEngine]


@pytest.mark.case("QUE-53", part="woken in SQLite")
def test_a_queue_s_commits_wake_its_listeners_and_not_the_relay(
    engine: SqliteEngine,
) -> None:
    """And the other way round: each hears of what is its own."""
    store = engine.queue_store()
    heard: list[str] = []
    store.on_change(lambda: heard.append("queue"))
    engine.on_commit(lambda: heard.append("relay"))

    put(store, new("a"))
    engine.transact(lambda tx: tx.publish(Event("c", "t", {})))
    engine.transact(insert("quiet"))

    def both(tx: SqliteTransaction) -> None:
        tx.publish(Event("c", "t", {}))
        store.enqueue(EnqueueRequest(QUEUE, [new("b")]), tx)

    engine.transact(both)

    assert heard == ["queue", "relay", "relay", "queue"]


def test_a_claim_wakes_nobody(engine: SqliteEngine) -> None:
    """Or a drain would wake itself for ever; what an end frees is told."""
    store = engine.queue_store()
    put(store, new("a", lane="x"), new("b", lane="x"))
    heard: list[str] = []
    store.on_change(lambda: heard.append("x"))
    (item,) = claim(store)
    store.extend(QUEUE, [item.hold], 60.0)
    claim(store)
    store.stage(QUEUE)
    claimed = heard.copy()

    store.settle(QUEUE, [Ack(item.hold)])

    assert (claimed, heard) == ([], ["x"])


async def test_a_commit_on_the_writer_s_thread_wakes_too(engine: SqliteEngine) -> None:
    """A listener hears of it a moment after the caller has the answer."""
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    store = engine.async_queue_store()
    remove = store.on_change(lambda: heard.put("x"))

    await store.enqueue(EnqueueRequest(QUEUE, [new("a")]))

    assert heard.get(timeout=120) == "x"
    remove()


def test_another_process_s_commit_changes_the_number(engine: SqliteEngine) -> None:
    """That is how a drain hears of what others enqueue."""
    store = engine.queue_store()
    put(store, new("a"))
    before = store.changes(), store.changes()
    code = """
import sys
from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from tests.unit.engines.queues import new, put
with SqliteEngine(sys.argv[1]) as engine:
    put(engine.queue_store(), new("b"))
"""
    subprocess.run([sys.executable, "-c", code, str(engine.path)], check=True, cwd=".")

    assert before[0] == before[1] != store.changes()


def test_telling_the_same_rules_again_writes_nothing(engine: SqliteEngine) -> None:
    """Every process tells them when it starts."""
    store = engine.queue_store()
    rules = QueueRules(max_items=3)
    store.configure(QUEUE, rules)
    before = store.changes()

    for _ in range(3):
        store.configure(QUEUE, QueueRules(max_items=3))
    same = store.changes()
    store.configure(QUEUE, rules._replace(max_items=4))

    assert (same, store.changes() > before) == (before, True)
