"""Mode single: one key, one effect, one answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from syncpatterns import SINGLE_TENANT
from syncpatterns._http import RequestKey
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import (
    ConfigurationError,
    KeyExpired,
    KeyReused,
    OutcomeGone,
    ResultNotStorable,
)
from syncpatterns.events import Executed, Fact, Mismatched, Refused, Replayed, Swept
from syncpatterns.idempotency import Windows
from syncpatterns.operation import Operation, Result, Transaction
from syncpatterns.testing import FakeClock
from tests.unit.operation.conftest import (
    NOTHING,
    ONCE,
    Booking,
    Bug,
    Caller,
    Confirm,
    Counts,
    MakeOperation,
    counts,
)

Op = Operation[Confirm, Booking]


@pytest.mark.case("OPR-01")
async def test_a_second_call_gets_the_first_answer(
    operation: Op, engine: SqliteEngine, call: Caller, clock: FakeClock
) -> None:
    """Byte for byte, without running anything."""
    first = await call(operation)
    clock.advance(10)
    second = await call(operation)

    assert first.value == Booking("b1", 1)
    assert (first.replayed, first.expires_in) == (False, 60.0)
    assert second == dataclasses.replace(first, replayed=True, expires_in=50.0)
    assert counts(engine) == ONCE


@pytest.mark.case("OPR-02")
@pytest.mark.case("IDM-02", part="single")
async def test_the_key_with_another_command_is_refused(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """And the first answer stays what it was."""
    first = await call(operation)

    with pytest.raises(KeyReused, match="used before for another request") as caught:
        await call(operation, Confirm("b2"))

    again = await call(operation)
    assert caught.value.status == 422
    assert (again.replayed, again.body) == (True, first.body)
    assert counts(engine) == ONCE


@pytest.mark.case("OPR-05")
@pytest.mark.case("IDM-58", part="single, undeclared")
async def test_an_undeclared_error_keeps_nothing(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """Rows, event and claim are gone, and the next call runs it."""
    for _ in range(2):
        with pytest.raises(Bug):
            await call(operation, Confirm("bug"))

    assert counts(engine) == NOTHING


@pytest.mark.case("OPR-37")
@pytest.mark.case("IDM-45", part="single")
async def test_two_tenants_may_use_one_key(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """Two effects, each with its own answer."""
    acme = await call(operation, scope="acme")
    globex = await call(operation, Confirm("b2"), scope="globex")
    alone = await call(operation, Confirm("b3"), scope=SINGLE_TENANT)

    assert [acme.value.booking, globex.value.booking, alone.value.booking] == [
        "b1",
        "b2",
        "b3",
    ]
    assert counts(engine) == Counts(3, 3, 3, 3)


@pytest.mark.case("IDM-48", part="single")
async def test_two_operations_may_use_one_key(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """The operation's name is part of what is stored; so is the namespace."""
    cancel: Operation[Any, str] = Operation(
        "bookings.cancel", engine, effect=lambda tx, command: "gone"
    )
    apart: Operation[Any, str] = Operation(
        "bookings.cancel", engine, effect=lambda tx, command: "apart", namespace="b"
    )

    answers = [await call(op) for op in (operation, cancel, apart)]

    assert [answer.replayed for answer in answers] == [False] * 3
    assert counts(engine).records == 3


@pytest.mark.case("IDM-49", part="single")
async def test_the_windows_are_half_open(
    operation: Op, engine: SqliteEngine, call: Caller, clock: FakeClock
) -> None:
    """Replayed before 60 s, gone from then on, forgotten after a day."""
    first = await call(operation)
    clock.advance(59.9)
    replayed = await call(operation)
    clock.advance(0.1)

    with pytest.raises(OutcomeGone, match="done before") as gone:
        await call(operation)

    clock.advance(86_400 - 60 - 0.1)
    with pytest.raises(OutcomeGone):
        await call(operation)
    clock.advance(0.1)
    anew = await call(operation)
    assert (first.replayed, replayed.replayed, anew.replayed) == (False, True, False)
    assert gone.value.status == 409
    assert counts(engine).bookings == 2


@pytest.mark.case("IDM-49", part="single, derived")
async def test_a_derived_key_ends_with_its_replay_window(
    make: MakeOperation, engine: SqliteEngine, call: Caller, clock: FakeClock
) -> None:
    """Nobody chose it, so the same command is a new action then."""
    operation = make(key=lambda command: command.booking)
    await call(operation, key=None)
    clock.advance(59.9)
    replayed = await call(operation, key=None)
    clock.advance(0.1)
    anew = await call(operation, key=None)

    assert (replayed.replayed, anew.replayed) == (True, False)
    assert counts(engine).bookings == 2


