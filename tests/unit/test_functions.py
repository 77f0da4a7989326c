"""What kind of function somebody handed us is seen through its wrappings."""

from __future__ import annotations

import functools
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from syncpatterns._functions import function_of, is_async
from syncpatterns.errors import ConfigurationError
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
