"""What one call of a `Retry` remembers from its first failure on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Token
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from syncpatterns.clock import Clock
from syncpatterns.events import GaveUp, Hooks, Retried
from syncpatterns.retry import _deadline
from syncpatterns.retry._attempt import attempt_number
from syncpatterns.retry._budget import RetryBudget
from syncpatterns.retry._core import GiveUp, Limits, Progress, Rng, decide
from syncpatterns.retry._pause import apause, pause
from syncpatterns.retry._rules import PlainRules, Strategies, TenacityRules

Call = tuple[Callable[..., Any] | None, tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything a `Retry` was given, checked; shared by all its calls.

    Args:
        strategies: What to retry, how long to wait, when to stop.
        limits: The bounds of every series of attempts.
        timeout: Seconds for a whole series, or None.
        budget: What each retry is paid from.
        clock: Where time comes from.
        rng: Where jitter comes from.
        hooks: Told of each retry.
        name: What the retries are called in events, or None.
        plain: Stateless rules, if no strategy needs tenacity's state.
    """

    strategies: Strategies
    limits: Limits
    timeout: float | None
    budget: RetryBudget
    clock: Clock
    rng: Rng
    hooks: Hooks
    name: str | None
    plain: PlainRules | None

    def started(self) -> float:
        """Return when a series begins, if a strategy will ask for it."""
        return 0.0 if self.plain is not None else self.clock.monotonic()

    def until(self) -> float | None:
        """Return when the time of a series ends that begins now, if it does."""
        return None if self.timeout is None else self.clock.monotonic() + self.timeout


class Series(Progress):
    """The attempts of one call. Keeps no exception.

    An exception refers to its frames, and those to this object: kept here it
    would be garbage that only the cycle collector frees, once for every call
    of an outage.

    Args:
        policy: What the `Retry` was given.
        started: When the first try began, as `Policy.started` says.
        call: The function, its arguments and its keyword arguments.
        scoped: Whether it runs in a task, whose cancel scopes bound it too.
    """

    __slots__ = ("_fn", "_policy", "_rules", "_scoped", "budget", "judging")

    def __init__(
        self, policy: Policy, started: float, call: Call, *, scoped: bool = False
    ) -> None:
        self.attempt = 1
        self.slept = self.previous = self.skipped = 0.0
        self.budget = policy.budget
        self.judging = policy.strategies.judging
        self._policy = policy
        self._fn = call[0]
        self._scoped = scoped
        self._rules: PlainRules | TenacityRules = policy.plain or TenacityRules(
            policy.strategies, policy.rng, policy.clock, started, call
        )

    def after(self, error: Exception | None) -> float | None:
        """Return the seconds before the next attempt; None if there is none.

        Takes a token from the budget, which the sleep gives back if it is
        interrupted. Withdrawn before the sleep and not after it, so that those
        who sleep are counted: else a thousand callers would all find a token
        and meet at the server.

        Args:
            error: What the attempt raised; None for an unwanted value.
        """
        policy, rules = self._policy, self._rules
        try:
            decision = decide(self, error, rules, policy.limits, policy.rng)
        finally:
            rules.forget()
        if isinstance(decision, GiveUp):
            self._give_up(decision)
            return None
        if self._too_late(decision):
            self._give_up(GiveUp.DEADLINE)
            return None
        if not self.budget.withdraw():
            self._give_up(GiveUp.BUDGET)
            return None
        self.previous = decision
        self.slept += decision
        if policy.hooks:
            retried = Retried(self._name(), "", "", self.attempt, decision)
            policy.hooks.emit(retried)
        return decision

    def unwanted(self, value: object) -> bool:
        """Say whether the returned *value* is a reason to try again."""
        again = self._rules.unwanted(self, value)
        if not again:
            self._rules.forget()
        return again

    def pause(self, seconds: float) -> None:
        """Sleep, then count the next attempt."""
        try:
            self.skipped += pause(self._policy.clock, seconds)
        except BaseException:
            self.budget.refund()
            raise
        self.attempt += 1

    async def apause(self, seconds: float) -> None:
        """Sleep like `pause`, without blocking the loop."""
        try:
            self.skipped += await apause(self._policy.clock, seconds)
        except BaseException:
            self.budget.refund()
            raise
        self.attempt += 1

    def _too_late(self, seconds: float) -> bool:
        """Say whether a sleep of *seconds* would leave no time for an attempt."""
        until = _deadline.current.get()
        if until is not None and seconds >= until.left() - self.skipped:
            return True
        if not self._scoped or seconds <= 0.0:
            return False
        return seconds >= _deadline.scope_left() - self.skipped

    def _give_up(self, reason: GiveUp) -> None:
        first = self.attempt == 1 and reason is GiveUp.NOT_RETRYABLE
        if self._policy.hooks and not first:  # an error not named was never ours
            fact = GaveUp(self._name(), "", "", self.attempt, reason.value)
            self._policy.hooks.emit(fact)

    def _name(self) -> str:
        return self._policy.name or label(self._fn)


class AttemptScope:
    """Tells the code of one attempt its number and its deadline.

    For code that is entered and left in pieces: a generator shares the context
    variables of whoever iterates it, so they are set for the attempt alone and
    never while an item is outside.

    Args:
        policy: What the `Retry` was given.
        series: The series that the attempt belongs to.
        until: When its time ends, as `Policy.until` said at its beginning.
    """

    __slots__ = ("_attempt", "_deadline", "_token", "_until")

    def __init__(self, policy: Policy, series: Series, until: float | None) -> None:
        self._attempt = series.attempt
        self._until = until
        self._deadline = _deadline.DeadlineScope(policy.clock, 0.0)
        self._token: Token[int] | None = None

    def __enter__(self) -> None:
        if self._until is not None:
            self._deadline.enter_until(self._until)
        if self._attempt > 1:
            self._token = attempt_number.set(self._attempt)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            attempt_number.reset(token)
        self._deadline.__exit__(kind, error, traceback)


def label(fn: object) -> str:
    """Return the name of *fn* for events and messages."""
    if isinstance(fn, functools.partial):
        return label(fn.func)
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__
