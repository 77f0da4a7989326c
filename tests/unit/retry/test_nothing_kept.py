from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Generator
from typing import Any

import pytest
import tenacity

from syncpatterns.retry import Retry, deadline
from syncpatterns.testing import FakeClock


class Down(Exception):
    pass


class Order:
    """What a caller hands over, and would like to be free of."""


FORMS: dict[str, dict[str, Any]] = {
    "own": {"on": Down},
    "predicate": {"on": lambda error: isinstance(error, Down)},
    "timeout": {"on": Down, "timeout": 60},
    "result": {"on": Down, "result": lambda value: value == "never"},
    "strategies": {
        "on": tenacity.retry_if_exception(lambda error: isinstance(error, Down)),
        "wait": tenacity.wait_exception(lambda _: 1.0),
        "stop": tenacity.stop_after_delay(60) | tenacity.stop_after_attempt(4),
    },
}


@pytest.fixture
def no_collector() -> Generator[None]:
    """Leave everything to reference counts."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _fail(order: Order, seen: list[weakref.ref[BaseException]]) -> None:
    raise _noted(seen)


def _noted(seen: list[weakref.ref[BaseException]]) -> Down:
    """Make an error that no local name of the frame that raises it refers to."""
    error = Down()
    seen.append(weakref.ref(error))
    return error


def _exhaust(
    call: Callable[[Order, list[weakref.ref[BaseException]]], object],
) -> tuple[weakref.ref[Order], list[weakref.ref[BaseException]]]:
    """Return weak references to all that a call had in hand."""
    order, seen = Order(), list[weakref.ref[BaseException]]()
    try:
        call(order, seen)
    except Down:
        return weakref.ref(order), seen
    raise AssertionError("it should have given up")


@pytest.mark.usefixtures("no_collector")
@pytest.mark.case("RTY-32", part="arguments")
@pytest.mark.parametrize("form", FORMS)
def test_a_call_that_gave_up_keeps_nothing_of_the_caller(
    form: str, clock: FakeClock
) -> None:
    """Arguments and exceptions are free when the caller has let go of them."""
    retry = Retry(clock=clock, **FORMS[form])
    kept = retry(_fail)

    with deadline(1000, clock=clock):
        order, errors = _exhaust(kept)

    assert len(errors) >= 4
    assert [order(), *(error() for error in errors)] == [None] * (len(errors) + 1)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.case("RTY-32", part="async arguments")
@pytest.mark.parametrize("form", FORMS)
async def test_a_task_that_gave_up_keeps_nothing_of_the_caller(
    form: str, clock: FakeClock
) -> None:
    """The same where the attempts are awaited."""
    retry = Retry(clock=clock, **FORMS[form])

    async def fail(order: Order, seen: list[weakref.ref[BaseException]]) -> None:
        _fail(order, seen)

    async def exhaust() -> tuple[weakref.ref[Order], list[weakref.ref[BaseException]]]:
        order, seen = Order(), list[weakref.ref[BaseException]]()
        try:
            await retry.acall(fail, order, seen)
        except Down:
            return weakref.ref(order), seen
        raise AssertionError("it should have given up")

    order, errors = await exhaust()

    assert len(errors) >= 4
    assert [order(), *(error() for error in errors)] == [None] * (len(errors) + 1)


@pytest.mark.usefixtures("no_collector")
def test_a_task_that_is_awaited_is_let_go(clock: FakeClock) -> None:
    """It keeps its error, whose traceback keeps the frame that awaited it."""
    seen: list[weakref.ref[BaseException]] = []
    retry = Retry(on=Down, clock=clock)

    async def fail() -> None:
        raise _noted(seen)

    async def main() -> None:
        try:
            await retry.acall(lambda: asyncio.get_running_loop().create_task(fail()))
        except Down:
            return
        raise AssertionError("it should have given up")

    asyncio.run(main())

    assert [error() for error in seen] == [None] * 5


@pytest.mark.usefixtures("no_collector")
def test_a_kept_exception_would_be_seen(clock: FakeClock) -> None:
    """A predicate that stores what it is shown keeps the arguments alive."""
    kept: list[Exception] = []

    def keep(error: Exception) -> bool:
        kept.append(error)
        return True

    retry = Retry(on=keep, clock=clock)

    order, errors = _exhaust(retry(_fail))

    assert order() is not None
    assert errors[0]() is not None


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("form", FORMS)
def test_a_retry_that_succeeds_keeps_nothing(form: str, clock: FakeClock) -> None:
    """The failure before the success is gone with the call."""
    seen: list[weakref.ref[BaseException]] = []

    def once(order: Order) -> str:
        if not seen:
            _fail(order, seen)
        return "done"

    order = Order()
    watched = weakref.ref(order)
    assert Retry(clock=clock, **FORMS[form]).call(once, order) == "done"
    del order

    assert (watched(), seen[0]()) == (None, None)
