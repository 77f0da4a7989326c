"""What went wrong names the operation, and the key by its hash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns import Idempotency
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import ConfigurationError, ResultNotStorable
from syncpatterns.operation import Operation
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import Desk, Fault, Rejected, Send


async def later(*_: object) -> None:
    """Return something to await."""


RESULTS: list[tuple[Callable[..., Any], type[Exception]]] = [
    (lambda *_: object(), ResultNotStorable),
    (lambda *_: float("nan"), ResultNotStorable),
    (lambda *_: later(), ConfigurationError),
    (lambda *_: iter([1]), ConfigurationError),
]


@pytest.mark.parametrize(
    ("effect", "error"), RESULTS, ids=["object", "nan", "coroutine", "iterator"]
)
async def test_a_result_that_is_none_names_its_operation(
    engine: SqliteEngine, call: Caller, effect: Any, error: type[Exception]
) -> None:
    """Of several operations in a log, it is clear which one has to be corrected."""
    operation: Operation[Any, Any] = Operation("bookings.list", engine, effect=effect)
    where = f"bookings.list [{operation.key_hash('k1', scope='acme')}] on sqlite: "

    with pytest.raises(error) as caught:
        await call(operation, {"day": 1})

    assert str(caught.value).startswith(where)
    assert "k1" not in str(caught.value)


async def test_what_an_effect_itself_cannot_store_keeps_its_own_name(
    engine: SqliteEngine, call: Caller
) -> None:
    """A guard inside the effect says whose result it is; the outer one is no part."""
    inner = Idempotency(MemoryEngine())

    def effect(_tx: Any, _command: Any) -> Any:
        return inner.execute(
            "k1", lambda _: object(), scope="s", operation="slots.find", payload=1
        )

    operation: Operation[Any, Any] = Operation("bookings.list", engine, effect=effect)

    with pytest.raises(ResultNotStorable) as caught:
        await call(operation, {"day": 1})

    assert str(caught.value).startswith("slots.find [")
    assert "bookings.list" not in str(caught.value)


async def test_a_refusal_that_cannot_be_stored_names_its_operation(
    desk: Desk, call: Caller
) -> None:
    """That of the provider, and that of the check."""
    refusal = Rejected("no", at=object())

    def check(*_: object) -> None:
        raise refusal

    desk.provider.faults = [Fault(refusal)]
    for operation in (desk.operation(), desk.operation(check=check)):
        with pytest.raises(ResultNotStorable) as caught:
            await call(operation, Send())
        where = f"sms.send [{operation.key_hash('k1', scope='acme')}] on "
        assert str(caught.value).startswith(where + desk.engine.name)

    assert desk.state(operation) in {"absent", "free"}


async def test_a_check_that_is_async_names_its_operation(
    desk: Desk, call: Caller
) -> None:
    """It has checked nothing, so nothing left."""
    operation = desk.operation(check=lambda *_: later())
    where = f"sms.send [{operation.key_hash('k1', scope='acme')}] on "

    with pytest.raises(ConfigurationError) as caught:
        await call(operation, Send())

    assert str(caught.value).startswith(where + desk.engine.name)
    assert desk.provider.calls == []


async def test_a_command_without_a_json_form_names_its_operation(
    desk: Desk, call: Caller
) -> None:
    """The key is not known yet: what is asked for comes first."""
    operation = desk.operation()

    with pytest.raises(ResultNotStorable, match=r"^sms\.send: the command"):
        await call(operation, object())

    assert desk.provider.calls == []


@pytest.mark.parametrize("refusals", ["x", [Rejected], (int,)])
def test_refusals_that_are_none_name_their_operation(
    engine: SqliteEngine, refusals: Any
) -> None:
    """Like every other option that can never work."""
    with pytest.raises(ConfigurationError, match=r"^bookings\.list: refusals= takes "):
        Operation(
            "bookings.list", engine, effect=lambda _tx, _command: 1, refusals=refusals
        )