async def test_an_operation_s_own_windows(
    make: MakeOperation, call: Caller, clock: FakeClock
) -> None:
    """Each operation says how long its answers and keys are kept."""
    operation = make(windows=Windows(replay=5, dedupe=10))
    first = await call(operation)
    clock.advance(5)
    with pytest.raises(OutcomeGone):
        await call(operation)
    clock.advance(5)

    assert first.expires_in == 5
    assert not (await call(operation)).replayed


@pytest.mark.case("IDM-51", part="single")
async def test_a_request_older_than_the_memory_is_not_run(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """It may have been done, and forgotten since."""
    late = RequestKey("k1", b"f", age=100_000)

    with pytest.raises(KeyExpired, match="was not run"):
        await call(operation, key=late)

    assert counts(engine) == NOTHING


@pytest.mark.case("IDM-51", part="single")
async def test_an_old_request_that_was_done_is_replayed(
    operation: Op, call: Caller
) -> None:
    """A record that is there settles it, whatever the age."""
    key = RequestKey("k1", b"f")
    first = await call(operation, key=key)

    late = await call(operation, key=RequestKey("k1", b"f", age=100_000))

    assert (late.replayed, late.body) == (True, first.body)


async def test_an_http_request_is_known_by_its_bytes(
    operation: Op, call: Caller
) -> None:
    """Not by the command that was parsed from them."""
    await call(operation, Confirm("b1"), key=RequestKey("k1", b"one body"))

    same = await call(operation, Confirm("other"), key=RequestKey("k1", b"one body"))
    with pytest.raises(KeyReused):
        await call(operation, Confirm("b1"), key=RequestKey("k1", b"another body"))

    assert same.value == Booking("b1", 1)


@pytest.mark.case("IDM-56", part="single")
async def test_none_is_an_answer(engine: SqliteEngine, call: Caller) -> None:
    """It is not mistaken for having no answer yet."""
    ran: list[str] = []

    def effect(tx: Transaction, command: str) -> None:
        ran.append(command)

    operation = Operation("op", engine, effect=effect)
    first, second = await call(operation, "x"), await call(operation, "x")

    assert (first.value, second.value, second.replayed) == (None, None, True)
    assert ran == ["x"]


@pytest.mark.case("IDM-53", part="single")
async def test_a_command_changed_by_the_effect_is_the_same_command(
    engine: SqliteEngine, call: Caller
) -> None:
    """It is looked at before the effect gets it."""

    def effect(tx: Transaction, command: dict[str, int]) -> int:
        command["n"] += 1
        return command["n"]

    operation = Operation("op", engine, effect=effect)
    first = await call(operation, {"n": 1})
    second = await call(operation, {"n": 1})

    assert (first.value, second.value, second.replayed) == (2, 2, True)


class Model(BaseModel):
    """A result with types that JSON does not have."""

    day: date
    price: Decimal
    at: datetime
    part: Booking | None = None


MODEL = Model(
    day=date(2026, 1, 2),
    price=Decimal("1.20"),
    at=datetime(2026, 1, 2, tzinfo=UTC),
    part=Booking("b1", 1),
)


def model(tx: Transaction, command: str) -> Model:
    """Return a model."""
    return MODEL


def models(tx: Transaction, command: str) -> list[Model] | Result[list[Model]]:
    """Return models, with a status."""
    return Result([MODEL], status=201)


def wrapped(tx: Transaction, command: str) -> Result[Model]:
    """Return a model with status and headers."""
    return Result(MODEL, 202, {"Location": "/b1", "ETag": '"1"'})


@pytest.mark.parametrize(
    ("effect", "value", "status", "headers"),
    [
        (model, MODEL, 200, ()),
        (models, [MODEL], 201, ()),
        (wrapped, MODEL, 202, (("Location", "/b1"), ("ETag", '"1"'))),
        (lambda tx, command: {"a": [1, 2.5, None, "é\ud800"]}, ..., 200, ()),
    ],
)
async def test_a_replayed_value_is_of_the_type_it_was(
    engine: SqliteEngine,
    call: Caller,
    effect: Callable[[Transaction, str], Any],
    value: object,
    status: int,
    headers: tuple[tuple[str, str], ...],
) -> None:
    """By the effect's annotation, with its status and headers."""
    operation: Operation[str, Any] = Operation("op", engine, effect=effect)
    first = await call(operation, "x")

    second = await call(operation, "x")

    assert value in (..., second.value)
    assert (second.value, second.replayed) == (first.value, True)
    assert (second.status, second.headers, second.body) == (
        first.status,
        first.headers,
        first.body,
    )
    assert (first.status, first.headers) == (status, headers)


async def test_the_status_of_an_operation(engine: SqliteEngine, call: Caller) -> None:
    """For results that name none."""
    operation: Operation[str, str] = Operation(
        "op", engine, effect=lambda tx, command: command, status=201
    )

    assert (await call(operation, "x")).status == 201


@pytest.mark.case("IDM-57", part="single")
@pytest.mark.parametrize(
    "result", [object(), float("nan"), b"\xff", lambda: 1, [{"a": object()}]]
)
async def test_a_result_that_cannot_be_stored_undoes_everything(
    engine: SqliteEngine, call: Caller, result: object
) -> None:
    """Nothing has left the database, so nothing needs to be kept.

    A guarded call, whose effect is outside, keeps a tombstone instead.
    """

    def effect(tx: Transaction, command: Confirm) -> Any:
        tx.connection.execute("INSERT INTO booking VALUES ('x')")
        return result

    operation = Operation("op", engine, effect=effect)
    for _ in range(2):
        with pytest.raises(ResultNotStorable):
            await call(operation)

    assert counts(engine) == NOTHING


async def test_a_result_that_does_not_fit_its_annotation_undoes_everything(
    engine: SqliteEngine, call: Caller
) -> None:
    """It would not come back as what the annotation promises."""

    def effect(tx: Transaction, command: Confirm) -> Booking:
        tx.connection.execute("INSERT INTO booking VALUES ('x')")
        return {"booking": "b1"}  # type: ignore[return-value]  # the mistake under test

    operation = Operation("op", engine, effect=effect)

    with pytest.raises(ResultNotStorable, match="does not fit"):
        await call(operation)

    assert counts(engine) == NOTHING


async def test_a_coroutine_is_no_result(engine: SqliteEngine, call: Caller) -> None:
    """Hidden in a lambda, an async effect would look as if it had been done."""

    async def effect(tx: Transaction, command: Confirm) -> str:
        return "never"

    hidden: list[Callable[[Transaction, Any], Any]] = [
        lambda *args: effect(*args),  # noqa: PLW0108 - what hides it
        lambda *args: Result(effect(*args)),
    ]

    for hiding in hidden:
        operation = Operation("op", engine, effect=hiding)
        with pytest.raises(ConfigurationError, match="cannot await"):
            await call(operation)
    assert counts(engine) == NOTHING


async def test_an_iterator_is_no_result(engine: SqliteEngine, call: Caller) -> None:
    """Storing it would use it up: the first caller would get it empty."""
    operation: Operation[Any, Any] = Operation(
        "op", engine, effect=lambda tx, command: map(str, [1, 2])
    )

    with pytest.raises(ConfigurationError, match="Return a list"):
        await call(operation)

    assert counts(engine) == NOTHING


async def test_a_stored_answer_of_an_older_release_is_not_shown(
    make: MakeOperation, engine: SqliteEngine, call: Caller
) -> None:
    """Its type has changed: it was done, and the answer's data stays private."""

    def secret(tx: Transaction, command: Confirm) -> dict[str, str]:
        return {"phone": "+49 171 5550199"}

    await call(make(effect=secret))

    with pytest.raises(OutcomeGone, match="cannot be read by this release") as caught:
        await call(make())

    error = caught.value
    assert "5550199" not in f"{error}{error.__cause__}"
    assert error.__suppress_context__


async def test_hooks_hear_what_happened_to_each_key(
    make: MakeOperation, call: Caller
) -> None:
    """After it has happened, with the hash of the key and never the key."""
    told: list[Fact | Swept] = []
    operation = make(hooks=[told.append])
    await call(operation)
    await call(operation)
    with pytest.raises(KeyReused):
        await call(operation, Confirm("b2"))
    with pytest.raises(Exception, match="taken"):
        await call(operation, Confirm("taken"), key="k2")

    first = operation.key_hash("k1", scope="acme")
    second = operation.key_hash("k2", scope="acme")
    where = ("bookings.confirm", first, "sqlite")
    assert told == [
        Executed(*where),
        Replayed(*where),
        Mismatched(*where),
        Refused("bookings.confirm", second, "sqlite"),
    ]


async def test_errors_name_the_hash_and_never_the_key(
    operation: Op, call: Caller
) -> None:
    """A key in a log could be replayed; a tenant's name is nobody's business."""
    key, tenant = "secret-key-123", "secret-tenant"
    await call(operation, key=key, scope=tenant)

    with pytest.raises(KeyReused) as caught:
        await call(operation, Confirm("secret-booking"), key=key, scope=tenant)

    text = str(caught.value)
    assert "secret" not in text
    assert operation.key_hash(key, scope=tenant) in text
    assert "bookings.confirm" in text
    assert "sqlite" in text
