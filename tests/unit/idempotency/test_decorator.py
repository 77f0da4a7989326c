"""`@idempotent` on every kind of function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from syncpatterns._http import RequestKey
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import (
    ConfigurationError,
    KeyInvalid,
    KeyMissing,
    KeyReused,
    OutcomeGone,
)
from syncpatterns.idempotency import (
    SINGLE_TENANT,
    Context,
    Idempotency,
    Windows,
    current_context,
    idempotent,
)
from syncpatterns.testing import FakeClock
from tests.unit.idempotency.decorated import Decorate, Order, Reservation, calls


@pytest.mark.case("IDM-60", part="def")
def test_a_function_runs_once_per_key(decorate: Decorate) -> None:
    """Its typed result is replayed with its type."""

    @decorate(key=lambda order: order.id)
    def reserve(order: Order) -> Reservation:
        """Reserve."""
        calls.append(order.id)
        return Reservation(order.id, date(2026, 3, 1))

    answers = [reserve(Order("a")), reserve(Order("a")), reserve(Order("b"))]

    assert answers == [
        Reservation("a", date(2026, 3, 1)),
        Reservation("a", date(2026, 3, 1)),
        Reservation("b", date(2026, 3, 1)),
    ]
    assert calls == ["a", "b"]
    assert reserve.__name__ == "reserve"
    assert reserve.__doc__ == "Reserve."
    assert str(inspect.signature(reserve)) == "(order: 'Order') -> 'Reservation'"


@pytest.mark.case("IDM-60", part="async def")
async def test_a_coroutine_function_runs_once_per_key(decorate: Decorate) -> None:
    """It stays a coroutine function."""

    @decorate(key="order.id")
    async def reserve(order: Order) -> str:
        calls.append(order.id)
        return f"reserved {order.id}"

    answers = [await reserve(Order("a")) for _ in range(2)]

    assert answers == ["reserved a"] * 2
    assert calls == ["a"]
    assert inspect.iscoroutinefunction(reserve)


@pytest.mark.case("IDM-60", part="methods")
def test_methods_run_once_per_key(engine: MemoryEngine) -> None:
    """Whichever side of classmethod and staticmethod the decorator stands on."""

    class Shop:
        name = "shop"

        @idempotent(engine, key="order_id", scope="t")
        def plain(self, order_id: str) -> str:
            calls.append(("plain", order_id))
            return f"{self.name} {order_id}"

        @classmethod
        @idempotent(engine, key="order_id", scope="t")
        def inside(cls, order_id: str) -> str:
            calls.append(("inside", order_id))
            return f"{cls.name} {order_id}"

        @idempotent(engine, key=lambda cls, order_id: order_id, scope="t")
        @classmethod
        def outside(cls, order_id: str) -> str:
            calls.append(("outside", order_id))
            return f"{cls.name} {order_id}"

        @staticmethod
        @idempotent(engine, key="order_id", scope="t")
        def static(order_id: str) -> str:
            calls.append(("static", order_id))
            return order_id

        @idempotent(engine, key="order_id", scope="t")
        @staticmethod
        def static_outside(order_id: str) -> str:
            calls.append(("static_outside", order_id))
            return order_id

    for shop in (Shop(), Shop()):
        assert shop.plain("a") == "shop a"
        assert shop.inside("a") == "shop a"
        assert Shop.outside("a") == "shop a"
        assert shop.static("a") == "a"
        assert shop.static_outside("a") == "a"

    assert len(calls) == 5


@pytest.mark.case("IDM-59", part="decorator")
def test_each_function_owns_its_settings(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """Two functions over one store do not get each other's key or window."""

    @idempotent(engine, key="a", scope="t", windows=Windows(10, 10))
    def short(a: int, b: int) -> list[int]:
        calls.append("short")
        return [a, b]

    @idempotent(engine, key="b", scope="t", windows=Windows(100, 100))
    def long(a: int, b: int) -> list[int]:
        calls.append("long")
        return [b, a]

    first = short(1, 2), long(1, 2)
    clock.advance(50)
    second = short(1, 2), long(1, 2)

    assert first == second == ([1, 2], [2, 1])
    assert calls == ["short", "long", "short"]


@pytest.mark.case("IDM-49", part="derived key")
def test_a_derived_key_is_new_after_its_window(
    decorate: Decorate, clock: FakeClock
) -> None:
    """Nobody chose it, so the same arguments later are another wish."""

    @decorate(key="order_id")
    def reserve(order_id: str) -> int:
        calls.append(order_id)
        return len(calls)

    first = reserve("a")
    clock.advance(59.9)
    replayed = reserve("a")
    clock.advance(0.1)
    anew = reserve("a")

    assert (first, replayed, anew) == (1, 1, 2)


