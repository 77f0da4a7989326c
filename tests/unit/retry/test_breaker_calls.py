"""What can be guarded: functions, methods, generators and blocks of code."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import CircuitOpen
from tests.unit.retry.breaker_kit import (
    Down,
    abad,
    agood,
    bad,
    good,
    make,
    trip,
)


def test_arguments_and_results_pass(options: dict[str, Any]) -> None:
    """Call and decorator hand over everything as it is."""
    breaker, _ = make(**options)

    @breaker
    def pair(*args: int, **kwargs: int) -> tuple[Any, Any]:
        """Its own docstring."""
        return args, kwargs

    assert pair(1, 2, func=3, self=4) == ((1, 2), {"func": 3, "self": 4})
    assert breaker.call(pair, 1, func=3) == ((1,), {"func": 3})
    assert (pair.__name__, pair.__doc__) == ("pair", "Its own docstring.")


def test_a_decorated_function_fails_and_is_rejected(options: dict[str, Any]) -> None:
    """Its own error five times, then CircuitOpen without being run."""
    breaker, _ = make(**options)
    calls: list[int] = []

    @breaker
    def send() -> None:
        calls.append(1)
        raise Down

    for _ in range(5):
        with pytest.raises(Down):
            send()
    with pytest.raises(CircuitOpen) as raised:
        send()
    assert len(calls) == 5
    assert (raised.value.name, raised.value.retry_after) == ("sms", 300.0)


@pytest.mark.case("RTY-60")
async def test_an_async_function_is_judged_by_its_await(
    options: dict[str, Any],
) -> None:
    """Decorated like a plain one, its failures count."""
    breaker, clock = make(**options)
    guarded = breaker(abad)
    assert inspect.iscoroutinefunction(guarded)
    for _ in range(5):
        with pytest.raises(Down):
            await guarded()
    with pytest.raises(CircuitOpen):
        await guarded()

    clock.advance(300)
    assert await breaker(agood)() == "answer"
    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-60")
@pytest.mark.parametrize("how", ["call", "plain", "partial", "object"])
async def test_a_coroutine_is_found_however_it_is_made(
    how: str, options: dict[str, Any]
) -> None:
    """A plain callable that returns one is guarded while it is awaited."""
    breaker, _ = make(**options)

    class Sender:
        async def __call__(self) -> None:
            raise Down

    def plain() -> Any:
        return abad()

    forms: dict[str, Any] = {
        "call": functools.partial(breaker.call, abad),
        "plain": breaker(plain),
        "partial": breaker(functools.partial(abad)),
        "object": breaker(Sender()),
    }
    for _ in range(5):
        with pytest.raises(Down):
            await forms[how]()

    assert breaker.current_state == "open"
    with pytest.raises(CircuitOpen):
        await breaker.call(agood)


async def test_a_coroutine_made_before_the_trip_is_rejected_after_it() -> None:
    """It was not running yet, so it is not run."""
    breaker, _ = make()
    waiting = breaker.call(agood)
    trip(breaker)

    with pytest.raises(CircuitOpen):
        await waiting


async def test_acall_runs_an_async_function(options: dict[str, Any]) -> None:
    """With its arguments; failures count."""
    breaker, _ = make(**options)

    async def add(one: int, *, func: int) -> int:
        return one + func

    assert await breaker.acall(add, 1, func=2) == 3
    for _ in range(5):
        with pytest.raises(Down):
            await breaker.acall(abad)
    with pytest.raises(CircuitOpen):
        await breaker.acall(agood)


async def test_acall_refuses_what_cannot_be_awaited(options: dict[str, Any]) -> None:
    """The caller's mistake is no failure of the service."""
    breaker, _ = make(**options)
    mistaken: list[Any] = [good, lambda: None]
    for function in mistaken:
        with pytest.raises(ConfigurationError, match="use call"):
            await breaker.acall(function)

    assert breaker.fail_counter == 0

    async def raising() -> None:
        raise TypeError

    with pytest.raises(TypeError):
        await breaker.acall(raising)
    assert breaker.fail_counter == 1


