"""One key by several ways in: the command says whether it is the same action."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns._http import RequestKey, front_door, request_fingerprint
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import KeyReused, ResultNotStorable
from syncpatterns.operation import Operation, Transaction
from tests.unit.operation.conftest import (
    ONCE,
    Booking,
    Caller,
    Confirm,
    MakeOperation,
    counts,
)
from tests.unit.operation.fenced_kit import Desk, Send

Op = Operation[Confirm, Booking]


def post(path: str, body: bytes, key: str = "k1") -> RequestKey:
    """Return the key of a request, as the adapters make it."""
    raw = request_fingerprint("POST", path, b"", b"application/json", body)
    return RequestKey(key, raw, door=front_door("POST", path))


BY_CALL = "k1"
BY_QUEUE = RequestKey("k1", b"", age=7.0)
AT_A = post("/a", b'{"booking":"b1"}')
AT_A_SPACED = post("/a", b'{"booking": "b1"}')
AT_B = post("/b", b'{"booking":  "b1"}')
NAMES = {BY_CALL: "call", BY_QUEUE: "queue", AT_A: "at-a", AT_B: "at-b"}


@pytest.mark.case("OPR-33", part="single")
@pytest.mark.parametrize("second", [BY_CALL, BY_QUEUE, AT_A, AT_B], ids=NAMES.get)
@pytest.mark.parametrize("first", [BY_CALL, BY_QUEUE, AT_A, AT_B], ids=NAMES.get)
async def test_the_same_command_is_done_once_by_any_two_ways(
    operation: Op, engine: SqliteEngine, call: Caller, first: Any, second: Any
) -> None:
    """Sixteen pairs; the second gets the first one's bytes."""
    done = await call(operation, key=first)
    again = await call(operation, key=second)

    assert (done.replayed, again.replayed) == (False, True)
    assert again.body == done.body
    assert counts(engine) == ONCE


@pytest.mark.case("OPR-33", part="single")
@pytest.mark.parametrize("second", [BY_CALL, BY_QUEUE, AT_B], ids=NAMES.get)
@pytest.mark.parametrize("first", [BY_CALL, BY_QUEUE, AT_A], ids=NAMES.get)
async def test_another_command_is_refused_by_any_way(
    operation: Op, engine: SqliteEngine, call: Caller, first: Any, second: Any
) -> None:
    """And the first answer is still there."""
    done = await call(operation, key=first)

    with pytest.raises(KeyReused):
        await call(operation, Confirm("b2"), key=second)

    assert (await call(operation, key=first)).body == done.body
    assert counts(engine) == ONCE


async def test_another_body_at_the_same_address_is_another_request(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """Although it is parsed to the same command: the bytes count."""
    await call(operation, key=AT_A)

    with pytest.raises(KeyReused):
        await call(operation, key=AT_A_SPACED)

    assert counts(engine) == ONCE


@pytest.mark.case("IDM-47", part="operation")
async def test_two_paths_of_one_route_are_two_commands(
    make: MakeOperation, engine: SqliteEngine, call: Caller
) -> None:
    """What the path names is in the command: an effect sees nothing else."""
    operation = make()
    await call(operation, Confirm("1"), key=post("/bookings/1/confirm", b"{}"))

    with pytest.raises(KeyReused):
        await call(operation, Confirm("2"), key=post("/bookings/2/confirm", b"{}"))

    assert counts(engine) == ONCE


@pytest.mark.case("OPR-33", part="fenced")
@pytest.mark.parametrize(
    ("first", "second"),
    [(BY_CALL, AT_A), (AT_A, BY_QUEUE), (AT_A, AT_B)],
    ids=NAMES.get,
)
async def test_a_fenced_operation_sends_once_by_any_two_ways(
    desk: Desk, call: Caller, first: Any, second: Any
) -> None:
    """On every engine, and another command is refused as well."""
    operation = desk.operation()

    done = await call(operation, Send(), key=first)
    again = await call(operation, Send(), key=second)
    with pytest.raises(KeyReused):
        await call(operation, Send(to="somebody else"), key=second)

    assert (done.replayed, again.replayed) == (False, True)
    assert again.value == done.value
    assert len(desk.provider.messages) == 1


async def test_a_command_without_a_json_form_has_one_door(
    engine: SqliteEngine, call: Caller
) -> None:
    """Its request's bytes say what was asked for, there and nowhere else."""

    def effect(tx: Transaction, command: object) -> str:
        return type(command).__name__

    operation = Operation("upload", engine, effect=effect)
    upload = object()
    done = await call(operation, upload, key=AT_A)
    again = await call(operation, upload, key=AT_A)

    with pytest.raises(KeyReused):
        await call(operation, upload, key=AT_B)
    with pytest.raises(ResultNotStorable):
        await call(operation, upload, key=BY_CALL)

    assert (done.value, again.replayed) == ("object", True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("POST", "/a"), ("post", "/a"), True),
        (("POST", "/a"), ("PUT", "/a"), False),
        (("POST", "/a"), ("POST", "/b"), False),
        (("POST", "/a"), ("POST", "/a/"), False),
        (("POST", "/%61"), ("POST", "/a"), False),
    ],
)
def test_a_door_is_method_and_path(
    one: tuple[str, str], other: tuple[str, str], *, same: bool
) -> None:
    """As they were sent: no server agrees with the next on what is equal."""
    assert (front_door(*one) == front_door(*other)) is same
    assert len(front_door(*one)) == 16
