"""`Retry`: the loop around a function that may fail for a moment."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Hook, Hooks
from syncpatterns.retry._core import Rng
from syncpatterns.retry._rules import (
    On,
    PlainRules,
    StopStrategy,
    WaitStrategy,
    strategies,
)
from syncpatterns.retry._series import Policy, Series, checked_limits, label
from syncpatterns.retry._waits import SHARED_RNG, Wait, full_jitter

P = ParamSpec("P")
T = TypeVar("T")

_LAZY: frozenset[type] = frozenset((AsyncGeneratorType, CoroutineType, GeneratorType))


class Retry:
    """Run a function again after a failure that *on* names.

    The first try runs the function directly; strategies are asked only after
    an `Exception`. Cancellation, KeyboardInterrupt and every other
    BaseException pass at once, whatever *on* says. When it gives up, the
    caller gets the last attempt's own exception. One object serves any number
    of threads and tasks: all state belongs to the call.

    An error with a `retry_after` (seconds) is not retried earlier than that.

    ::

        @Retry(on=ConnectionError)
        def reserve(order: Order) -> Reservation: ...


        await Retry(on=(TimeoutError, ConnectionError), attempts=3).acall(fetch, url)

    The idea: strategies as objects from tenacity, called with a loop of our
    own; jitter from the AWS Architecture Blog.

    Args:
        on: What may be retried: an exception class, a tuple of them, a
            function of the exception, or a tenacity retry strategy. There is
            no default, since only the caller knows what is safe to repeat.
        attempts: Most attempts, the first included. None leaves the end to
            *stop*.
        wait: Seconds between attempts: one of ours, or a tenacity wait
            strategy. Default: full jitter over 1, 2, 4, 4, ... seconds.
        stop: A tenacity stop strategy; it and *attempts* both apply.
        max_hint: Longest `retry_after` in seconds that is waited for. A
            longer one ends the call at once, with the hint on the exception.
        clock: Where time comes from.
        rng: Where jitter comes from; seed it to repeat a schedule.
        hooks: Told of each retry as a `syncpatterns.events.Retried`, without
            the arguments of the call.
        name: What the retries are called in events; default: the function's
            qualified name.

    Raises:
        ConfigurationError: A value can never work, or no limit is set.
    """

    def __init__(  # noqa: PLR0913 - options, each keyword-only
        self,
        *,
        on: On,
        attempts: int | None = 5,
        wait: WaitStrategy | None = None,
        stop: StopStrategy | None = None,
        max_hint: float = 60.0,
        clock: Clock | None = None,
        rng: Rng | None = None,
        hooks: Iterable[Hook] = (),
        name: str | None = None,
    ) -> None:
        wait = full_jitter() if wait is None else wait
        chosen = strategies(on, wait, stop)
        rng = SHARED_RNG if rng is None else rng
        self._policy = Policy(
            strategies=chosen,
            limits=checked_limits(attempts, stop, max_hint, wait),
            clock=SystemClock() if clock is None else clock,
            rng=rng,
            hooks=Hooks(hooks),
            name=name,
            plain=PlainRules(chosen, cast("Wait", wait), rng) if chosen.plain else None,
        )

    def __call__(self, fn: Callable[P, T], /) -> Callable[P, T]:
        """Decorate *fn*, a plain or an async function, or a method.

        Raises:
            ConfigurationError: *fn* is a generator (items already handed out
                cannot be taken back), a class, or not callable.
        """
        _refuse(fn)
        loop: Callable[..., Any] = (
            self._async_loop(cast("Callable[..., Awaitable[Any]]", fn))
            if _is_async(fn)
            else self._sync_loop(fn)
        )
        return cast("Callable[P, T]", functools.wraps(fn)(loop))

    def call(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *fn* with the arguments and return what it returns.

        Raises:
            Exception: The last attempt's own exception.
            ConfigurationError: *fn* is async; use `acall`.
        """
        return self._sync_loop(fn)(*args, **kwargs)

    async def acall(
        self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call the async *fn* with the arguments and return what it returns.

        Raises:
            Exception: The last attempt's own exception.
            ConfigurationError: *fn* is not async; use `call`.
        """
        return await self._async_loop(fn)(*args, **kwargs)

    def __repr__(self) -> str:
        chosen = self._policy.strategies
        on: Any = chosen.on or chosen.predicate
        if chosen.classes is not None:
            on = "(" + ", ".join(item.__name__ for item in chosen.classes) + ")"
        stop = "" if chosen.stop is None else f", stop={chosen.stop!r}"
        return (
            f"Retry(on={on}, attempts={self._policy.limits.attempts}, "
            f"wait={chosen.wait!r}{stop})"
        )

    def _sync_loop(self, fn: Callable[P, T]) -> Callable[P, T]:
        policy, clock = self._policy, self._policy.clock

        def attempts(*args: P.args, **kwargs: P.kwargs) -> T:
            started = None if policy.plain else clock.monotonic()
            series: Series | None = None
            while True:
                try:
                    result = fn(*args, **kwargs)
                except Exception as error:
                    if series is None:
                        series = Series(policy, started, (fn, args, kwargs))
                    delay = series.after(error)
                    if delay is None:
                        raise
                else:
                    if type(result) in _LAZY:
                        _refuse_lazy(fn, result)
                    return result
                clock.sleep(delay)

        return attempts

    def _async_loop(
        self, fn: Callable[P, Awaitable[T]]
    ) -> Callable[P, Coroutine[Any, Any, T]]:
        policy, clock = self._policy, self._policy.clock

        async def attempts(*args: P.args, **kwargs: P.kwargs) -> T:
            started = None if policy.plain else clock.monotonic()
            series: Series | None = None
            while True:
                try:
                    pending = fn(*args, **kwargs)
                    kind: Any = type(pending)  # a coroutine is the quick answer
                    if kind is CoroutineType or inspect.isawaitable(
                        cast("object", pending)
                    ):
                        return await pending
                except Exception as error:
                    if series is None:
                        series = Series(policy, started, (fn, args, kwargs))
                    delay = series.after(error)
                    if delay is None:
                        raise
                else:
                    _refuse_sync(fn, pending)
                await clock.asleep(delay)

        return attempts


def _is_async(fn: object) -> bool:
    call = getattr(type(fn), "__call__", None)  # noqa: B004 - the method itself is inspected
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(call)


def _refuse(fn: object) -> None:
    call = getattr(type(fn), "__call__", None)  # noqa: B004 - the method itself is inspected
    for candidate in (fn, call):
        if inspect.isgeneratorfunction(candidate) or inspect.isasyncgenfunction(
            candidate
        ):
            message = (
                f"{label(fn)} is a generator: items that were handed out cannot be "
                "taken back, so it is not retried. Retry what fetches one item."
            )
            raise ConfigurationError(message)
    if isinstance(fn, (staticmethod, classmethod)):
        message = "Put @Retry below @staticmethod or @classmethod, next to the def."
        raise ConfigurationError(message)
    if inspect.isclass(fn) or not callable(fn):
        message = f"@Retry needs a function or a method, not {fn!r}."
        raise ConfigurationError(message)


def _refuse_lazy(fn: Callable[..., Any], result: object) -> None:
    """Refuse a call that has not happened yet, though it looks like a success."""
    _refuse(fn)
    if isinstance(result, CoroutineType):
        result.close()  # else Python warns that it was never awaited
        message = (
            f"{label(fn)} is async: it returned a coroutine, whose failure would "
            "be seen by nobody. Use acall()."
        )
        raise ConfigurationError(message)


def _refuse_sync(fn: Callable[..., Any], result: object) -> NoReturn:
    _refuse(fn)
    kind = type(result).__name__
    message = f"{label(fn)} is not async: it returned a {kind}. Use call()."
    raise ConfigurationError(message)
