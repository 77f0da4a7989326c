"""An `Operation` as a handler: one key, all the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from syncpatterns import (
    SINGLE_TENANT,
    NotSent,
    Operation,
    Refusal,
    Transaction,
    connect,
)
from syncpatterns._http import RequestKey
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import ConfigurationError, KeyMissing
from syncpatterns.offline_queue import Done, OfflineQueue, Queued
from syncpatterns.offline_queue._core import NewItem
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.operation import FencedContext
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.surface import Lead, Update, World, states


class Taken(Refusal):
    """Somebody else has it."""


@pytest.fixture
def database(tmp_path: Any, clock: FakeClock) -> Iterator[SqliteEngine]:
    """A database with leads."""
    with connect(f"sqlite:///{tmp_path}/app.db", clock=clock) as engine:
        engine.transact(
            lambda tx: tx.connection.execute("CREATE TABLE lead (id INT, status TEXT)")
        )
        yield engine


def update(tx: Transaction, command: Update) -> Lead:
    """Write a row, or refuse."""
    connection: sqlite3.Connection = tx.connection
    if command.status == "taken":
        raise Taken
    connection.execute("INSERT INTO lead VALUES (?, ?)", (command.lead, command.status))
    return Lead(command.lead, command.status)


def rows(engine: SqliteEngine) -> list[Any]:
    """Return the effects."""
    return engine.read(lambda c: c.execute("SELECT * FROM lead").fetchall())


@pytest.fixture
def operation(database: SqliteEngine) -> Operation[Update, Lead]:
    """One row for a key."""
    return Operation("leads.update", database, effect=update, refusals=(Taken,))


@pytest.fixture
def field(database: SqliteEngine, operation: Operation[Update, Lead]) -> OfflineQueue:
    """A queue that delivers to it."""
    queue = OfflineQueue("field", database)
    queue.handler(operation, lane=lambda p: f"lead:{p.lead}")
    return queue


def test_one_key_by_call_queue_and_again(
    database: SqliteEngine,
    field: OfflineQueue,
    operation: Operation[Update, Lead],
    world: World,
) -> None:
    """Called, queued, delivered, called again: one row, one answer."""
    command = Update(7, "won")
    receipt = world(operation, "enqueue", field, command, key="k", scope="acme")
    world.flush(field)
    answer = world(operation, "call", command, key="k", scope="acme")
    out = world(field, "call", operation, command, key="k", scope="acme")

    assert rows(database) == [(7, "won")]
    assert world(receipt, "wait", 0).value == Lead(7, "won")
    assert (answer.value, answer.replayed) == (Lead(7, "won"), True)
    assert out == Done(Lead(7, "won"), out.receipt)
    assert receipt.key_hash == operation.key_hash("k", scope="acme")
    assert receipt.lane == "lead:7"


def test_what_was_called_before_is_not_done_by_the_queue(
    database: SqliteEngine,
    field: OfflineQueue,
    operation: Operation[Update, Lead],
    world: World,
) -> None:
    """The answer got lost, and the action was queued: the queue finds it done."""
    command = Update(7, "won")
    operation.call(command, key="k", scope="acme")
    out = world(field, "call", operation, command, key="k", scope="acme")

    assert out.value == Lead(7, "won")
    assert rows(database) == [(7, "won")]


def test_the_key_of_a_request_keeps_what_it_came_with(
    field: OfflineQueue, database: SqliteEngine, clock: FakeClock, world: World
) -> None:
    """Fingerprint and age of the request go along; the age grows in the queue."""
    seen: list[Any] = []

    class Spy:
        """Looks like an operation, and keeps what it is called with."""

        name = "leads.spy"
        windows = type("W", (), {"dedupe": 86400.0})()
        command_codec = field._shared.handlers.of("leads.update").payloads.codec
        result_codec = command_codec

        def call(self, command: Any, *, key: Any, scope: str) -> Any:
            seen.append((key.key, key.fingerprint, key.age, key.door, scope))
            raise RuntimeError

        async def acall(self, command: Any, *, key: Any, scope: str) -> Any:
            return self.call(command, key=key, scope=scope)

    given: Any = Spy()
    field.handler(given)
    key = RequestKey("k", b"\x01\x02", age=5.0, door=b"\x03")
    field.enqueue("leads.spy", Update(7, "won"), key=key, scope="acme")
    field.enqueue(
        "leads.spy",
        Update(8, "won"),
        key="plain",
        scope="acme",
        headers={"t": "$request"},
    )
    clock.advance(100)
    world.flush(field)
    clock.advance(100)
    world.flush(field)
    by_key = {each[0]: [e[1:] for e in seen if e[0] == each[0]] for each in seen}

    assert by_key["k"][0] == (b"\x01\x02", 105.0, b"\x03", "acme")
    assert by_key["k"][-1] == (b"\x01\x02", 205.0, b"\x03", "acme")
    assert by_key["plain"][0] == (b"", 0.0, b"", "acme")


@pytest.mark.parametrize(
    "kept", ["7", "[7,8]", '["zz",1]', '["00","x"]', "{}"], ids=repr
)
def test_a_request_that_cannot_be_read_is_dead(
    field: OfflineQueue, database: SqliteEngine, kept: str
) -> None:
    """Whoever wrote it: nothing escapes to the worker."""
    new = NewItem(
        "leads.update",
        "k",
        "acme",
        b"",
        b'{"lead":7,"status":"won"}',
        headers=f'{{"$request":{kept}}}',
    )
    field._shared.ready().enqueue(EnqueueRequest("field", [new]))
    report = field.flush()

    assert report.dead == 1
    assert [item.reason for item in field.dead.list()] == ["payload-invalid"]


def test_a_declared_refusal_is_kept_dead(
    field: OfflineQueue,
    database: SqliteEngine,
    operation: Operation[Update, Lead],
    world: World,
) -> None:
    """The operation's own no: raised to the caller, and its payload kept."""
    with pytest.raises(Taken):
        world(field, "call", operation, Update(7, "taken"), scope="acme")
    queued = world(
        operation, "enqueue", field, Update(8, "taken"), key="k", scope="acme"
    )
    world.flush(field)

    assert [item.reason for item in field.dead.list()] == ["rejected"] * 2
    assert states(field, [queued.id]) == ["dead"]
    assert rows(database) == []


