"""A domain's no is an answer: rows go, the refusal stays and is replayed."""

from __future__ import annotations

import asyncio
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import (
    ConfigurationError,
    OutcomeGone,
    Refusal,
    ResultNotStorable,
)
from syncpatterns.operation import Operation, Transaction
from syncpatterns.testing import FakeClock
from tests.unit.operation.conftest import (
    NOTHING,
    REFUSED,
    Booking,
    Caller,
    Confirm,
    MakeOperation,
    SlotTaken,
    counts,
)

Op = Operation[Confirm, Booking]


@pytest.mark.case("OPR-04")
@pytest.mark.case("IDM-58", part="single, declared")
async def test_a_declared_refusal_is_the_stored_answer(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """Rows and event are gone; the same refusal comes back, of the same type."""
    raised: list[SlotTaken] = []
    for _ in range(2):
        with pytest.raises(SlotTaken, match="The slot is taken") as caught:
            await call(operation, Confirm("taken"))
        raised.append(caught.value)

    first, second = raised
    assert (first.replayed, second.replayed) == (False, True)
    assert first.args == second.args == ("The slot is taken.",)
    assert first.facts == second.facts == {"free": ["10:00", "11:00"]}
    assert counts(engine) == REFUSED


@pytest.mark.case("OPR-04")
async def test_a_refusal_after_publishing_announces_nothing(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """Neither an event nor a hint that there might be one."""
    heard: list[str] = []
    engine.on_commit(lambda: heard.append("x"))

    with pytest.raises(SlotTaken):
        await call(operation, Confirm("taken"))

    await engine.aclose()
    assert heard == []


async def test_a_refusal_is_over_with_its_window(
    operation: Op, engine: SqliteEngine, call: Caller, clock: FakeClock
) -> None:
    """Like any other answer."""
    with pytest.raises(SlotTaken):
        await call(operation, Confirm("taken"))
    clock.advance(86_400)

    with pytest.raises(SlotTaken) as caught:
        await call(operation, Confirm("taken"))

    assert caught.value.replayed is False


async def test_a_refusal_among_others_undoes_only_its_own(
    make: MakeOperation, engine: SqliteEngine, call: Caller
) -> None:
    """In a shared commit each job has its own savepoint."""
    operation = make()

    async def one(n: int) -> str:
        name = "taken" if n % 3 == 0 else f"b{n}"
        try:
            answer = await operation.acall(Confirm(name), key=f"k{n}", scope="acme")
        except SlotTaken:
            return "taken"
        return str(answer.value.booking)

    async def main() -> list[str]:
        return await asyncio.gather(*(one(n) for n in range(12)))

    found = await _on_asyncio(main)

    assert found == ["taken" if n % 3 == 0 else f"b{n}" for n in range(12)]
    assert counts(engine).bookings == 8
    assert counts(engine).records == 12


async def _on_asyncio(main: Callable[[], Any]) -> Any:
    from anyio.to_thread import run_sync

    return await run_sync(lambda: asyncio.run(main()))


class Plain(ValueError):
    """An exception of the application's own."""


class Missing(OSError):
    """Takes no file name, and knows which it is."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.filename = "report.csv"


class Unnamed(OSError):
    """Takes no file name."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)


class Two(Refusal):
    """Hands on other arguments than it takes, and so cannot be built again."""

    def __init__(self, slot: int, at: str) -> None:
        super().__init__(f"slot {slot} is taken at {at}", slot=slot)


class Worded(Refusal):
    """Takes a number and hands on a sentence, which would be worded again."""

    def __init__(self, slot: object) -> None:
        super().__init__(f"slot {slot} is taken")


class Same(Refusal):
    """Takes what it hands on, and so can be built again."""

    def __init__(self, detail: str, slot: int) -> None:
        super().__init__(detail, slot=slot)


class Sub(SlotTaken):
    """A subclass that is not declared itself."""


def raising(error: Exception) -> Callable[[Transaction, Confirm], None]:
    """Return an effect that writes a row and raises *error*."""

    def effect(tx: Transaction, command: Confirm) -> None:
        tx.connection.execute("INSERT INTO booking VALUES ('gone')")
        raise error

    return effect


@pytest.mark.parametrize(
    "error",
    [
        Plain("text", 1, 2.5, None, [1, {"a": True}]),
        Plain(),
        SlotTaken(),
        Same("The slot is taken.", slot=3),
        FileNotFoundError(2, "No such file", "orders.csv"),
        FileExistsError(17, "File exists", "a", None, "b"),
        Missing(2, "No such file"),
    ],
)
async def test_any_exception_class_may_be_declared(
    engine: SqliteEngine, call: Caller, error: Exception
) -> None:
    """It comes back with its type and arguments, first time and later alike."""
    declared = (type(error),)
    operation = Operation("op", engine, effect=raising(error), refusals=declared)
    found: list[Exception] = []
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            await call(operation)
        found.append(caught.value)

    assert [each.args for each in found] == [error.args] * 2
    assert [str(each) for each in found] == [str(error)] * 2
    assert [each.replayed for each in found] == [False, True]  # type: ignore[attr-defined]  # set on any class


async def test_a_file_that_a_constructor_cannot_take_loses_no_answer(
    engine: SqliteEngine, call: Caller
) -> None:
    """Told its file after it was made, it is replayed with the arguments it takes."""
    error = Unnamed(2, "No such file")
    error.filename = "report.csv"
    operation = Operation("op", engine, effect=raising(error), refusals=(Unnamed,))
    found: list[object] = []
    for _ in range(2):
        with pytest.raises(Unnamed) as caught:
            await call(operation)
        found.append((caught.value.args, caught.value.filename))

    assert found[1] == ((2, "No such file"), None)


@pytest.mark.parametrize("name", [b"/nope", pathlib.PurePath("/nope")])
async def test_a_file_is_named_as_text(
    engine: SqliteEngine, call: Caller, name: Any
) -> None:
    """``os.stat(b"/nope")`` raises its name as it was given: as bytes."""
    error = FileNotFoundError(2, "No such file", name)
    operation = Operation(
        "op", engine, effect=raising(error), refusals=(FileNotFoundError,)
    )
    found: list[object] = []
    for _ in range(2):
        with pytest.raises(FileNotFoundError) as caught:
            await call(operation)
        found.append(caught.value.filename)

    assert found[-1] == "/nope"
    assert counts(engine).records == 1


@pytest.mark.parametrize(
    "error",
    [
        Plain(object()),
        Plain((1, 2)),
        Plain({1: "a"}),
        Plain(float("nan")),
        Plain(b"bytes"),
        Plain(functools.reduce(lambda inner, _: [inner], range(10_000), 0)),  # type: ignore[arg-type,return-value]  # lists in lists
        SlotTaken("x", slots={1, 2}),
        Two(3, "10:00"),
        Worded(3),
        Sub("x"),
    ],
)
async def test_a_refusal_that_would_not_come_back_is_not_stored(
    engine: SqliteEngine, call: Caller, error: Exception
) -> None:
    """Found out at once, while everything can still be rolled back."""
    declared = (Plain, SlotTaken, Two, Worded)
    operation = Operation("op", engine, effect=raising(error), refusals=declared)

    with pytest.raises(ResultNotStorable, match=type(error).__name__) as caught:
        await call(operation)

    assert "nothing was kept" in str(caught.value)
    assert counts(engine) == NOTHING


async def test_a_refusal_that_is_declared_no_more_was_given_before(
    make: MakeOperation, call: Caller
) -> None:
    """Its stored answer cannot be given; running again would be wrong.

    The caller learns that it was done; which class is missing is for the log.
    """
    with pytest.raises(SlotTaken):
        await call(make(), Confirm("taken"))

    with pytest.raises(OutcomeGone, match="cannot be read by this release"):
        await call(make(refusals=()), Confirm("taken"))


@pytest.mark.case("IDM-75", part="single")
async def test_a_bulk_change_with_one_bad_item_is_refused_as_a_whole(
    engine: SqliteEngine, call: Caller
) -> None:
    """All of it is rolled back, and a retry is told the same."""
    ran: list[int] = []

    class BatchFailed(Refusal):
        problem = "batch-failed"

    def change(tx: Transaction, command: list[str]) -> int:
        ran.append(1)
        for n, name in enumerate(command):
            if name == "bad":
                raise BatchFailed("One item cannot be changed.", item=n)
            tx.connection.execute("INSERT INTO booking VALUES (?)", (name,))
        return len(command)

    bulk = Operation("leads.move", engine, effect=change, refusals=(BatchFailed,))
    for _ in range(2):
        with pytest.raises(BatchFailed) as caught:
            await call(bulk, ["a", "b", "bad", "c"])

    assert caught.value.facts == {"item": 2}
    assert caught.value.status == 409
    assert (ran, counts(engine)) == ([1], REFUSED)


async def test_a_refusal_out_of_a_nested_part_leaves_nothing(
    engine: SqliteEngine, call: Caller
) -> None:
    """Raised inside begin_nested() or a savepoint left open."""

    def nested(tx: SqliteTransaction, command: Confirm) -> None:
        tx.connection.execute("SAVEPOINT mine")
        with tx.sqlalchemy().begin_nested():
            tx.connection.execute("INSERT INTO booking VALUES ('gone')")
            raise SlotTaken("no")

    operation: Operation[Confirm, None] = Operation(
        "op",
        engine,
        effect=nested,  # type: ignore[arg-type]  # names its engine's transaction
        refusals=(SlotTaken,),
    )
    for _ in range(2):
        with pytest.raises(SlotTaken):
            await call(operation)

    engine.transact(lambda tx: tx.sqlalchemy().exec_driver_sql("SELECT 1").all())
    assert counts(engine) == REFUSED


async def test_a_refusal_out_of_a_lost_transaction_is_no_answer(
    engine: SqliteEngine, call: Caller
) -> None:
    """OR ROLLBACK has undone the claim as well; storing would be a new one."""

    def effect(tx: Transaction, command: Confirm) -> None:
        tx.connection.execute("CREATE TABLE IF NOT EXISTS only (a UNIQUE)")
        tx.connection.execute("INSERT INTO only VALUES (1)")
        try:
            tx.connection.execute("INSERT OR ROLLBACK INTO only VALUES (1)")
        except Exception:  # noqa: BLE001 - whatever the driver raises
            raise SlotTaken("no") from None

    operation = Operation("op", engine, effect=effect, refusals=(SlotTaken,))

    with pytest.raises(ConfigurationError, match="use ABORT"):
        await call(operation)

    assert counts(engine) == NOTHING
