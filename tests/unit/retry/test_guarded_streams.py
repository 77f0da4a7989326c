"""A generator that a breaker guards is still one, for whoever wraps it again."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import Any

import pytest

from syncpatterns.retry import CircuitBreaker, CircuitOpen, Retry, no_jitter


class Down(Exception):
    """The service does not answer."""


def retry() -> Retry:
    """Try again at once."""
    return Retry(on=Down, wait=no_jitter(0, 0), budget=None)


class Source:
    """Fails so often before its first item."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.begun = 0

    def begin(self) -> None:
        """Count a beginning; fail if it is one too early."""
        self.begun += 1
        if self.begun <= self.failures:
            raise Down

    def items(self, last: int) -> Generator[int, None, None]:
        """Yield numbers up to *last*."""
        self.begin()
        yield from range(last)

    async def aitems(self, last: int) -> AsyncGenerator[int, None]:
        """Do the same."""
        self.begin()
        for each in range(last):
            yield each


def test_what_is_guarded_keeps_its_kind() -> None:
    """Frameworks and decorators ask `inspect`."""
    breaker, source = CircuitBreaker(), Source(0)

    assert inspect.isgeneratorfunction(breaker(source.items))
    assert inspect.isasyncgenfunction(breaker(source.aitems))


def test_a_guarded_generator_is_retried_until_its_first_item() -> None:
    """Each beginning passes the breaker; the call has one vote."""
    breaker, source = CircuitBreaker(), Source(2)

    items = list(retry()(breaker(source.items))(3))

    assert items == [0, 1, 2]
    assert (source.begun, breaker.fail_counter) == (3, 1)


@pytest.mark.case("RTY-34", part="async, guarded")
async def test_a_guarded_async_generator_is_retried_until_its_first_item() -> None:
    """The same, awaited."""
    breaker, source = CircuitBreaker(), Source(2)

    items = [each async for each in retry()(breaker(source.aitems))(3)]

    assert items == [0, 1, 2]
    assert (source.begun, breaker.fail_counter) == (3, 1)


async def test_an_async_generator_that_a_plain_function_made_is_guarded() -> None:
    """By `call`; it is let in when it is begun."""
    breaker, source = CircuitBreaker(), Source(1)
    first: Any = breaker.call(lambda: source.aitems(1))
    second: Any = breaker.call(lambda: source.aitems(1))

    with pytest.raises(Down):
        await anext(first)
    breaker.open()
    with pytest.raises(CircuitOpen):
        await anext(second)

    assert (source.begun, breaker.fail_counter) == (1, 1)


async def test_a_guarded_async_generator_closed_early_has_answered() -> None:
    """And its own clean-up has run."""
    breaker = CircuitBreaker()
    closed: list[bool] = []

    @breaker
    async def items() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    async with aclosing(items()) as stream:
        first = await anext(stream)

    assert (first, closed, breaker.fail_counter) == (1, [True], 0)
