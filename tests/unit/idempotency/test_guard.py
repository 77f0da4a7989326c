"""`Idempotency.execute` and its twin on an event loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from syncpatterns._http import RequestKey
from syncpatterns.codec import codec_for
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import (
    ConfigurationError,
    KeyExpired,
    KeyMissing,
    KeyReused,
    OutcomeGone,
    ResultNotStorable,
)
from syncpatterns.events import (
    Executed,
    Fact,
    Gone,
    Mismatched,
    Refused,
    Replayed,
    Unrecorded,
)
from syncpatterns.idempotency import SINGLE_TENANT, Idempotency, Windows
from syncpatterns.testing import FakeClock
from tests.unit.idempotency.helpers import KEY, WHERE, Effect


@pytest.mark.case("IDM-01", part="function")
def test_the_second_call_replays(guard: Idempotency, heard: list[Any]) -> None:
    """One execution, two equal answers, and the hooks tell which was which."""
    effect = Effect()
    answers = [guard.execute("k", effect, payload={"n": 1}, **WHERE) for _ in range(2)]

    assert answers == [{"number": 1}, {"number": 1}]
    assert effect.calls == 1
    assert heard == [
        Executed("orders.reserve", KEY[:8], "memory", attempts=1),
        Replayed("orders.reserve", KEY[:8], "memory"),
    ]


@pytest.mark.case("IDM-01", part="function, async")
async def test_the_second_async_call_replays(guard: Idempotency) -> None:
    """The same on asyncio and trio; both forms share their records."""
    effect = Effect()
    first = await guard.aexecute("k", effect.later, payload=1, **WHERE)
    second = await guard.aexecute("k", effect.later, payload=1, **WHERE)
    third = guard.execute("k", effect, payload=1, **WHERE)

    assert [first, second, third] == [{"number": 1}] * 3
    assert effect.calls == 1


@pytest.mark.case("IDM-02", part="function")
def test_another_payload_is_refused(guard: Idempotency, heard: list[Any]) -> None:
    """The first answer stays, and still replays for the first payload."""
    effect = Effect()
    guard.execute("k", effect, payload=1, **WHERE)
    with pytest.raises(KeyReused, match=r"orders.reserve \[\w{8}\] on memory"):
        guard.execute("k", effect, payload=2, **WHERE)
    again = guard.execute("k", effect, payload=1, **WHERE)

    assert again == {"number": 1}
    assert effect.calls == 1
    assert [type(fact) for fact in heard] == [Executed, Mismatched, Replayed]


@pytest.mark.case("IDM-03", part="function")
def test_no_key_is_refused(guard: Idempotency) -> None:
    """Nothing runs without a key."""
    effect = Effect()

    with pytest.raises(KeyMissing):
        guard.execute(None, effect, payload=1, **WHERE)
    assert effect.calls == 0


@pytest.mark.case("IDM-45", part="function")
def test_tenants_do_not_meet(guard: Idempotency) -> None:
    """The same key in two scopes is two keys."""
    effect = Effect()
    answers = [
        guard.execute("k", effect, payload=1, scope=scope, operation="op")
        for scope in ("acme", "globex", SINGLE_TENANT, "acme")
    ]

    assert [answer["number"] for answer in answers] == [1, 2, 3, 1]


@pytest.mark.case("IDM-48", part="function")
def test_operations_do_not_meet(guard: Idempotency) -> None:
    """The same key in two operations is two keys."""
    effect = Effect()
    for operation in ("a", "b", "a"):
        guard.execute("k", effect, payload=1, scope="acme", operation=operation)

    assert effect.calls == 2


def test_namespaces_do_not_meet(engine: MemoryEngine) -> None:
    """Two services that share a store keep apart by their namespaces."""
    effect = Effect()
    for namespace in ("one", "two"):
        Idempotency(engine, namespace=namespace).execute(
            "k", effect, payload=1, **WHERE
        )

    assert effect.calls == 2


@pytest.mark.case("IDM-49", part="client key")
def test_a_clients_key_is_replayed_then_gone_then_new(
    guard: Idempotency, clock: FakeClock, heard: list[Any]
) -> None:
    """60 s of replays, then a day of refusals; a late retry is no second effect."""
    effect = Effect()
    guard.execute("k", effect, payload=1, **WHERE)
    clock.advance(59.9)
    replayed = guard.execute("k", effect, payload=1, **WHERE)
    clock.advance(0.1)
    with pytest.raises(OutcomeGone, match="fetch the current state"):
        guard.execute("k", effect, payload=1, **WHERE)
    clock.advance(86400 - 60)
    anew = guard.execute("k", effect, payload=1, **WHERE)

    assert replayed == {"number": 1}
    assert anew == {"number": 2}
    assert [type(fact) for fact in heard] == [Executed, Replayed, Gone, Executed]


@pytest.mark.case("IDM-51", part="function")
def test_a_request_older_than_the_memory_is_not_run(guard: Idempotency) -> None:
    """Its first try may have been done and forgotten."""
    effect = Effect()

    with pytest.raises(KeyExpired, match="86400 s"):
        guard.execute(RequestKey("k", b"f", 100_000), effect, **WHERE)
    assert effect.calls == 0


def test_a_request_brings_its_own_fingerprint(guard: Idempotency) -> None:
    """The raw request counts; a payload beside it would be a second truth."""
    effect = Effect()
    guard.execute(RequestKey("k", b"one"), effect, **WHERE)

    with pytest.raises(KeyReused):
        guard.execute(RequestKey("k", b"two"), effect, **WHERE)
    with pytest.raises(ConfigurationError, match="Leave payload= out"):
        guard.execute(RequestKey("k", b"one"), effect, payload=1, **WHERE)


@pytest.mark.case("IDM-56", part="function")
def test_none_is_a_result(guard: Idempotency) -> None:
    """It is stored and replayed like any other."""
    calls: list[object] = []
    for _ in range(2):
        answer: object = guard.execute("k", calls.append, payload=1, **WHERE)
        assert answer is None

    assert len(calls) == 1


@pytest.mark.case("IDM-57", part="function")
@pytest.mark.parametrize("result", [object(), float("nan"), {"x": object()}])
def test_a_result_that_cannot_be_stored_was_done(
    guard: Idempotency, heard: list[Any], result: object
) -> None:
    """The first caller is told so, and nobody runs it again."""
    calls: list[Any] = []

    def effect(context: Any) -> Any:
        calls.append(context)
        return result

    with pytest.raises(ResultNotStorable, match="it was done, but its result"):
        guard.execute("k", effect, payload=1, **WHERE)
    with pytest.raises(OutcomeGone):
        guard.execute("k", effect, payload=1, **WHERE)
    assert len(calls) == 1
    assert [type(fact) for fact in heard] == [Unrecorded, Gone]


class Declined(Exception):
    """An answer, with an attribute that its constructor did not pass on."""

    def __init__(self, code: str) -> None:
        super().__init__(f"declined: {code}")
        self.code = code


@pytest.mark.case("IDM-58", part="function")
def test_a_declared_exception_is_an_answer(
    guard: Idempotency, heard: list[Any]
) -> None:
    """It is raised again with the same type, arguments and attributes."""
    effect = Effect(Declined("51"))
    raised = []
    for _ in range(2):
        with pytest.raises(Declined) as caught:
            guard.execute("k", effect, payload=1, store_exceptions=(Declined,), **WHERE)
        raised.append(caught.value)

    assert effect.calls == 1
    assert raised[0] is not raised[1]
    assert [error.args for error in raised] == [("declined: 51",)] * 2
    assert [error.code for error in raised] == ["51"] * 2
    assert [type(fact) for fact in heard] == [Refused, Replayed]


def test_an_exception_that_cannot_be_stored_was_an_answer_all_the_same(
    guard: Idempotency,
) -> None:
    """Its arguments are no JSON, so a tombstone is kept; it is not run again."""
    effect = Effect(Declined("51"), None)
    effect._errors[0].args = (object(),)  # type: ignore[union-attr]  # it is one

    with pytest.raises(ResultNotStorable, match="Declined cannot be stored"):
        guard.execute("k", effect, payload=1, store_exceptions=(Declined,), **WHERE)
    with pytest.raises(OutcomeGone):
        guard.execute("k", effect, payload=1, store_exceptions=(Declined,), **WHERE)
    assert effect.calls == 1


def test_an_exception_no_longer_declared_is_gone(guard: Idempotency) -> None:
    """A class that is not on the list is never built from stored bytes."""
    effect = Effect(Declined("51"))
    with pytest.raises(Declined):
        guard.execute("k", effect, payload=1, store_exceptions=(Declined,), **WHERE)

    with pytest.raises(OutcomeGone, match="Keep it in store_exceptions="):
        guard.execute("k", effect, payload=1, **WHERE)


def test_plain_json_gives_the_first_caller_what_all_others_get(
    guard: Idempotency,
) -> None:
    """A tuple comes back as a list from the first call on, not from the second."""
    answers: list[Any] = [
        guard.execute("k", lambda _: {"a": (1, 2)}, payload=1, **WHERE)
        for _ in range(2)
    ]

    assert answers == [{"a": [1, 2]}, {"a": [1, 2]}]


@dataclass
class Receipt:
    """A result with a type."""

    number: int


def test_a_codec_gives_back_the_type(guard: Idempotency) -> None:
    """A replayed receipt is a receipt."""
    answers = [
        guard.execute(
            "k",
            lambda _: Receipt(7),
            payload=1,
            codec=codec_for(Receipt),
            **WHERE,
        )
        for _ in range(2)
    ]

    assert answers == [Receipt(7), Receipt(7)]


def test_a_stored_result_of_an_old_release_is_gone(guard: Idempotency) -> None:
    """What does not fit the type any more is not handed out half read."""
    guard.execute("k", lambda _: {"old": 1}, payload=1, **WHERE)

    with pytest.raises(OutcomeGone, match="does not fit the declared type"):
        guard.execute(
            "k",
            lambda _: Receipt(7),
            payload=1,
            codec=codec_for(Receipt),
            **WHERE,
        )


@pytest.mark.case("IDM-59", part="execute")
def test_operations_keep_their_own_windows(
    guard: Idempotency, clock: FakeClock
) -> None:
    """Two operations over one store do not share their settings."""
    effect = Effect()

    def both() -> None:
        for name, seconds in (("short", 10.0), ("long", 100.0)):
            guard.execute(
                "k",
                effect,
                payload=1,
                scope="acme",
                operation=name,
                windows=Windows(seconds, seconds),
            )

    both()
    clock.advance(50)
    both()

    assert effect.calls == 3


@pytest.mark.parametrize("scope", [None, "", 7])
def test_a_scope_must_be_said(guard: Idempotency, scope: Any) -> None:
    """A missing tenant is an error of the program, not a tenant."""
    effect = Effect()

    with pytest.raises(ConfigurationError, match="SINGLE_TENANT"):
        guard.execute("k", effect, payload=1, scope=scope, operation="op")
    assert effect.calls == 0


def test_a_payload_must_be_said(guard: Idempotency) -> None:
    """Left out, a key used for something else would not be noticed."""
    with pytest.raises(ConfigurationError, match="payload=None"):
        guard.execute("k", Effect(), **WHERE)


@pytest.mark.parametrize("operation", ["", "a b", "ä", "x" * 201, None])
def test_an_operation_needs_a_name(guard: Idempotency, operation: Any) -> None:
    """It is stored, logged and used as a label."""
    with pytest.raises(ConfigurationError, match="operation= is"):
        guard.execute("k", Effect(), payload=1, scope="acme", operation=operation)


@pytest.mark.parametrize(
    "options",
    [
        {"lease": 0},
        {"lease": float("nan")},
        {"lease": "30"},
        {"wait_timeout": -1},
        {"on_busy": "maybe"},
        {"on_abandoned": "ignore"},
        {"max_waiters": -1},
        {"max_waiters": True},
        {"windows": 60},
        {"namespace": None},
        {"hooks": "abc"},
        {"hooks": [None]},
        {"clock": 7},
    ],
)
def test_wrong_settings_are_refused_at_once(
    engine: MemoryEngine, options: dict[str, Any]
) -> None:
    """Not at the first call, and not in the middle of the night."""
    with pytest.raises(ConfigurationError, match=r"takes"):
        Idempotency(engine, **options)


@pytest.mark.parametrize("home", [None, 7, object(), MemoryEngine, dict])
def test_something_that_is_no_store_is_refused(home: Any) -> None:
    """An engine, or a store; a class of them is neither."""
    with pytest.raises(ConfigurationError, match="is neither"):
        Idempotency(home)


def test_a_blocking_store_refuses_the_event_loop(engine: MemoryEngine) -> None:
    """Its calls would stop the loop."""
    guard = Idempotency(engine.idempotency_store())

    assert guard.execute("k", lambda _: 1, payload=1, **WHERE) == 1
    with pytest.raises(ConfigurationError, match="use execute"):
        guard.aport()


def test_an_async_store_refuses_threads(engine: MemoryEngine) -> None:
    """Its calls need a loop."""
    guard = Idempotency(engine.async_idempotency_store())

    with pytest.raises(ConfigurationError, match="Use aexecute"):
        guard.execute("k", lambda _: 1, payload=1, **WHERE)


async def test_an_async_store_alone_will_do(engine: MemoryEngine) -> None:
    """A third party may offer nothing else."""
    guard = Idempotency(engine.async_idempotency_store(), clock=engine.clock)
    effect = Effect()
    for _ in range(2):
        await guard.aexecute("k", effect.later, payload=1, **WHERE)

    assert effect.calls == 1


def test_a_coroutine_is_never_stored(guard: Idempotency) -> None:
    """`execute` cannot await: nothing has run, and the key is free again."""
    effect = Effect()
    later: Callable[[Any], Any] = effect.later
    with pytest.raises(ConfigurationError, match="Use aexecute"):
        _ = guard.execute("k", later, payload=1, **WHERE)
    answer = guard.execute("k", effect, payload=1, **WHERE)

    assert answer == {"number": 1}


async def test_a_plain_function_will_do_on_a_loop(guard: Idempotency) -> None:
    """What needs no await is called as it is."""
    plain: Any = Effect()

    assert await guard.aexecute("k", plain, payload=1, **WHERE) == {"number": 1}


def test_errors_never_name_the_key(guard: Idempotency) -> None:
    """A key may be a phone number."""
    guard.execute("+49 170 123", Effect(), payload="+49 170 999", **WHERE)
    with pytest.raises(KeyReused) as caught:
        guard.execute("+49 170 123", Effect(), payload=2, **WHERE)

    assert "170" not in str(caught.value)


def test_a_guard_says_what_it_is(guard: Idempotency) -> None:
    """`repr` names engine and policy, and no key."""
    assert repr(guard) == (
        "Idempotency('memory', lease=30, on_abandoned='rerun', on_busy='wait')"
    )


def test_facts_have_no_personal_data(guard: Idempotency, heard: list[Any]) -> None:
    """Hooks get operation, hash and engine."""
    guard.execute("secret", Effect(), payload="secret", **WHERE)

    assert isinstance(heard[0], Fact)
    assert "secret" not in repr(heard)
