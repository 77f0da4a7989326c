"""Actions that share the commit of the business rows."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from syncpatterns import SINGLE_TENANT, Operation, Transaction, connect
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import ConfigurationError, KeyReused, QueueFull
from syncpatterns.offline_queue import (
    Done,
    ItemContext,
    OfflineQueue,
    Receipt,
    merge,
)
from tests.unit.offline_queue.surface import Facts, Update, World

OP = "leads.update"


class Broken(Exception):
    """Ends a transaction."""


@pytest.fixture
def database(tmp_path: Any) -> Iterator[SqliteEngine]:
    """A database with business rows."""
    with connect(f"sqlite:///{tmp_path}/app.db") as engine:
        engine.transact(lambda tx: tx.connection.execute("CREATE TABLE row(n INT)"))
        yield engine


@pytest.fixture
def field(database: SqliteEngine, facts: Facts) -> OfflineQueue:
    """A queue in that database."""
    queue = OfflineQueue("field", database, hooks=[facts], max_items=3)

    @queue.handler(OP)
    def update(payload: Update) -> int:
        return payload.lead

    return queue


def rows(engine: SqliteEngine) -> int:
    """Count the business rows."""

    def count(connection: sqlite3.Connection) -> int:
        number: int = connection.execute("SELECT count(*) FROM row").fetchone()[0]
        return number

    return engine.read(count)


@pytest.mark.case("QUE-53", part="surface")
def test_both_or_neither(
    database: SqliteEngine, field: OfflineQueue, facts: Facts
) -> None:
    """Rolled back: no item and no fact. Committed: delivered, and then told."""
    receipts: list[Receipt[Any]] = []
    told_inside: list[list[str]] = []

    def work(tx: Transaction, *, fails: bool) -> None:
        tx.connection.execute("INSERT INTO row VALUES (1)")
        receipts.append(tx.enqueue(field, OP, Update(7, "won")))
        told_inside.append(facts.names)
        if fails:
            raise Broken

    with pytest.raises(Broken):
        database.transact(lambda tx: work(tx, fails=True))
    assert (rows(database), field.stats().live, facts.names) == (0, 0, [])

    database.transact(lambda tx: work(tx, fails=False))
    assert told_inside == [[], []]
    assert facts.names == ["ItemEnqueued"]
    assert (rows(database), field.stats().live) == (1, 1)
    field.flush()
    assert receipts[1].wait(0).value == 7


@pytest.mark.case("QUE-53", part="woken")
def test_a_commit_wakes_whoever_waits(
    database: SqliteEngine, field: OfflineQueue
) -> None:
    """A worker that waits for work hears of it by the commit."""
    stop, done = threading.Event(), threading.Event()
    field.handler("tell")(_tell(done))
    worker = threading.Thread(target=lambda: field.work(stop=stop))
    worker.start()
    database.transact(lambda tx: tx.enqueue(field, "tell", 1))
    heard = done.wait(120)
    stop.set()
    worker.join(120)

    assert heard


def _tell(done: threading.Event) -> Any:
    def tell(payload: int) -> None:
        done.set()

    return tell


def test_the_first_use_of_a_queue_may_be_in_a_transaction(
    database: SqliteEngine, field: OfflineQueue
) -> None:
    """Its rules hold there too: the fourth of three finds no room."""

    def work(tx: Transaction) -> list[str]:
        outcome: list[str] = []
        for number in range(4):
            try:
                field.enqueue_tx(tx, OP, Update(number, "won"))
                outcome.append("stored")
            except QueueFull as full:
                outcome.append(full.problem)
        tx.connection.execute("INSERT INTO row VALUES (1)")
        return outcome

    assert database.transact(work) == ["stored"] * 3 + ["queue-full"]
    assert (rows(database), field.stats().live) == (1, 3)


def test_a_key_in_a_transaction_is_the_same_key(
    database: SqliteEngine, field: OfflineQueue
) -> None:
    """A duplicate is one; another payload is refused, and the effect goes on."""
    first = field.enqueue(OP, Update(7, "won"), key="k")

    def work(tx: Transaction) -> int:
        with pytest.raises(KeyReused):
            field.enqueue_tx(tx, OP, Update(8, "won"), key="k")
        return field.enqueue_tx(tx, OP, Update(7, "won"), key="k").id

    assert database.transact(work) == first.id


def test_a_merge_in_a_transaction_is_refused(
    database: SqliteEngine, field: OfflineQueue
) -> None:
    """The user's function is asked about what others have committed."""
    field.handler("leads.patch", lane=str, coalesce=merge(lambda a, b: a + b))(_patch)

    def work(tx: Transaction) -> None:
        field.enqueue_tx(tx, "leads.patch", 1)

    with pytest.raises(ConfigurationError, match="not inside a transaction"):
        database.transact(work)


