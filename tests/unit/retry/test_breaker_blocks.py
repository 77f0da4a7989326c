"""A block of code that a breaker guards is one call."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import anyio
import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import CircuitOpen
from tests.unit.retry.breaker_kit import Down, bad, make, outcome


def test_a_block_is_one_call(options: dict[str, Any]) -> None:
    """With pybreaker's name; rejected on entry."""
    breaker, clock = make(**options)
    for _ in range(5):
        with pytest.raises(Down), breaker.calling():
            raise Down
    entered = False
    with pytest.raises(CircuitOpen), breaker.calling():
        entered = True
    assert entered is False

    clock.advance(300)
    with breaker.calling():
        assert breaker.current_state == "half-open"
    assert breaker.current_state == "closed"


async def test_a_block_as_a_decorator_is_the_breakers_own() -> None:
    """The one of contextlib would count the making of a coroutine as an answer."""
    breaker, _ = make(failures=2)

    @breaker.calling()
    async def ask() -> None:
        raise Down

    @breaker.calling()
    def items() -> Generator[None, None, None]:
        bad()
        yield

    with pytest.raises(Down):
        await ask()
    with pytest.raises(Down):
        list(items())

    assert breaker.current_state == "open"


def test_a_block_is_entered_once_at_a_time(options: dict[str, Any]) -> None:
    """One after the other it may serve; two at a time need two."""
    breaker, _ = make(**options)
    block = breaker.calling()
    for _ in range(4):
        with pytest.raises(Down), block:
            raise Down
    with block, pytest.raises(ConfigurationError, match="calling"):
        block.__enter__()
    with pytest.raises(Down), block:
        raise Down
    with pytest.raises(CircuitOpen):
        block.__enter__()
    breaker.close()
    with block:
        assert outcome(breaker) == "answer"


async def test_an_async_block_is_one_call(options: dict[str, Any]) -> None:
    """The same around awaits."""
    breaker, clock = make(**options)

    async def failing() -> None:
        async with breaker.acalling():
            await anyio.lowlevel.checkpoint()
            raise Down

    for _ in range(5):
        with pytest.raises(Down):
            await failing()
    with pytest.raises(CircuitOpen):
        async with breaker.acalling():
            pass

    clock.advance(300)
    async with breaker.acalling():
        await anyio.lowlevel.checkpoint()
    assert breaker.current_state == "closed"
