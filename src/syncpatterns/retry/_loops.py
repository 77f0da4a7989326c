"""The loops around a plain and around an async function.

The first try runs the function in a bare try block, specialised when the
function is decorated: no state is made and nothing is asked until it fails.
Only then a `Series` begins, in a function of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import _streams
from syncpatterns.retry._attempt import attempt_number
from syncpatterns.retry._deadline import DeadlineScope
from syncpatterns.retry._series import Policy, Series, label

P = ParamSpec("P")
T = TypeVar("T")

_LAZY: frozenset[type] = frozenset((AsyncGeneratorType, CoroutineType, GeneratorType))


def sync_loop(policy: Policy, fn: Callable[P, T]) -> Callable[P, T]:
    """Return *fn* with its retries."""
    loop = _judged(policy, fn) if policy.strategies.judging else _quick(policy, fn)
    if policy.timeout is None:
        return loop
    clock, timeout = policy.clock, policy.timeout

    def timed(*args: P.args, **kwargs: P.kwargs) -> T:
        with DeadlineScope(clock, timeout):
            return loop(*args, **kwargs)

    return timed


def _quick(policy: Policy, fn: Callable[P, T]) -> Callable[P, T]:
    budget, full, timed = policy.budget, policy.budget.size, policy.plain is None

    def attempts(*args: P.args, **kwargs: P.kwargs) -> T:
        started = policy.started() if timed else 0.0
        try:
            result = fn(*args, **kwargs)
        except Exception as error:
            series = Series(policy, started, (fn, args, kwargs))
            delay = series.after(error)
            if delay is None:
                raise
        else:
            if type(result) in _LAZY:
                return _settle_lazy(policy, fn, result, args, kwargs)
            if budget.tokens < full:
                budget.deposit()
            return result
        return _again(series, delay, fn, args, kwargs)

    return attempts


def _judged(policy: Policy, fn: Callable[P, T]) -> Callable[P, T]:
    """Return *fn* with retries after unwanted values too."""

    def attempts(*args: P.args, **kwargs: P.kwargs) -> T:
        series = Series(policy, policy.started(), (fn, args, kwargs))
        try:
            result = fn(*args, **kwargs)
        except Exception as error:
            delay = series.after(error)
            if delay is None:
                raise
        else:
            if type(result) in _LAZY:
                return _settle_lazy(policy, fn, result, args, kwargs)
            if not series.unwanted(result):
                policy.budget.deposit()
                return result
            delay = series.after(None)
            if delay is None:
                return result
        return _again(series, delay, fn, args, kwargs)

    return attempts


def _again(
    series: Series,
    delay: float,
    fn: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> T:
    """Make the second and all further attempts."""
    while True:
        series.pause(delay)
        token = attempt_number.set(series.attempt)
        try:
            result = fn(*args, **kwargs)
        except Exception as error:
            planned = series.after(error)
            if planned is None:
                raise
        else:
            if not series.judging or not series.unwanted(result):
                series.budget.deposit()
                return result
            planned = series.after(None)
            if planned is None:
                return result
        finally:
            attempt_number.reset(token)
        delay = planned


def async_loop(
    policy: Policy, fn: Callable[P, Awaitable[T]]
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return the async *fn* with its retries."""
    loop = _ajudged(policy, fn) if policy.strategies.judging else _aquick(policy, fn)
    if policy.timeout is None:
        return loop
    clock, timeout = policy.clock, policy.timeout

    async def timed(*args: P.args, **kwargs: P.kwargs) -> T:
        with DeadlineScope(clock, timeout):
            return await loop(*args, **kwargs)

    return timed


def _aquick(
    policy: Policy, fn: Callable[P, Awaitable[T]]
) -> Callable[P, Coroutine[Any, Any, T]]:
    budget, full, timed = policy.budget, policy.budget.size, policy.plain is None

    async def attempts(*args: P.args, **kwargs: P.kwargs) -> T:
        started = policy.started() if timed else 0.0
        try:
            pending = fn(*args, **kwargs)
            kind: Any = type(pending)  # a coroutine is the quick answer
            if kind is CoroutineType or inspect.isawaitable(cast("object", pending)):
                result = await pending
                if budget.tokens < full:
                    budget.deposit()
                return result
        except Exception as error:
            series = Series(policy, started, (fn, args, kwargs), scoped=True)
            delay = series.after(error)
            if delay is None:
                raise
        else:
            refuse_sync(fn, pending)
        return await _aagain(series, delay, fn, args, kwargs)

    return attempts


def _ajudged(
    policy: Policy, fn: Callable[P, Awaitable[T]]
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return the async *fn* with retries after unwanted values too."""

    async def attempts(*args: P.args, **kwargs: P.kwargs) -> T:
        started = policy.started()
        series = Series(policy, started, (fn, args, kwargs), scoped=True)
        try:
            pending = fn(*args, **kwargs)
            if not inspect.isawaitable(cast("object", pending)):
                refuse_sync(fn, pending)
            result = await pending
        except Exception as error:
            delay = series.after(error)
            if delay is None:
                raise
        else:
            if not series.unwanted(result):
                policy.budget.deposit()
                return result
            delay = series.after(None)
            if delay is None:
                return result
        return await _aagain(series, delay, fn, args, kwargs)

    return attempts


async def _aagain(
    series: Series,
    delay: float,
    fn: Callable[..., Awaitable[T]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> T:
    """Make the second and all further attempts."""
    while True:
        await series.apause(delay)
        token = attempt_number.set(series.attempt)
        try:
            result = await fn(*args, **kwargs)
        except Exception as error:
            planned = series.after(error)
            if planned is None:
                raise
        else:
            if not series.judging or not series.unwanted(result):
                series.budget.deposit()
                return result
            planned = series.after(None)
            if planned is None:
                return result
        finally:
            attempt_number.reset(token)
        delay = planned


def refuse(fn: object) -> None:
    """Refuse what is no function.

    Raises:
        ConfigurationError: It is a class, a descriptor, or not callable.
    """
    if isinstance(fn, (staticmethod, classmethod)):
        message = "Put @Retry below @staticmethod or @classmethod, next to the def."
        raise ConfigurationError(message)
    if inspect.isclass(fn) or not callable(fn):
        message = f"@Retry needs a function or a method, not {fn!r}."
        raise ConfigurationError(message)


def _settle_lazy(
    policy: Policy,
    fn: Callable[..., T],
    result: T,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> T:
    """Deal with a call that has not happened yet, though it looks like a success."""
    if isinstance(result, CoroutineType):
        result.close()  # else Python warns that it was never awaited
        message = (
            f"{label(fn)} is async: it returned a coroutine, whose failure would "
            "be seen by nobody. Use acall()."
        )
        raise ConfigurationError(message)
    retried = _streams.stream_loop(policy, fn)
    if retried is None:  # a generator made by a plain function is its result
        policy.budget.deposit()
        return result
    return cast("T", retried(*args, **kwargs))


def refuse_sync(fn: Callable[..., Any], result: object) -> NoReturn:
    """Refuse what `acall` cannot await.

    Raises:
        ConfigurationError: Always; the message says what to use.
    """
    kind = type(result).__name__
    if isinstance(result, (AsyncGeneratorType, GeneratorType)):
        message = (
            f"{label(fn)} is a generator: there is nothing to await. Use call(), "
            "which returns the generator with its retries."
        )
        raise ConfigurationError(message)
    message = f"{label(fn)} is not async: it returned a {kind}. Use call()."
    raise ConfigurationError(message)