def test_a_provider_that_is_away_is_asked_later(
    database: SqliteEngine, clock: FakeClock, world: World
) -> None:
    """Mode fenced: not sent is given back; the same key sends it in the end."""
    line = ["down", "up"]
    sent: list[str] = []

    def send(command: Update, ctx: FencedContext) -> str:
        if line.pop(0) == "down":
            raise NotSent("no line")
        sent.append(ctx.downstream_key("sms"))
        return "sent"

    sms = Operation("sms.send", database, call=send, retry=None)
    queue = OfflineQueue("field", database)
    queue.handler(sms)
    out = world(queue, "call", sms, Update(7, "hi"), key="k", scope="acme")

    assert isinstance(out, Queued)
    assert out.reason == "provider-unavailable"
    clock.advance(60)
    world.flush(queue)
    assert world(out.receipt, "wait", 0).value == "sent"
    assert len(sent) == 1


def test_a_derived_key_is_derived_for_the_queue_too(database: SqliteEngine) -> None:
    """The same command has the same key by either way."""
    operation = Operation(
        "leads.update", database, effect=update, key=lambda command: command.lead
    )
    queue = OfflineQueue("field", database)
    queue.handler(operation)
    receipt = operation.enqueue(queue, Update(7, "won"), key=None, scope=SINGLE_TENANT)

    assert receipt.key == "7"


def test_a_key_is_required_where_none_is_derived(
    field: OfflineQueue, operation: Operation[Update, Lead]
) -> None:
    """As by `call`: an operation makes none up."""
    with pytest.raises(KeyMissing):
        operation.enqueue(field, Update(7, "won"), key=None, scope="acme")


def test_an_operation_that_is_no_handler_is_refused(
    database: SqliteEngine, operation: Operation[Update, Lead]
) -> None:
    """Nobody would deliver it."""
    queue = OfflineQueue("empty", database)
    with pytest.raises(ConfigurationError, match="no handler is registered"):
        operation.enqueue(queue, Update(7, "won"), key="k", scope="acme")
