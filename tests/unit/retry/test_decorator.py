from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import Retry
from syncpatterns.testing import FakeClock


class Down(Exception):
    pass


def test_a_decorated_function_keeps_its_signature(clock: FakeClock) -> None:
    """Name, docstring and parameters stay."""

    @Retry(on=Down, clock=clock)
    def add(a: int, *, b: int = 2) -> int:
        """Add."""
        return a + b

    assert add(1, b=4) == 5
    assert add.__name__ == "add"
    assert add.__doc__ == "Add."
    assert str(inspect.signature(add)) == "(a: 'int', *, b: 'int' = 2) -> 'int'"


async def test_methods_are_bound(clock: FakeClock) -> None:
    """A decorated method gets its instance, static and class methods work too."""
    retry = Retry(on=Down, clock=clock)

    class Client:
        def __init__(self) -> None:
            self.left = 1

        @retry
        def sync(self, value: int) -> int:
            if self.left:
                self.left -= 1
                raise Down
            return value

        @retry
        async def later(self, value: int) -> int:
            return self.sync(value)

        @staticmethod
        @retry
        def plain(value: int) -> int:
            return value

        @classmethod
        @retry
        def of(cls, value: int) -> tuple[str, int]:
            return cls.__name__, value

    assert Client().sync(7) == 7
    assert await Client().later(8) == 8
    assert Client.plain(9) == 9
    assert Client.of(1) == ("Client", 1)
    assert inspect.iscoroutinefunction(Client.later)


async def test_callable_objects_and_partials_are_taken(clock: FakeClock) -> None:
    """Whether they are async is seen through the wrapping."""

    class Async:
        async def __call__(self, value: int) -> int:
            return value

    async def double(value: int, times: int) -> int:
        return value * times

    retry = Retry(on=Down, clock=clock)

    assert await retry(Async())(3) == 3
    assert await retry(functools.partial(double, times=2))(4) == 8
    assert retry(functools.partial(int, "12"))() == 12


def _items() -> Generator[int]:
    yield 1


async def _aitems() -> AsyncGenerator[int]:
    yield 1


class _Items:
    def __call__(self) -> Generator[int]:
        yield 1


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        (staticmethod(len), "below @staticmethod"),
        (classmethod(type), "below @staticmethod"),
        (Down, "needs a function"),
        (None, "needs a function"),
    ],
)
def test_what_cannot_be_retried_is_refused_at_decoration(fn: Any, words: str) -> None:
    """A class would stop being one, a descriptor cannot be called."""
    with pytest.raises(ConfigurationError, match=words):
        Retry(on=Down)(fn)


async def test_a_generator_is_called_not_awaited(clock: FakeClock) -> None:
    """call() gives it back with its retries; there is nothing to await."""
    retry = Retry(on=Down, clock=clock)

    assert list(retry.call(_items)) == [1]
    assert [item async for item in retry.call(_aitems)] == [1]
    assert list(retry.call(_Items())) == [1]
    assert list(retry.call(functools.partial(_items))) == [1]
    for generator in (_items, _aitems):
        with pytest.raises(ConfigurationError, match=r"nothing to await.*call\(\)"):
            await retry.acall(generator)  # type: ignore[arg-type]  # wrong on purpose


def test_a_generator_made_by_a_plain_function_is_its_result(clock: FakeClock) -> None:
    """What the function itself did before returning it was retried."""
    assert list(Retry(on=Down, clock=clock).call(lambda: _numbers(3))) == [0, 1, 2]


def _numbers(count: int) -> Generator[int]:
    return (number for number in range(count))


def test_call_refuses_an_async_function(clock: FakeClock, flaky: Any) -> None:
    """Its coroutine would look like a success whose failure nobody sees."""
    with pytest.raises(ConfigurationError, match=r"is async.*acall"):
        Retry(on=Down, clock=clock).call(flaky().acall)


async def test_acall_refuses_a_plain_function(clock: FakeClock, flaky: Any) -> None:
    """It would block the loop; and its result cannot be awaited."""
    with pytest.raises(ConfigurationError, match=r"is not async.*call\(\)"):
        await Retry(on=Down, clock=clock).acall(flaky())
