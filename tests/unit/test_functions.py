"""What kind of function somebody handed us is seen through its wrappings."""

from __future__ import annotations

import functools
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pybreaker
import pytest

from syncpatterns._functions import function_of, is_async
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Hooks
from syncpatterns.retry import CircuitBreaker, Retry, no_jitter
from syncpatterns.testing import FakeClock


class Awaited:
    """An object that is called like an async function."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, *args: object) -> int:
        self.calls += 1
        raise ConnectionError(f"{self.calls}")

    async def method(self) -> int:
        return 1


class Plain:
    """An object that is called like a function."""

    def __call__(self) -> int:
        return 1


async def function() -> int:
    """Return one."""
    return 1


@pytest.mark.parametrize(
    "wrapped",
    [
        function,
        Awaited(),
        Awaited().method,
        functools.partial(function),
        functools.partial(Awaited()),
        functools.partial(functools.partial(Awaited(), 1), 2),
        AsyncMock(),
    ],
)
def test_what_must_be_awaited_is_seen(wrapped: Any) -> None:
    """An ``async def``, whatever holds it."""
    assert is_async(wrapped) is True


@pytest.mark.parametrize(
    "wrapped",
    [Plain(), Plain, Awaited, functools.partial(Plain()), len, Mock(), 5, None, "call"],
)
def test_what_need_not_be_awaited_is_seen(wrapped: Any) -> None:
    """Also a class, whose call makes an object, and what cannot be called."""
    assert is_async(wrapped) is False


class Service:
    """What a test replaces by a mock."""

    def on_event(self, fact: object) -> None:
        raise AssertionError(fact)

    async def on_event_later(self, fact: object) -> None:
        raise AssertionError(fact)


def plain(fact: object) -> bool:
    """Fail: a mock stands for it."""
    raise AssertionError(fact)


MOCKS: dict[str, Any] = {
    "autospec of an object": create_autospec(Service, instance=True).on_event,
    "autospec of a function": create_autospec(plain),
    "Mock": Mock(spec=plain),
    "MagicMock": MagicMock(spec=plain),
    "Mock of a method": Mock(spec=Service().on_event),
    "partial of a Mock": functools.partial(Mock(spec=plain)),
    "partial of a MagicMock": functools.partial(MagicMock(spec=plain)),
}


@pytest.mark.parametrize("mock", MOCKS.values(), ids=MOCKS)
def test_a_mock_of_a_plain_function_is_plain(mock: Any) -> None:
    """It passes for a function, and its code's flags are a mock too."""
    breaker = CircuitBreaker(hooks=[mock], exclude=mock)

    assert is_async(mock) is False
    assert bool(Hooks([mock])) is True
    assert breaker.excluded_exceptions == (mock,)


def test_a_mock_of_a_listener_is_told() -> None:
    """As whoever tests a service with a breaker makes it."""
    listener: Any = create_autospec(pybreaker.CircuitBreakerListener, instance=True)
    breaker = CircuitBreaker(failures=1, listeners=[listener])
    breaker.open()

    listener.state_change.assert_called_once()


@pytest.mark.parametrize(
    "mock",
    [
        create_autospec(Service, instance=True).on_event_later,
        Mock(spec=function),
        AsyncMock(spec=plain),
        functools.partial(AsyncMock()),
    ],
    ids=["autospec", "Mock", "AsyncMock", "partial"],
)
def test_a_mock_of_an_async_function_is_refused(mock: Any) -> None:
    """It makes coroutines, as what it stands for."""
    assert is_async(mock) is True
    with pytest.raises(ConfigurationError, match="async"):
        Hooks([mock])
    with pytest.raises(ConfigurationError, match="async"):
        CircuitBreaker(exclude=mock)


def test_the_function_behind_it_is_found() -> None:
    """Where its annotations are."""
    assert function_of(functools.partial(Awaited())) is Awaited.__call__
    assert function_of(functools.partial(function)) is function


async def test_a_partial_of_an_async_object_is_retried() -> None:
    """Taken for a plain function, its failures would be seen by nobody."""
    target, clock = Awaited(), FakeClock(auto_advance=True)
    retry = Retry(on=ConnectionError, attempts=3, wait=no_jitter(), clock=clock)
    call: Any = retry(functools.partial(target, 1))

    with pytest.raises(ConnectionError):
        await call()

    assert target.calls == 3


async def test_a_partial_of_an_async_object_has_its_failures_counted() -> None:
    """A breaker that never awaits it would count successes."""
    breaker = CircuitBreaker(name="partial")
    call: Any = breaker(functools.partial(Awaited(), 1))

    with pytest.raises(ConnectionError):
        await call()

    assert breaker.fail_counter == 1


def test_a_partial_of_an_async_object_is_no_strategy() -> None:
    """What it returns would count as true."""
    strategy: Any = functools.partial(Awaited())

    with pytest.raises(ConfigurationError, match="async function"):
        Retry(on=strategy)
