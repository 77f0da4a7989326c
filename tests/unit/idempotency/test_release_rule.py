"""What an error does to the key: given back, or unknown."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import anyio
import pytest

from syncpatterns.errors import ConfigurationError, NotExecuted, OutcomeUnknown
from syncpatterns.events import Executed, Released, Unknown
from syncpatterns.idempotency import (
    Committed,
    Context,
    Idempotency,
    NotCommitted,
    State,
    Undecided,
    current_context,
)
from tests.unit.idempotency.helpers import KEY, WHERE, Effect

ERRORS = [ValueError("x"), KeyboardInterrupt(), SystemExit(3), StopIteration(4)]


@pytest.mark.case("IDM-58", part="undeclared")
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_before_the_point_of_no_return_an_error_gives_the_key_back(
    guard: Idempotency, heard: list[Any], error: BaseException
) -> None:
    """Any error, also one that ends the program; the next call runs it."""
    effect = Effect(error)
    with pytest.raises(type(error)) as caught:
        guard.execute("k", effect, payload=1, **WHERE)
    answer = guard.execute("k", effect, payload=1, **WHERE)

    assert caught.value is error
    assert answer == {"number": 2}
    assert effect.contexts[1].attempts == 2
    assert not effect.contexts[1].abandoned
    assert [type(fact) for fact in heard] == [Released, Executed]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_after_the_point_of_no_return_the_outcome_is_unknown(
    guard: Idempotency, heard: list[Any], error: BaseException
) -> None:
    """The caller sees its error; nobody runs it again until it is resolved."""

    def effect(context: Context) -> None:
        context.point_of_no_return()
        raise error

    with pytest.raises(type(error)):
        guard.execute("k", effect, payload=1, **WHERE)
    with pytest.raises(OutcomeUnknown, match="Do not use a new one"):
        guard.execute("k", Effect(), payload=1, **WHERE)
    assert [type(fact) for fact in heard] == [Unknown]
    assert [record.key for record in guard.unresolved()] == [KEY]


def test_what_certainly_did_not_happen_always_gives_the_key_back(
    guard: Idempotency,
) -> None:
    """A breaker that is open says so after the point too."""

    def effect(context: Context) -> None:
        context.point_of_no_return()
        raise NotExecuted("the breaker is open", retry_after=3)

    with pytest.raises(NotExecuted):
        guard.execute("k", effect, payload=1, **WHERE)

    assert guard.execute("k", lambda _: 1, payload=1, **WHERE) == 1


async def test_cancellation_follows_the_same_rule(guard: Idempotency) -> None:
    """Cancelled before the point: given back; after it: unknown."""

    async def before(_: Context) -> None:
        scope.cancel()
        await anyio.sleep_forever()

    async def after(context: Context) -> None:
        context.point_of_no_return()
        await before(context)

    states = []
    for effect in (before, after):
        with anyio.CancelScope() as scope:
            await guard.aexecute(effect.__name__, effect, payload=1, **WHERE)
        record = await guard.ainspect(effect.__name__, **WHERE)
        states.append(record.state if record else None)

    assert states == [State.FREE, State.UNKNOWN]


def test_an_unknown_outcome_is_resolved_as_done(guard: Idempotency) -> None:
    """The value that somebody found is replayed from then on."""
    _leave_unknown(guard)
    (record,) = guard.unresolved()
    settled = guard.resolve(record, Committed({"number": 9}))
    answer = guard.execute("k", Effect(), payload=1, **WHERE)

    assert settled
    assert answer == {"number": 9}
    assert guard.unresolved() == []
    assert not guard.resolve("k", NotCommitted(), **WHERE)


def test_an_unknown_outcome_is_resolved_as_not_done(guard: Idempotency) -> None:
    """Then the key runs again."""
    _leave_unknown(guard)
    settled = guard.resolve("k", NotCommitted(), **WHERE)
    answer = guard.execute("k", Effect(), payload=1, **WHERE)

    assert settled
    assert answer == {"number": 1}


async def test_operating_from_an_event_loop(guard: Idempotency) -> None:
    """Every operator's method has its twin."""
    _leave_unknown(guard)
    listed = await guard.aunresolved()
    settled = await guard.aresolve(listed[0], Committed(5))
    answer: Any = await guard.aexecute("k", Effect().later, payload=1, **WHERE)
    evicted = await guard.aevict("k", **WHERE)
    record = await guard.ainspect("k", **WHERE)
    swept = await guard.asweep()

    assert [each.key for each in listed] == [KEY]
    assert (settled, answer, evicted, record, swept) == (True, 5, True, None, 0)


def test_an_evicted_key_runs_again(guard: Idempotency) -> None:
    """In any state; a key that is not there is no error."""
    effect = Effect()
    guard.execute("k", effect, payload=1, **WHERE)
    first, second = guard.evict("k", **WHERE), guard.evict("k", **WHERE)
    guard.execute("k", effect, payload=1, **WHERE)

    assert (first, second) == (True, False)
    assert effect.calls == 2


def test_a_key_to_operate_on_must_be_findable(guard: Idempotency) -> None:
    """A key alone is not enough: scope and operation are part of it."""
    with pytest.raises(ConfigurationError, match="or pass a Record"):
        guard.inspect("k")
    with pytest.raises(ConfigurationError, match="SINGLE_TENANT"):
        guard.inspect("k", operation="op")


def test_resolving_needs_a_verdict(guard: Idempotency) -> None:
    """Undecided is none."""
    _leave_unknown(guard)

    with pytest.raises(ConfigurationError, match="Committed"):
        guard.resolve("k", Undecided(), **WHERE)  # type: ignore[arg-type]  # the mistake


def test_the_context_tells_about_the_execution(guard: Idempotency) -> None:
    """The same object as argument and from `current_context`."""
    seen: list[Any] = []

    def effect(context: Context) -> None:
        seen.extend([context, current_context()])
        context.check()

    guard.execute("k", effect, payload=1, **WHERE)
    context = seen[0]

    assert seen[1] is context
    assert (context.key_hash, context.attempts, context.abandoned, context.lost) == (
        KEY[:8],
        1,
        False,
        False,
    )
    assert repr(context).startswith("Context('orders.reserve', key_hash=")
    with pytest.raises(ConfigurationError, match="outside of a guarded function"):
        current_context()


def test_downstream_keys_are_stable_and_apart(guard: Idempotency) -> None:
    """Equal over attempts; different over names, scopes and operations."""

    def keys(scope: str, operation: str, *errors: BaseException) -> list[str]:
        found: list[str] = []

        def effect(context: Context) -> None:
            found.append(context.downstream_key("sms"))
            found.append(context.downstream_key("mail"))
            if errors:
                raise errors[0]

        with suppress(ValueError):
            guard.execute("k", effect, payload=1, scope=scope, operation=operation)
        return found

    first, second = keys("a", "o", ValueError()), keys("a", "o")
    others = keys("b", "o") + keys("a", "p")

    assert first == second
    assert len({*first, *others}) == 6
    assert {len(key) for key in first} == {32}


def _leave_unknown(guard: Idempotency) -> None:
    def effect(context: Context) -> None:
        context.point_of_no_return()
        raise TimeoutError

    with pytest.raises(TimeoutError):
        guard.execute("k", effect, payload=1, **WHERE)
