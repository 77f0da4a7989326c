"""What a breaker weighs, and that it keeps nothing of anybody's call."""

from __future__ import annotations

import asyncio
import gc
import pickle  # hygiene: unsafe - whether a rejection crosses processes is the question
import sys
import tracemalloc
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pybreaker
import pytest

from syncpatterns.retry import CircuitBreaker, CircuitOpen
from tests.timing import at_best
from tests.unit.retry.breaker_kit import bad, good, make, outcome, trip
from tests.unit.retry.leftovers import collected, left_by

LIMIT = 1600
_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)


def weight(root: object) -> int:
    """Return the bytes of *root* and all it alone refers to.

    Classes, functions, modules and whatever is interned or belongs to the
    library's own modules is shared by all breakers, and so not counted.
    """
    other = CircuitBreaker("other")
    shared = {id(each) for each in reachable(other)}
    own = [each for each in reachable(root) if id(each) not in shared]
    return sum(sys.getsizeof(each) for each in own)


def reachable(root: object) -> Iterator[object]:
    """Walk everything *root* refers to, but code."""
    seen = {id(root)}
    waiting = [root]
    while waiting:
        each = waiting.pop()
        yield each
        for part in gc.get_referents(each):
            if id(part) not in seen and not isinstance(part, _SHARED):
                seen.add(id(part))
                waiting.append(part)


def closed() -> CircuitBreaker:
    """Return one that was never called."""
    return CircuitBreaker("fresh")


def full() -> CircuitBreaker:
    """Return one whose window is full."""
    breaker = CircuitBreaker("full", min_rate=0.9)
    for _ in range(20):
        outcome(breaker, good)
        outcome(breaker, bad)
    return breaker


def opened() -> CircuitBreaker:
    """Return one that has tripped."""
    breaker = CircuitBreaker("open")
    trip(breaker)
    return breaker


def probing() -> CircuitBreaker:
    """Return one with a probe out."""
    breaker = CircuitBreaker("probing")
    breaker.half_open()
    breaker._enter(None, (), {})
    return breaker


@pytest.mark.parametrize("build", [closed, full, opened, probing])
def test_a_breaker_is_small_in_every_state(build: Callable[[], Any]) -> None:
    """At most 1,600 bytes, counted object by object."""
    breaker = build()
    assert breaker.__dict__ == {}

    assert weight(breaker) <= LIMIT


def test_the_scale_finds_what_hangs_on_a_breaker() -> None:
    """Planted: a breaker that keeps a kilobyte more."""
    light, heavy = closed(), closed()
    heavy.__dict__["kept"] = bytearray(1024)

    assert weight(heavy) - weight(light) > 1024


def test_the_allocator_agrees() -> None:
    """A thousand breakers take less than 1.6 MB, whatever counts as an object."""
    kept = [CircuitBreaker("warm") for _ in range(10)]

    def make_them() -> float:
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            kept.extend([CircuitBreaker("many") for _ in range(1000)])
            return (tracemalloc.get_traced_memory()[0] - before) / 1000
        finally:
            tracemalloc.stop()

    assert at_best(make_them, LIMIT, tries=5) <= LIMIT


class Listener(pybreaker.CircuitBreakerListener):
    """Hears everything and keeps nothing."""


def rounds(breaker: CircuitBreaker, clock: Any) -> None:
    """Go once round: failures, trip, rejections, failed and answered probe."""
    guarded = breaker(bad)
    for function in (bad, guarded):
        for _ in range(5):
            outcome(breaker, function)
    outcome(breaker, good)
    clock.advance(300)
    outcome(breaker, bad)
    clock.advance(300)
    outcome(breaker, good)


@pytest.mark.parametrize(
    "options",
    [{}, {"slow_call": 5.0}, {"listeners": [Listener()]}, {"exclude": [KeyError]}],
    ids=["plain", "slow", "listener", "exclude"],
)
def test_no_cyclic_garbage_is_left(options: dict[str, Any]) -> None:
    """What a call leaves goes by itself, without the collector."""
    breaker, clock = make(**options)

    def used() -> None:
        rounds(breaker, clock)
        with pytest.raises(OSError), breaker.calling():
            raise OSError

    assert left_by(used) == []


def test_no_cyclic_garbage_is_left_by_async_calls() -> None:
    """The same for what is awaited."""

    async def run() -> list[Any]:
        breaker, _ = make()

        async def fails() -> None:
            raise OSError

        guarded = breaker(fails)

        async def once() -> None:
            for function in (fails, guarded):
                with suppress(OSError, CircuitOpen):
                    await breaker.acall(function)

        await once()
        gc.collect()
        for _ in range(10):
            await once()
        return collected()

    gc.disable()
    try:
        assert asyncio.run(run()) == []
    finally:
        gc.enable()


@pytest.mark.parametrize("options", [{}, {"listeners": [Listener()]}])
def test_nothing_of_the_caller_is_kept_alive(options: dict[str, Any]) -> None:
    """Neither its error nor what its frames hold outlives the call."""

    class Secret:
        pass

    class Failure(OSError):
        pass

    breaker, _ = make(**options)
    secrets: list[weakref.ref[Any]] = []

    def send() -> None:
        secret, failure = Secret(), Failure()
        secrets.extend((weakref.ref(secret), weakref.ref(failure)))
        try:
            raise failure
        finally:
            del failure

    gc.disable()
    try:
        for _ in range(6):
            with suppress(Failure, CircuitOpen):
                breaker.call(send)
        assert [each() for each in secrets] == [None] * 10
    finally:
        gc.enable()


@pytest.mark.case("RTY-63")
@pytest.mark.parametrize("error", [CircuitOpen("sms", 1.5), CircuitOpen(None, 0.0)])
def test_a_rejection_crosses_processes(error: CircuitOpen) -> None:
    """A process pool hands it over with all it says."""
    copy = pickle.loads(pickle.dumps(error))

    assert isinstance(copy, CircuitOpen)
    assert (error.name, error.retry_after) == (copy.name, copy.retry_after)
    assert str(error) == str(copy)