def test_a_clients_key_keeps_its_long_memory(
    decorate: Decorate, clock: FakeClock
) -> None:
    """With the windows of keys that clients send."""

    @decorate(key="key", windows=Windows())
    def reserve(key: str) -> int:
        return 1

    reserve("a")
    clock.advance(60)

    with pytest.raises(OutcomeGone):
        reserve("a")


@pytest.mark.case("IDM-53")
def test_a_function_may_change_its_arguments(decorate: Decorate) -> None:
    """What was asked for is taken down before it runs."""

    @decorate(key="order.id")
    def reserve(order: Order) -> int:
        calls.append(order.id)
        order.lines.append("changed")
        order.id = "changed"
        return 1

    assert [reserve(Order("a", ["x"])) for _ in range(2)] == [1, 1]
    assert calls == ["a"]


@pytest.mark.case("IDM-02", part="decorator")
def test_the_same_key_with_other_arguments_is_refused(decorate: Decorate) -> None:
    """However the arguments are passed, equal ones are equal."""

    @decorate(key="order_id")
    def reserve(order_id: str, seats: int = 1, *notes: str, **more: int) -> int:
        calls.append(order_id)
        return seats

    reserve("a")
    reserve("a", 1)
    reserve(order_id="a", seats=1)
    others: list[Callable[[], int]] = [
        lambda: reserve("a", 2),
        lambda: reserve("a", 1, "note"),
        lambda: reserve("a", more=1),
    ]
    for other in others:
        with pytest.raises(KeyReused):
            other()

    assert calls == ["a"]


def test_a_fingerprint_of_its_own(decorate: Decorate) -> None:
    """Arguments that do not count, or that JSON cannot say, are left out."""

    @decorate(key="order_id", fingerprint=lambda order_id, _: [order_id])
    def reserve(order_id: str, session: object) -> int:
        calls.append(order_id)
        return 1

    assert [reserve("a", object()), reserve("a", object())] == [1, 1]
    assert calls == ["a"]


def test_an_argument_that_json_cannot_say_is_named(decorate: Decorate) -> None:
    """The message says which one, and what to do; nothing ran."""

    @decorate(key="order_id")
    def reserve(order_id: str, session: object) -> int:
        calls.append(order_id)
        return 1

    with pytest.raises(ConfigurationError, match="session cannot be written as JSON"):
        reserve("a", object())
    assert calls == []


def test_self_is_no_part_of_what_is_asked_for(engine: MemoryEngine) -> None:
    """It need not be JSON, and two objects ask for the same thing."""

    class Shop:
        def __init__(self) -> None:
            self.connection = object()

        @idempotent(engine, key="order_id", scope="t")
        def reserve(self, order_id: str) -> int:
            calls.append(order_id)
            return 1

    assert [Shop().reserve("a"), Shop().reserve("a")] == [1, 1]
    assert calls == ["a"]


@pytest.mark.case("IDM-55")
@pytest.mark.parametrize("key", ["order.id", lambda order: order.id])
def test_a_key_that_is_none_is_missing(decorate: Decorate, key: Any) -> None:
    """It is never the hash of nothing."""

    @decorate(key=key)
    def reserve(order: Order) -> int:
        calls.append(order)
        return 1

    with pytest.raises(KeyMissing, match="reserve"):
        reserve(Order(None))
    assert calls == []


@pytest.mark.parametrize(
    "order", [{}, {"id": {}}, {"id": {"part": [1]}}, None, 7, "text"]
)
def test_a_path_that_leads_nowhere_is_a_missing_key(
    decorate: Decorate, order: object
) -> None:
    """Mappings, sequences and attributes are looked into, and none has it."""

    @decorate(key="order.id.part.3")
    def reserve(order: object) -> int:
        calls.append(order)
        return 1

    with pytest.raises(KeyMissing, match="is not there"):
        reserve(order)
    assert calls == []


def test_a_path_finds_its_way(decorate: Decorate) -> None:
    """Through attributes, mappings and sequences."""

    @decorate(key="order.lines.1.sku")
    def reserve(order: Any) -> int:
        calls.append(order)
        return 1

    reserve({"lines": [{}, {"sku": "x"}]})
    reserve(Order(1, [{}, {"sku": "y"}]))  # type: ignore[list-item]  # a mapping inside

    assert len(calls) == 2


