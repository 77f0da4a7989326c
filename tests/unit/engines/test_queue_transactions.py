"""Items and acknowledgements that share the commit of business rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.engines.sqlite._queue._store import SqliteQueueStore
from syncpatterns.errors import ConfigurationError, KeyReused, QueueFull
from syncpatterns.offline_queue._core import Ack, Hold, QueueRules, Settled
from syncpatterns.offline_queue._ports import EnqueueRequest
from tests.unit.engines.conftest import insert, names
from tests.unit.engines.queues import QUEUE, acknowledge, claim, keys, new, put

OpenEngine = Callable[..., SqliteEngine]


@pytest.fixture
def store(engine: SqliteEngine) -> SqliteQueueStore:
    """Open the store of the engine with the business table."""
    return engine.queue_store()


def enqueue(store: SqliteQueueStore, key: str) -> Callable[[SqliteTransaction], Any]:
    """Return work that books and enqueues *key*."""

    def work(tx: SqliteTransaction) -> Any:
        insert(key)(tx)
        return store.enqueue(EnqueueRequest(QUEUE, [new(key)]), tx)

    return work


def listed(store: SqliteQueueStore) -> list[str]:
    """Return the keys of what is in the queue."""
    return keys(store.items(QUEUE))


@pytest.mark.case("QUE-53", part="SQLite: committed, rolled back")
def test_an_item_is_there_if_and_only_if_the_business_row_is(
    engine: SqliteEngine, store: SqliteQueueStore
) -> None:
    """Also as the very first thing that the queue ever hears of."""
    engine.transact(enqueue(store, "booked"))

    def fails(tx: SqliteTransaction) -> None:
        enqueue(store, "undone")(tx)
        raise LookupError

    with pytest.raises(LookupError):
        engine.transact(fails)

    assert (names(engine), listed(store)) == (["booked"], ["booked"])


def test_undo_takes_the_item_back(
    engine: SqliteEngine, store: SqliteQueueStore
) -> None:
    """With the rows; and nobody is told."""
    heard: list[str] = []
    put(store, new("before"))
    store.on_change(lambda: heard.append("x"))

    def work(tx: SqliteTransaction) -> None:
        enqueue(store, "undone")(tx)
        tx.after_commit(lambda: heard.append("promised"))
        tx.undo()

    engine.transact(work, undoable=True)

    assert (listed(store), heard) == (["before"], [])


def test_a_transaction_may_go_on_after_a_refused_item(
    engine: SqliteEngine, store: SqliteQueueStore
) -> None:
    """Nothing is left of the request that was refused, not even its first item."""
    store.configure(QUEUE, QueueRules(max_items=2))
    put(store, new("a"))

    def work(tx: SqliteTransaction) -> None:
        for items, error in (
            ([new("b"), new("c")], QueueFull),
            ([new("d"), new("a", payload=b"other")], KeyReused),
        ):
            with pytest.raises(error):
                store.enqueue(EnqueueRequest(QUEUE, items), tx)
        insert("row")(tx)

    engine.transact(work)

    assert (names(engine), listed(store), store.check(QUEUE)) == (["row"], ["a"], [])


def test_what_an_effect_changed_on_the_driver_is_in_nobody_s_way(
    engine: SqliteEngine, store: SqliteQueueStore
) -> None:
    """Its row factory is its own, before and after."""

    def work(tx: SqliteTransaction) -> object:
        tx.connection.row_factory = lambda _, row: {"it is": row}
        tx.connection.text_factory = bytes
        put(store, new("a"), new("b"), tx=tx)
        return tx.connection.execute("SELECT 'x'").fetchone()

    def put(store: SqliteQueueStore, *items: Any, tx: SqliteTransaction) -> None:
        store.enqueue(EnqueueRequest(QUEUE, items), tx)
        store.enqueue(EnqueueRequest(QUEUE, items), tx)

    row = engine.transact(work)

    assert (row, listed(store)) == ({"it is": (b"x",)}, ["a", "b"])


@pytest.mark.case("QUE-54", part="SQLite")
def test_an_acknowledgement_that_is_rolled_back_never_was(
    engine: SqliteEngine, store: SqliteQueueStore
) -> None:
    """The item is held as before, and the business row is absent."""
    put(store, new("a"))
    (item,) = claim(store)

    def work(tx: SqliteTransaction) -> None:
        insert("effect")(tx)
        store.settle(QUEUE, [Ack(item.hold)], tx)
        raise LookupError

    with pytest.raises(LookupError):
        engine.transact(work)

    assert names(engine) == []
    assert store.ended(QUEUE, item.seq) is None
    assert acknowledge(store, item)


@pytest.mark.case("QUE-54", part="SQLite")
def test_an_acknowledgement_shares_the_commit_of_the_effect(
    engine: SqliteEngine, store: SqliteQueueStore
) -> None:
    """So the effect happens once, with nobody else remembering the key."""
    put(store, new("a"))
    (item,) = claim(store)

    def work(tx: SqliteTransaction) -> list[Settled]:
        insert("effect")(tx)
        return store.settle(QUEUE, [Ack(item.hold), Ack(Hold(99, 1))], tx)

    settled = engine.transact(work)

    assert [each.accepted for each in settled] == [True, False]
    assert (names(engine), listed(store)) == (["effect"], [])


def test_another_engine_s_transaction_is_refused(
    engine: SqliteEngine, open_engine: OpenEngine, store: SqliteQueueStore
) -> None:
    """Also one of the same file, and what is no transaction at all."""
    other = open_engine(engine.path)

    def work(tx: Any) -> None:
        with pytest.raises(ConfigurationError, match="one and the same engine"):
            store.enqueue(EnqueueRequest(QUEUE, [new("a")]), tx)
        with pytest.raises(ConfigurationError, match="one and the same engine"):
            store.settle(QUEUE, [Ack(Hold(1, 1))], tx)

    other.transact(work)
    work(sqlite3.connect(":memory:"))
    work(object())

    assert listed(store) == []


def test_a_transaction_that_has_ended_is_refused(
    engine: SqliteEngine, store: SqliteQueueStore
) -> None:
    """Whoever kept it would write into somebody else's."""
    kept: list[SqliteTransaction] = []
    engine.transact(kept.append)

    with pytest.raises(ConfigurationError, match="has ended"):
        store.enqueue(EnqueueRequest(QUEUE, [new("a")]), kept[0])
    with pytest.raises(ConfigurationError, match="has ended"):
        kept[0].after_commit(lambda: None)

    assert listed(store) == []


