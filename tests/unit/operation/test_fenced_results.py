"""A receipt with a status and headers of its own is one in every way it comes."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.errors import OutcomeUnknown
from syncpatterns.idempotency import Committed
from syncpatterns.operation import FencedContext, Operation, Result, Transaction
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import Desk, Fault, Receipt, Send, Sent, lost

LOCATION = {"Location": "/messages/1"}


def declared(desk: Desk, **options: Any) -> Operation[Any, Any]:
    """Declare an operation whose provider answers 201 with a Location."""
    provider = desk.provider

    def send(command: Send, ctx: FencedContext) -> Result[Receipt]:
        return Result(provider.send(command, ctx), 201, LOCATION)

    def find(command: Send, ctx: FencedContext) -> Result[Receipt] | None:
        found = provider.find(command, ctx)
        return None if found is None else Result(found, 201, LOCATION)

    async def asend(command: Send, ctx: FencedContext) -> Result[Receipt]:
        return send(command, ctx)

    async def afind(command: Send, ctx: FencedContext) -> Result[Receipt] | None:
        return find(command, ctx)

    plain = desk.form == "plain"
    chosen: dict[str, Any] = {
        "call": send if plain else asend,
        "lookup": find if plain else afind,
        "commit": None,
        **options,
    }
    return desk.operation(**chosen)


def head(answer: Any) -> Any:
    """Return what a caller sees of *answer*."""
    return answer.value, answer.status, dict(answer.headers), answer.replayed


async def test_a_receipt_that_was_looked_up_has_its_status(
    desk: Desk, call: Caller
) -> None:
    """Found after silence, it is the answer that the call would have been."""
    operation = declared(desk)
    desk.provider.faults = [lost()]

    first = await call(operation, Send())
    again = await call(operation, Send())

    assert head(first) == (Receipt(1), 201, LOCATION, False)
    assert head(again) == (Receipt(1), 201, LOCATION, True)
    assert desk.provider.messages == ["lead-1"]


@pytest.mark.parametrize("how", ["resolve", "recheck"])
async def test_a_kept_receipt_has_its_status(
    desk: Desk, call: Caller, how: str
) -> None:
    """Kept while its rows cannot be written, it comes to commit= as it was."""
    broken = [True]

    def commit(
        tx: Transaction, command: Send, receipt: Result[Receipt]
    ) -> Result[Sent]:
        if broken:
            raise LookupError
        sent = Sent(command.to, receipt.value.number)
        return Result(sent, receipt.status, receipt.headers)

    operation = declared(desk, commit=commit)
    with pytest.raises(OutcomeUnknown, match="its receipt is kept"):
        await call(operation, Send())
    broken.clear()
    (unsettled,) = operation.unresolved()
    found = Result(Receipt(1), 201, LOCATION)
    if how == "resolve":
        assert await operation.aresolve(unsettled, Committed(found))
    else:
        assert await operation.arecheck(unsettled) == Committed(found)

    assert unsettled.has_receipt
    answer = await call(operation, Send())
    assert head(answer) == (Sent("lead-1", 1), 201, LOCATION, True)
    assert desk.provider.looks == []


async def test_a_result_of_nothing_that_fits_is_no_receipt(
    desk: Desk, call: Caller
) -> None:
    """What stands in it has to be what call= is annotated to return."""
    found: Result[Any] = Result("SM1")

    def find(command: Send, ctx: FencedContext) -> Any:
        return found

    async def afind(command: Send, ctx: FencedContext) -> Any:
        return found

    operation = declared(desk, lookup=find if desk.form == "plain" else afind)
    desk.provider.faults = [Fault(TimeoutError(), taken=True)]

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert desk.state(operation) == "unknown"