def test_a_scope_from_the_arguments(engine: MemoryEngine) -> None:
    """Two tenants with one order number are two orders."""

    @idempotent(engine, key="order_id", scope=lambda tenant, order_id: tenant)
    def reserve(tenant: str, order_id: str) -> str:
        calls.append((tenant, order_id))
        return tenant

    answers = [reserve("a", "1"), reserve("b", "1"), reserve("a", "1")]

    assert answers == ["a", "b", "a"]
    assert calls == [("a", "1"), ("b", "1")]
    with pytest.raises(ConfigurationError, match="scope= says"):
        reserve("", "1")


def test_the_context_is_at_hand(decorate: Decorate) -> None:
    """Without a parameter of its own, so the signature stays."""

    @decorate(key="order_id", operation="shop.reserve")
    def reserve(order_id: str) -> str:
        context = current_context()
        context.point_of_no_return()
        calls.append(context)
        return context.downstream_key("sms")

    assert reserve("a") == reserve("a")
    assert isinstance(calls[0], Context)
    assert calls[0].operation == "shop.reserve"


def test_names_are_taken_from_the_function(decorate: Decorate) -> None:
    """Module and qualified name, without the braces of local functions."""

    @decorate(key="order_id")
    def reserve(order_id: str) -> str:
        return current_context().operation

    assert reserve("a") == (
        f"{__name__}.test_names_are_taken_from_the_function.reserve"
    )
    with pytest.raises(ConfigurationError, match="operation= is needed"):
        decorate(key="x")(lambda x: x)


def test_a_guard_may_be_shared(guard: Idempotency, engine: MemoryEngine) -> None:
    """Its settings are its own then."""

    @idempotent(guard, key="order_id", scope="t", operation="op")
    def reserve(order_id: str) -> int:
        return 1

    reserve("a")
    record = guard.inspect("a", scope="t", operation="op")

    assert record is not None
    with pytest.raises(ConfigurationError, match="lease: the guard"):
        idempotent(guard, key="order_id", scope="t", lease=3)


def test_wrong_arguments_are_a_type_error(decorate: Decorate) -> None:
    """As without the decorator."""

    @decorate(key="order_id")
    def reserve(order_id: str) -> int:
        return 1

    with pytest.raises(TypeError, match="missing a required argument"):
        reserve()  # type: ignore[call-arg]  # the mistake, seen by mypy too


def test_a_key_function_may_return_a_request(decorate: Decorate) -> None:
    """Then the request's own bytes are what is asked for."""

    @decorate(key=lambda request, _: request)
    def reserve(request: RequestKey, note: object) -> int:
        calls.append(note)
        return 1

    reserve(RequestKey("k", b"one"), object())
    reserve(RequestKey("k", b"one"), object())

    assert len(calls) == 1
    with pytest.raises(KeyReused):
        reserve(RequestKey("k", b"two"), object())


def test_a_callable_object_and_a_partial(decorate: Decorate) -> None:
    """Anything that can be called and has a name, given or its own."""

    class Reserve:
        def __call__(self, order_id: str) -> str:
            calls.append(order_id)
            return order_id

    guarded = decorate(key="order_id")(Reserve())
    partial = decorate(key=lambda: "p", operation="part")(
        functools.partial(Reserve(), "p")
    )

    assert [guarded("a"), guarded("a")] == ["a", "a"]
    assert [partial(), partial()] == ["p", "p"]
    assert calls == ["a", "p"]


@pytest.mark.case("IDM-54", part="decorator")
def test_keys_of_many_types(decorate: Decorate) -> None:
    """Equal values are equal keys, whatever their type's text."""

    @decorate(key="key", fingerprint=lambda key: None)
    def reserve(key: Any) -> int:
        calls.append(key)
        return 1

    identity = UUID("12345678-1234-5678-1234-567812345678")
    reserve(identity)
    reserve(str(identity))

    assert len(calls) == 1
    with pytest.raises(KeyInvalid):
        reserve(object())


def test_a_parameter_may_name_a_type_for_checkers_only(engine: MemoryEngine) -> None:
    """Only what is returned has to be stored."""

    def pay(order: OnlyForCheckers) -> int:  # type: ignore[name-defined]  # noqa: F821 - known to type checkers alone
        return 7

    assert idempotent(engine, key="order", scope=SINGLE_TENANT)(pay)("o-1") == 7
