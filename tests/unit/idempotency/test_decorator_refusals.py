"""What `@idempotent` refuses, and when: at decoration wherever it can be known."""

from __future__ import annotations

import functools
import traceback
from collections.abc import AsyncGenerator, Generator
from datetime import date
from typing import Any

import pytest

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import (
    ConfigurationError,
    OutcomeGone,
    ResultNotStorable,
)
from syncpatterns.idempotency import (
    idempotent,
)
from tests.unit.idempotency.decorated import Decorate, Order, Reservation, calls


@pytest.mark.case("IDM-60", part="generators")
def test_generators_and_classes_are_refused_at_decoration(decorate: Decorate) -> None:
    """They have no one result that could be stored."""

    def generator() -> Generator[int]:
        yield 1

    async def async_generator() -> AsyncGenerator[int]:
        yield 1

    partial = functools.partial(generator)
    things: list[Any] = [generator, async_generator, Order, 7, partial]
    for thing in things:
        with pytest.raises(TypeError, match="@idempotent"):
            decorate(key=lambda: 1)(thing)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "nobody.id"}, "starts with no argument"),
        ({"key": "order_id."}, "starts with no argument"),
        ({"key": 7}, "takes a function"),
        ({"scope": ""}, "scope= says"),
        ({"scope": None}, "scope= says"),
        ({"operation": "a b"}, "operation= is"),
        ({"windows": 60}, "windows= takes"),
        ({"store_exceptions": ("ValueError",)}, "takes exception classes"),
        ({"lease": 0}, "lease= takes"),
    ],
)
def test_what_can_never_work_is_refused_at_decoration(
    engine: MemoryEngine, options: dict[str, Any], message: str
) -> None:
    """Not at the first call."""
    settings: dict[str, Any] = {"key": "order_id", "scope": "t"} | options

    with pytest.raises(ConfigurationError, match=message):

        @idempotent(engine, **settings)
        def reserve(order_id: str) -> int:
            return 1


def test_a_result_type_without_json_is_refused_at_decoration(
    decorate: Decorate,
) -> None:
    """The annotation tells early."""
    with pytest.raises(ConfigurationError, match="No JSON form is known"):

        @decorate(key="order_id")
        def reserve(order_id: str) -> MemoryEngine:
            raise AssertionError


def test_a_result_type_defined_later_is_found_at_the_first_call(
    decorate: Decorate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward references are common; a name that never comes is an error."""

    def later(order_id: str) -> Any:
        calls.append(order_id)
        return Reservation(order_id, date(2026, 3, 1))

    later.__annotations__["return"] = "LaterDefined"
    reserve = decorate(key="order_id")(later)
    with pytest.raises(ConfigurationError, match="LaterDefined"):
        reserve("a")
    monkeypatch.setitem(globals(), "LaterDefined", Reservation)
    answers = [reserve("a"), reserve("a")]

    assert answers == [Reservation("a", date(2026, 3, 1))] * 2
    assert calls == ["a"]


def test_a_wrong_result_is_stored_as_done(decorate: Decorate) -> None:
    """The annotation lied; the effect happened all the same."""

    @decorate(key="order_id")
    def reserve(order_id: str) -> int:
        calls.append(order_id)
        return "seven"  # type: ignore[return-value]  # the mistake

    with pytest.raises(ResultNotStorable):
        reserve("a")
    with pytest.raises(OutcomeGone):
        reserve("a")
    assert calls == ["a"]


def test_a_result_that_no_longer_fits_is_not_shown(decorate: Decorate) -> None:
    """Neither the error nor its cause quotes what was stored."""

    @decorate(key="order_id", operation="reserve")
    def reserved(order_id: str) -> str:
        return f"canary {order_id}"

    @decorate(key="order_id", operation="reserve")
    def reserves_now(order_id: str) -> int:
        raise AssertionError("it was done before")

    reserved("a")
    with pytest.raises(OutcomeGone, match="does not fit") as caught:
        reserves_now("a")

    told = "".join(traceback.format_exception(caught.value))
    assert "canary" not in told


def test_a_store_of_the_wrong_kind_is_refused_at_decoration(
    engine: MemoryEngine,
) -> None:
    """A plain function cannot await, a coroutine function must not block."""
    with pytest.raises(ConfigurationError, match="can only be awaited"):

        @idempotent(engine.async_idempotency_store(), key="a", scope="t")
        def plain(a: int) -> int:
            return a

    with pytest.raises(ConfigurationError, match="would stop the event"):

        @idempotent(engine.idempotency_store(), key="a", scope="t")
        async def later(a: int) -> int:
            return a