def test_the_store_called_from_an_effect_without_its_transaction_is_refused(
    engine: SqliteEngine, store: SqliteQueueStore
) -> None:
    """It would wait for itself."""
    put(store, new("a"))

    with pytest.raises(ConfigurationError, match="called the engine"):
        engine.transact(lambda _: put(store, new("b")))

    assert listed(store) == ["a"]


def test_rules_can_be_told_in_the_transaction_that_first_uses_the_queue(
    engine: SqliteEngine, store: SqliteQueueStore
) -> None:
    """They come and go with it."""
    rules = QueueRules(max_items=7)

    def work(tx: SqliteTransaction) -> None:
        store.configure(QUEUE, rules, tx)
        raise LookupError

    with pytest.raises(LookupError):
        engine.transact(work)
    undone = store.queues()
    engine.transact(lambda tx: store.configure(QUEUE, rules, tx))

    assert (undone, store.queues()) == ([], [QUEUE])
    assert engine.read(engine._queue_office().rules_of(QUEUE)) == rules


def test_tx_enqueue_asks_the_queue(engine: SqliteEngine) -> None:
    """It is the same as the queue's own method, with the transaction first."""
    asked: list[object] = []

    class Queue:
        def enqueue_tx(self, tx: Any, op: Any, payload: Any, **options: Any) -> str:
            asked.append((type(tx), op, payload, options))
            return "receipt"

    receipt = engine.transact(lambda tx: tx.enqueue(Queue(), "op", 7, key="k"))

    assert receipt == "receipt"
    assert asked == [(SqliteTransaction, "op", 7, {"key": "k"})]


async def test_what_was_promised_comes_after_the_commit(engine: SqliteEngine) -> None:
    """Once, in order, with no lock held; what fails is logged."""
    heard: list[object] = []

    def work(tx: SqliteTransaction) -> None:
        insert("a")(tx)
        tx.after_commit(lambda: heard.append(names(engine)))
        tx.after_commit(lambda: heard.append(engine.transact(insert("b"))))

    engine.transact(work)
    await engine.atransact(lambda tx: tx.after_commit(lambda: heard.append("c")))
    engine.transact(lambda tx: None)

    assert heard == [["a"], "b", "c"]


def test_what_was_promised_may_fail(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """The commit stands, and so does the next promise."""
    heard: list[str] = []

    def fails() -> None:
        raise LookupError

    def work(tx: SqliteTransaction) -> None:
        insert("a")(tx)
        tx.after_commit(fails)
        tx.after_commit(lambda: heard.append("x"))

    engine.transact(work)

    assert (names(engine), heard) == (["a"], ["x"])
    assert "what was to follow a commit failed" in caplog.text
