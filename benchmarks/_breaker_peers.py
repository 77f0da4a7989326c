"""The other circuit breakers, each with five failures, 60 s where it has a window,
and 300 s until it tries again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pybreaker

from benchmarks._peers import package

Plain = Callable[[], object]
Async = Callable[[], Awaitable[object]]

FAILURES, WINDOW, RECOVERY = 5, 60, 300
_numbers = count()


@dataclass(frozen=True, slots=True)
class Peer:
    """One package.

    Args:
        name: As it is installed.
        sync: Guards a plain function with a new breaker.
        aio: Guards an async function with a new one; None if it cannot.
    """

    name: str
    sync: Callable[[Plain], Plain]
    aio: Callable[[Async], Async] | None


def peers() -> Iterator[Peer]:
    """Make all of them.

    Raises:
        RuntimeError: One is not installed.
    """
    makers = (
        _pybreaker,
        _aiobreaker,
        _circuitbreaker,
        _nopanic,
        _purgatory,
        _interlock,
        _redress,
    )
    for make in makers:
        yield make()


def _pybreaker() -> Peer:
    def sync(fn: Plain) -> Plain:
        made: Any = pybreaker.CircuitBreaker(fail_max=FAILURES, reset_timeout=RECOVERY)
        guarded: Plain = made(fn)
        return guarded

    # Its decorator takes an async function too, but never sees a failure of it.
    return Peer("pybreaker", sync, None)


def _aiobreaker() -> Peer:
    aiobreaker = package("aiobreaker")

    def guard(fn: Any) -> Any:
        return aiobreaker.CircuitBreaker(
            fail_max=FAILURES, timeout_duration=timedelta(seconds=RECOVERY)
        )(fn)

    return Peer("aiobreaker", guard, guard)


def _circuitbreaker() -> Peer:
    circuitbreaker = package("circuitbreaker")

    def guard(fn: Any) -> Any:
        return circuitbreaker.CircuitBreaker(FAILURES, RECOVERY, name=_name())(fn)

    return Peer("circuitbreaker", guard, guard)


def _nopanic() -> Peer:
    nopanic = package("nopanic")

    def guard(fn: Any) -> Any:
        return nopanic.circuit_breaker(
            failure_threshold=0.5,
            min_calls=FAILURES,
            window=float(WINDOW),
            reset_timeout=float(RECOVERY),
        )(fn)

    return Peer("nopanic", guard, guard)


def _purgatory() -> Peer:
    purgatory = package("purgatory")

    def sync(fn: Any) -> Any:
        return purgatory.SyncCircuitBreakerFactory(FAILURES, RECOVERY)(_name())(fn)

    def aio(fn: Any) -> Any:
        return purgatory.AsyncCircuitBreakerFactory(FAILURES, RECOVERY)(_name())(fn)

    return Peer("purgatory", sync, aio)


def _interlock() -> Peer:
    interlock = package("interlock")
    config = interlock.Config(
        failure_rate_threshold=0.5,
        minimum_number_of_calls=FAILURES,
        permitted_calls_in_half_open=1,
        wait_duration_in_open=float(RECOVERY),
        window_type=interlock.WindowType.TIME_BASED,
        window_size=WINDOW,
    )

    def guard(fn: Any) -> Any:
        return interlock.CircuitBreaker(name=_name(), config=config)(fn)

    return Peer("interlock-cb", guard, guard)


def _redress() -> Peer:
    redress = package("redress")

    def breaker() -> Any:
        return redress.CircuitBreaker(
            failure_threshold=FAILURES,
            window_s=WINDOW,
            recovery_timeout_s=RECOVERY,
        )

    def sync(fn: Plain) -> Plain:
        policy = redress.Policy(circuit_breaker=breaker())
        return lambda: policy.call(fn)

    def aio(fn: Async) -> Async:
        policy = redress.AsyncPolicy(circuit_breaker=breaker())
        return lambda: policy.call(fn)

    return Peer("redress", sync, aio)


def _name() -> str:
    return f"benchmark {next(_numbers)}"
