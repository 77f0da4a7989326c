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
from syncpatterns.retry._pause import skipped_sleeps
from syncpatterns.retry._series import SCOPED, UNSCOPED, Policy, Series, label

P = ParamSpec("P")
T = TypeVar("T")

_UNSET: Any = object()
_LAZY: frozenset[type] = frozenset((AsyncGeneratorType, CoroutineType, GeneratorType))


def sync_loop(policy: Policy, fn: Callable[P, T]) -> Callable[P, T]:
    """Return *fn* with its retries."""
    loop = _loop(policy, fn)
    if policy.timeout is None:
        return loop
    clock, timeout = policy.clock, policy.timeout

    def timed(*args: P.args, **kwargs: P.kwargs) -> T:
        with DeadlineScope(clock, timeout):
            return loop(*args, **kwargs)

    return timed


def _loop(policy: Policy, fn: Callable[..., T]) -> Callable[..., T]:  # noqa: C901 - as below
    budget, full = policy.budget, policy.budget.size
    judging, timed = policy.judging, policy.plain is None
    sleep = policy.clock.sleep
    # The type of the last answer that is neither judged nor one of _LAZY: most
    # functions have one, and to look it up in a set is a fifth of a whole call.
    usual: Any = None

    def attempts(*args: Any, **kwargs: Any) -> T:  # noqa: C901, PLR0912 - cut in two it takes a tenth more
        nonlocal usual
        started = timed and policy.clock.monotonic()
        try:
            result = fn(*args, **kwargs) if kwargs else fn(*args)
        except Exception as error:
            series = Series(policy, started, fn, args, kwargs, UNSCOPED)
            delay = series.after(error)
            if delay is None:
                raise
        else:
            if type(result) is usual:
                if budget.tokens < full:
                    budget.deposit()
                return result
            if type(result) in _LAZY:
                return _settle_lazy(policy, fn, result, args, kwargs)
            if not judging:
                usual = type(result)
                budget.deposit()
                return result
            series = Series(policy, started, fn, args, kwargs, UNSCOPED)
            delay = series.judge(result)
            if delay is None:
                return result
        while True:
            try:  # Series.pause, without its call
                sleep(delay) if skipped_sleeps.get() is None else series.skip(delay)
            except BaseException:
                budget.refund()
                raise
            series.attempt += 1
            token = attempt_number.set(series.attempt)
            try:
                result = fn(*args, **kwargs) if kwargs else fn(*args)
            except Exception as error:
                delay = series.after(error)
                if delay is None:
                    raise
            else:
                if not judging:
                    budget.deposit()
                    return result
                delay = series.judge(result)
                if delay is None:
                    return result
            finally:
                attempt_number.reset(token)

    return attempts


def async_loop(
    policy: Policy, fn: Callable[P, Awaitable[T]]
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return the async *fn* with its retries."""
    loop = _aloop(policy, fn)
    if policy.timeout is None:
        return loop
    clock, timeout = policy.clock, policy.timeout

    async def timed(*args: P.args, **kwargs: P.kwargs) -> T:
        with DeadlineScope(clock, timeout):
            return await loop(*args, **kwargs)

    return timed


def _aloop(  # noqa: C901 - as below
    policy: Policy, fn: Callable[..., Awaitable[T]]
) -> Callable[..., Coroutine[Any, Any, T]]:
    budget, full = policy.budget, policy.budget.size
    judging, timed = policy.judging, policy.plain is None
    asleep = policy.clock.asleep

    async def attempts(*args: Any, **kwargs: Any) -> T:  # noqa: C901, PLR0912 - cut in two it takes a tenth more
        started = timed and policy.clock.monotonic()
        pending = _UNSET
        try:
            pending = fn(*args, **kwargs) if kwargs else fn(*args)
            result = await pending
        except Exception as error:
            if type(error) is TypeError and pending is not _UNSET:
                _require_awaitable(fn, pending)
            pending = _UNSET  # a task keeps its error, and that this frame
            series = Series(policy, started, fn, args, kwargs, SCOPED)
            delay = series.after(error)
            if delay is None:
                raise
        else:
            if not judging:
                if budget.tokens < full:
                    budget.deposit()
                return result
            series = Series(policy, started, fn, args, kwargs, SCOPED)
            delay = series.judge(result)
            if delay is None:
                return result
        while True:
            try:  # Series.apause, without its coroutine
                await (asleep if skipped_sleeps.get() is None else series.askip)(delay)
            except BaseException:
                budget.refund()
                raise
            series.attempt += 1
            token = attempt_number.set(series.attempt)
            try:
                result = await (fn(*args, **kwargs) if kwargs else fn(*args))
            except Exception as error:
                delay = series.after(error)
                if delay is None:
                    raise
            else:
                if not judging:
                    budget.deposit()
                    return result
                delay = series.judge(result)
                if delay is None:
                    return result
            finally:
                try:  # noqa: SIM105 - suppress() takes as long as the rest of this
                    attempt_number.reset(token)
                except ValueError:  # closed from another context: see `restore`
                    pass

    return attempts


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


def _require_awaitable(fn: Callable[..., Any], pending: object) -> None:
    """Tell our caller's mistake from a `TypeError` of the function."""
    if not inspect.isawaitable(pending):
        refuse_sync(fn, pending)


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
