"""`Retry`: the loop around a function that may fail for a moment."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from syncpatterns._functions import is_async
from syncpatterns.clock import Clock
from syncpatterns.events import Hook, Hooks
from syncpatterns.retry import _checks
from syncpatterns.retry._blocks import AsyncBlocks, SyncBlocks
from syncpatterns.retry._budget import UNLIMITED, RetryBudget
from syncpatterns.retry._core import Rng
from syncpatterns.retry._deadline import SYSTEM_CLOCK
from syncpatterns.retry._loops import async_loop, refuse, sync_loop
from syncpatterns.retry._rules import (
    On,
    PlainRules,
    Predicate,
    ResultPredicate,
    StopStrategy,
    Strategies,
    WaitStrategy,
    strategies,
)
from syncpatterns.retry._series import Policy
from syncpatterns.retry._streams import stream_loop
from syncpatterns.retry._waits import SHARED_RNG, Wait, full_jitter

if TYPE_CHECKING:
    from syncpatterns.retry._tenacity_rules import TenacityRules

P = ParamSpec("P")
T = TypeVar("T")


class Retry:
    """Run a function again after a failure that *on* names.

    The first try runs the function directly; strategies are asked only after
    an `Exception`. Cancellation, KeyboardInterrupt and every other
    BaseException pass at once, whatever *on* says. When it gives up, the
    caller gets the last attempt's own exception. One object serves any number
    of threads and tasks: all state belongs to the call, but for the budget.

    An error with a `retry_after` (seconds) is not retried earlier than that.
    A sleep that would end past a deadline is not begun: not past *timeout*,
    not past `deadline`, nor, where it is awaited, past an enclosing cancel scope of
    anyio or trio.

    ::

        @Retry(on=ConnectionError)
        def reserve(order: Order) -> Reservation: ...


        await Retry(on=(TimeoutError, ConnectionError), attempts=3).acall(fetch, url)

        for attempt in Retry(on=ConnectionError):
            with attempt:
                reserve(order)

    A generator is retried until its first item; later failures pass, since
    items that were handed out cannot be taken back.

    The idea: strategies as objects from tenacity, called with a loop of our
    own; jitter from the AWS Architecture Blog; the budget from gRPC and the
    AWS SDKs.

    Args:
        on: What may be retried: an exception class, a tuple of them, a
            function of the exception, or a tenacity retry strategy. There is
            no default, since only the caller knows what is safe to repeat.
        attempts: Most attempts, the first included. None leaves the end to
            *stop* or *timeout*.
        wait: Seconds between attempts: one of ours, or a tenacity wait
            strategy. Default: full jitter over 1, 2, 4, 4, ... seconds.
        stop: A tenacity stop strategy; it and *attempts* both apply.
        max_hint: Longest `retry_after` in seconds that is waited for. A
            longer one ends the call at once, with the hint on the exception.
        timeout: Seconds for all attempts and sleeps together, from the
            beginning of the first. A running attempt is not interrupted; it
            can ask `remaining` how long it has.
        budget: What retries are paid from. Default: an own `RetryBudget` of 10
            tokens that gets back 0.2 a success; share one among everything
            that calls the same server; None for no limit.
        result: A function of the returned value that says whether to try
            again. When no attempt is left, the last value is returned.
        patient: Whether a `CallRejected`, such as an open circuit breaker's,
            is waited out, whatever *on* says, if its `retry_after` fits
            *max_hint* and the deadline. Otherwise it passes at once.
        clock: Where time comes from.
        rng: Where jitter comes from; seed it to repeat a schedule.
        hooks: Told of each retry as a `syncpatterns.events.Retried`, and of
            the end as a `GaveUp`, without the arguments of the call.
        name: What the retries are called in events; default: the operation that
            they belong to, else the function's qualified name.

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
        timeout: float | None = None,
        budget: RetryBudget | EllipsisType | None = ...,
        result: ResultPredicate | None = None,
        patient: bool = False,
        clock: Clock | None = None,
        rng: Rng | None = None,
        hooks: Iterable[Hook] = (),
        name: str | None = None,
    ) -> None:
        wait = full_jitter() if wait is None else wait
        rng = SHARED_RNG if rng is None else rng
        chosen = strategies(on, wait, stop, result, rng)
        seconds = _checks.checked_timeout(timeout)
        clock = SYSTEM_CLOCK if clock is None else clock
        told = Hooks(_checks.checked_surroundings(clock, rng, hooks))
        plain = PlainRules(chosen, cast("Wait", wait), rng) if chosen.plain else None
        self._policy = Policy(
            strategies=chosen,
            limits=_checks.checked_limits(
                attempts, max_hint, chosen, patient=patient, timeout=seconds
            ),
            timeout=seconds,
            budget=_checks.checked_budget(budget),
            clock=clock,
            rng=rng,
            hooks=told,
            name=_checks.checked_name(name),
            plain=plain,
            made=PlainRules if plain else _stateful(chosen),
            judging=chosen.judging,
            heard=bool(told),
        )

    @property
    def budget(self) -> RetryBudget | None:
        """What retries are paid from, to be shared or shown; None for no limit."""
        budget = self._policy.budget
        return None if budget is UNLIMITED else budget

    @property
    def on_classes(self) -> tuple[type[Exception], ...] | None:
        """The exception classes that may be retried; None: *on* is no class."""
        return self._policy.strategies.classes

    @property
    def most_attempts(self) -> int | None:
        """How many attempts are made at most; None: *stop* alone says."""
        attempts = self._policy.limits.attempts
        return attempts if isinstance(attempts, int) else None

    def __call__(self, fn: Callable[P, T], /) -> Callable[P, T]:
        """Decorate *fn*: a plain, an async or a generator function, or a method.

        Raises:
            ConfigurationError: *fn* is a class or not callable.
        """
        refuse(fn)
        loop: Callable[..., Any] | None = stream_loop(self._policy, fn)
        if loop is None and is_async(fn):
            loop = async_loop(self._policy, cast("Callable[..., Awaitable[Any]]", fn))
        if loop is None:
            loop = sync_loop(self._policy, fn)
        return cast("Callable[P, T]", functools.wraps(fn)(loop))

    def call(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *fn* with the arguments and return what it returns.

        A generator function gives its generator, with the retries in it.

        Raises:
            Exception: The last attempt's own exception.
            ConfigurationError: *fn* is async; use `acall`.
        """
        return sync_loop(self._policy, fn)(*args, **kwargs)

    async def acall(
        self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call the async *fn* with the arguments and return what it returns.

        Raises:
            Exception: The last attempt's own exception.
            ConfigurationError: *fn* is not async; use `call`.
        """
        return await async_loop(self._policy, fn)(*args, **kwargs)

    def __iter__(self) -> SyncBlocks:
        """Yield the attempts of a block; enter each with ``with``.

        Raises:
            ConfigurationError: A returned value shall be judged; a block has none.
        """
        return SyncBlocks(self._policy, scoped=False)

    def __aiter__(self) -> AsyncBlocks:
        """Yield the attempts of an async block; enter each with ``with``.

        Raises:
            ConfigurationError: A returned value shall be judged; a block has none.
        """
        return AsyncBlocks(self._policy, scoped=True)

    def __repr__(self) -> str:
        chosen, limits = self._policy.strategies, self._policy.limits
        on: Any = chosen.on or chosen.predicate
        if chosen.classes is not None:
            on = "(" + ", ".join(item.__name__ for item in chosen.classes) + ")"
        stop = "" if chosen.stop is None else f", stop={chosen.stop!r}"
        timeout = self._policy.timeout
        within = "" if timeout is None else f", timeout={timeout:g}"
        attempts = None if math.isinf(limits.attempts) else limits.attempts
        return (
            f"Retry(on={on}, attempts={attempts}, wait={chosen.wait!r}{stop}{within})"
        )


def about(retry: Retry, operation: str, key_hash: str, engine: str) -> Retry:
    """Return *retry* for one call of *operation*; its facts name the key.

    Budget and strategies are shared with *retry*. Whose hooks are none hears
    nothing, and is returned as it is.
    """
    policy = retry._policy  # noqa: SLF001 - of this module  # pyright: ignore[reportPrivateUsage]
    if not policy.heard:
        return retry
    told = replace(
        policy, name=policy.name or operation, key_hash=key_hash, engine=engine
    )
    bound = copy.copy(retry)
    bound._policy = told  # noqa: SLF001 - as above  # pyright: ignore[reportPrivateUsage]
    return bound


def function_of(retry: Retry) -> Predicate | None:
    """Return the function that is the *on* of *retry*, if it is one."""
    return retry._policy.strategies.predicate  # noqa: SLF001 - of this module  # pyright: ignore[reportPrivateUsage]


def asking(retry: Retry, function: Predicate) -> Retry:
    """Return *retry* with *function* in the place of its own; all else is shared."""
    policy = retry._policy  # noqa: SLF001 - of this module  # pyright: ignore[reportPrivateUsage]
    chosen = replace(policy.strategies, predicate=function)
    plain = policy.plain and PlainRules(chosen, cast("Wait", chosen.wait), policy.rng)
    bound = copy.copy(retry)
    bound._policy = replace(policy, strategies=chosen, plain=plain)  # noqa: SLF001 - as above  # pyright: ignore[reportPrivateUsage]
    return bound


def judges_values(retry: Retry) -> bool:
    """Say whether *retry* may try again because of what was returned."""
    return retry._policy.judging  # noqa: SLF001 - of this module  # pyright: ignore[reportPrivateUsage]


def _stateful(chosen: Strategies) -> Callable[..., TenacityRules]:
    """Return what makes the rules of one call, and import tenacity for it."""
    from syncpatterns.retry import _tenacity_rules as rules  # noqa: PLC0415 - many never need it

    return rules.TenacityRules if chosen.stop is None else rules.StoppingRules