def _patch(payload: int) -> None:
    del payload


def test_another_engines_transaction_is_refused(
    database: SqliteEngine, field: OfflineQueue, tmp_path: Any
) -> None:
    """Two files have no commit in common."""
    with (
        connect(f"sqlite:///{tmp_path}/other.db") as other,
        pytest.raises(ConfigurationError),
    ):
        other.transact(lambda tx: field.enqueue_tx(tx, OP, Update(7, "won")))

    assert field.stats().live == 0


@pytest.mark.case("QUE-54", part="surface")
@pytest.mark.parametrize("fails", [False, True])
def test_done_in_the_handlers_own_transaction(
    database: SqliteEngine, facts: Facts, fails: bool, world: World
) -> None:
    """The item ends with the rows, exactly once; rolled back, it comes again."""
    queue = OfflineQueue("books", database, hooks=[facts])
    crash = [fails]

    @queue.handler("books.post", lane=lambda p: "book")
    def post(payload: int, ctx: ItemContext) -> int:
        def work(tx: Transaction) -> None:
            tx.connection.execute("INSERT INTO row VALUES (?)", (payload,))
            ctx.done_in(tx, payload + 1)
            if crash.pop():
                crash.append(False)
                raise TimeoutError("the commit never came")

        database.transact(work)
        crash.append(False)
        return payload + 1

    first = queue.enqueue(post, 1)
    second = queue.enqueue(post, 2)
    world.flush(queue)
    if fails:
        assert (rows(database), first.state(), second.state()) == (
            0,
            "ready",
            "waiting",
        )
        queue.resume()
        queue.flush()
        report = queue.flush()
        assert report.left == 0

    assert rows(database) == 2
    assert [first.wait(0).value, second.wait(0).value] == [2, 3]
    assert facts.names.count("ItemDelivered") == 2
    assert "ItemLeaseLost" not in facts.names


def test_what_a_handler_raises_after_its_commit_undoes_nothing(
    database: SqliteEngine, facts: Facts, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It is DONE: it was told as tried again later, and nothing came again."""
    queue = OfflineQueue("books", database, hooks=[facts])

    @queue.handler("books.post")
    def post(payload: int, ctx: ItemContext) -> int:
        def work(tx: Transaction) -> None:
            tx.connection.execute("INSERT INTO row VALUES (?)", (payload,))
            ctx.done_in(tx, payload + 1)

        database.transact(work)
        raise ValueError("0151 2345678")

    first = queue.enqueue(post, 1)
    report = world.flush(queue)
    called = world(queue, "call", post, 2)

    assert (report.sent, report.failed, report.left) == (1, 0, 0)
    assert isinstance(called, Done)
    assert called.value == 3
    assert [first.wait(0).value, called.receipt.wait(0).value] == [2, 3]
    assert facts.names.count("ItemDelivered") == 2
    assert "ItemRetried" not in facts.names
    assert "raised ValueError after the commit" in caplog.text
    assert "0151" not in caplog.text
    assert rows(database) == 2


def test_a_row_of_a_worker_that_was_replaced_is_not_written(
    database: SqliteEngine,
) -> None:
    """Its hold is stale: the transaction fails, and its rows with it."""
    queue = OfflineQueue("books", database)
    late: list[ItemContext] = []

    @queue.handler("books.post")
    def post(payload: int, ctx: ItemContext) -> None:
        late.append(ctx)

    queue.enqueue(post, 1)
    queue.flush()

    def work(tx: Transaction) -> None:
        tx.connection.execute("INSERT INTO row VALUES (1)")
        late[0].done_in(tx)

    with pytest.raises(Exception, match="another worker has the item"):
        database.transact(work)

    assert rows(database) == 0


@pytest.mark.case("QUE-53", part="operation")
def test_an_operations_effect_enqueues_what_follows(
    database: SqliteEngine, field: OfflineQueue, world: World
) -> None:
    """Booked, and the message is queued: one commit, once for the key."""

    def book(tx: Transaction, command: Update) -> int:
        tx.connection.execute("INSERT INTO row VALUES (?)", (command.lead,))
        tx.enqueue(field, OP, command, scope="acme")
        return command.lead

    operation = Operation("leads.book", database, effect=book)
    for _ in range(2):
        world(operation, "call", Update(7, "won"), key="k", scope=SINGLE_TENANT)

    assert (rows(database), field.stats().live) == (1, 1)