async def test_acall_refuses_a_probe_that_cannot_be_awaited() -> None:
    """And the place of the probe is free again."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(300)
    mistaken: Any = good
    with pytest.raises(ConfigurationError):
        await breaker.acall(mistaken)

    assert await breaker.acall(agood) == "answer"


def test_methods_keep_their_object(options: dict[str, Any]) -> None:
    """One breaker guards the method of every instance."""
    breaker, _ = make(**options)

    class Sender:
        def __init__(self, name: str) -> None:
            self.name = name

        @breaker
        def send(self, body: str) -> str:
            return f"{self.name}: {body}"

        @classmethod
        @breaker
        def kind(cls) -> str:
            return cls.__name__

        @staticmethod
        @breaker
        def cost() -> int:
            return 1

    sender = Sender("a")

    assert sender.send("hi") == "a: hi"
    assert breaker.call(sender.send, "hi") == "a: hi"
    assert (Sender.kind(), Sender.cost()) == ("Sender", 1)


async def test_async_methods_keep_their_object() -> None:
    """The same for a method that is awaited."""
    breaker, _ = make()

    class Sender:
        @breaker
        async def send(self) -> str:
            return type(self).__name__

    assert await Sender().send() == "Sender"


@pytest.mark.parametrize("what", [int, 3, None, classmethod(lambda cls: cls)])
def test_what_is_no_function_is_refused_at_decoration(what: Any) -> None:
    """Not at the first call, and with a hint for @classmethod."""
    breaker, _ = make()
    decorate: Any = breaker._decorate

    with pytest.raises(ConfigurationError, match="guards functions"):
        decorate(what)


def test_an_unknown_option_of_the_decorator_is_refused() -> None:
    """A misspelt option must not be dropped in silence."""
    breaker, _ = make()

    with pytest.raises(ConfigurationError, match="naem"):
        breaker(naem=True)


def test_a_generator_is_judged_when_it_ends(options: dict[str, Any]) -> None:
    """Values go both ways; the failure of its last step counts."""
    breaker, _ = make(**options)

    @breaker
    def stream(fails: bool) -> Generator[int, int, str]:
        sent = yield 1
        yield sent + 1
        if fails:
            raise Down
        return "end"

    assert inspect.isgeneratorfunction(stream)
    for _ in range(5):
        running = stream(fails=True)
        assert (next(running), running.send(10)) == (1, 11)
        with pytest.raises(Down):
            next(running)
    assert breaker.current_state == "open"
    not_run = stream(fails=False)  # admitted when it starts, not when it is made
    with pytest.raises(CircuitOpen):
        next(not_run)

    breaker.close()
    running = stream(fails=False)
    next(running)
    running.send(1)
    with pytest.raises(StopIteration) as raised:
        next(running)
    assert raised.value.value == "end"


def test_a_generator_closed_early_has_answered() -> None:
    """Who stops reading after an item says nothing against the service."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(300)

    @breaker
    def stream() -> Iterator[int]:
        yield 1
        yield 2

    running = stream()
    next(running)
    running.close()  # type: ignore[attr-defined]  # an Iterator by its annotation

    assert breaker.current_state == "closed"


def test_call_guards_the_generator_it_gets(options: dict[str, Any]) -> None:
    """As in pybreaker, where the function given returns one."""
    breaker, _ = make(**options)

    def stream() -> Iterator[int]:
        yield 1
        raise Down

    for _ in range(5):
        with pytest.raises(Down):
            list(breaker.call(stream))

    assert breaker.current_state == "open"


def test_a_context_manager_made_of_a_guarded_generator_works() -> None:
    """The error of the body reaches the generator and counts."""
    breaker, _ = make()

    @contextmanager
    @breaker
    def session() -> Iterator[int]:
        yield 1

    with session() as one:
        assert one == 1
    for _ in range(5):
        with pytest.raises(Down), session():
            raise Down
    assert breaker.current_state == "open"


async def test_an_async_generator_is_judged_when_it_ends(
    options: dict[str, Any],
) -> None:
    """Values go both ways; its failure counts."""
    breaker, _ = make(**options)

    @breaker
    async def stream(fails: bool) -> AsyncGenerator[int, int]:
        sent = yield 1
        yield sent + 1
        if fails:
            raise Down

    for _ in range(5):
        running = stream(fails=True)
        assert (await anext(running), await running.asend(10)) == (1, 11)
        with pytest.raises(Down):
            await anext(running)
    with pytest.raises(CircuitOpen):
        await anext(stream(fails=False))

    breaker.close()
    assert [item async for item in stream_of(breaker)] == [0, 1, 2]
    assert breaker.fail_counter == 0


async def stream_of(breaker: Any) -> AsyncIterator[int]:
    """Give three items through *breaker*."""

    async def three() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async for item in breaker.call(three):
        yield item


async def test_an_async_generator_closed_early_is_closed_inside() -> None:
    """Aclose reaches the generator, which has answered."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(300)
    closed: list[bool] = []

    @breaker
    async def stream() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await anyio.lowlevel.checkpoint()
            closed.append(True)

    running = stream()
    await anext(running)
    await running.aclose()

    assert (closed, breaker.current_state) == ([True], "closed")


async def test_an_async_generator_may_handle_what_is_thrown_in() -> None:
    """Athrow reaches it; what it makes of it is its answer."""
    breaker, _ = make()

    @breaker
    async def stream() -> AsyncGenerator[str, None]:
        try:
            yield "first"
        except KeyError:
            yield "handled"

    running = stream()
    await anext(running)
    assert await running.athrow(KeyError()) == "handled"
    with pytest.raises(StopAsyncIteration):
        await anext(running)

    assert breaker.fail_counter == 0


@pytest.mark.case("RTY-51")
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("how", ["call", "decorated", "block", "generator"])
def test_what_is_no_exception_is_no_verdict(
    error: type[BaseException], how: str, options: dict[str, Any]
) -> None:
    """A hundred of them count nothing, and a probe gives its place back."""
    breaker, clock = make(failures=1, **options)

    def stop() -> None:
        raise error

    def stream() -> Iterator[None]:
        stop()
        yield

    def once() -> None:
        match how:
            case "call":
                breaker.call(stop)
            case "decorated":
                breaker(stop)()
            case "block":
                with breaker.calling():
                    stop()
            case _:
                next(breaker(stream)())

    for _ in range(100):
        with pytest.raises(error):
            once()
    assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)
    if how == "generator" and error is GeneratorExit:
        return  # indistinguishable from a close
    with pytest.raises(Down):
        breaker.call(bad)
    clock.advance(300)
    with pytest.raises(error):
        once()
    assert breaker.current_state == "half-open"
    assert breaker.call(good) == "answer"


def test_calls_may_nest() -> None:
    """A guarded function may call another one under the same breaker."""
    breaker, _ = make(failures=1)

    assert breaker.call(lambda: breaker.call(good)) == "answer"
