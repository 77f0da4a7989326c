"""What one call of a `Retry` remembers from its first failure on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Token
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Any

from syncpatterns.clock import Clock
from syncpatterns.events import GaveUp, Hooks, Retried
from syncpatterns.retry import _deadline
from syncpatterns.retry._attempt import attempt_number
from syncpatterns.retry._budget import RetryBudget
from syncpatterns.retry._core import GiveUp, Limits, Progress, Rng, decide
from syncpatterns.retry._pause import checkpoint, skipped_sleeps
from syncpatterns.retry._rules import PlainRules, Strategies

if TYPE_CHECKING:
    from syncpatterns.retry._tenacity_rules import TenacityRules


_current_deadline = _deadline.current.get

#: Whether a series runs in a task, whose cancel scopes bound it too.
SCOPED, UNSCOPED = True, False


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
        made: Makes the rules of one call, if there are no stateless ones.
        judging: Whether returned values are judged.
        heard: Whether there are any hooks.
        key_hash: Hash of the key that the calls are about, if there is one.
        engine: Where that key is kept.
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
    made: Callable[..., PlainRules | TenacityRules]
    judging: bool
    heard: bool
    key_hash: str = ""
    engine: str = ""

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
        fn: The function; None for a block.
        args: Its arguments.
        kwargs: Its keyword arguments.
        scoped: `SCOPED` or `UNSCOPED`.
    """

    __slots__ = ("_fn", "_policy", "_rules", "_scoped")

    def __init__(
        self,
        policy: Policy,
        started: float,
        fn: Callable[..., Any] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        scoped: bool,  # noqa: FBT001 - by position: one is made in every failing call
    ) -> None:
        self.attempt = 1
        self.slept = self.previous = self.skipped = 0.0
        self._policy = policy
        self._fn = fn
        self._scoped = scoped
        self._rules = policy.plain or policy.made(
            policy.strategies, policy.clock, started, fn, args, kwargs
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
            decision = decide(self, error, rules, policy.limits, policy.rng)  # pyright: ignore[reportArgumentType]  # a function in a slot is not bound
        finally:
            if policy.plain is None:
                rules.forget()
        # Not "is it a GiveUp": to ask that of an enum's class takes five times as long.
        if type(decision) is not float and not isinstance(decision, (float, int)):
            self._give_up(decision)
            return None
        until = _current_deadline()
        if until is not None or self._scoped:
            left = _deadline.scope_left() if self._scoped and decision > 0.0 else inf
            if until is not None:
                left = min(left, until.left())
            if decision >= left - self.skipped:  # no time left for an attempt
                self._give_up(GiveUp.DEADLINE)
                return None
        if not policy.budget.withdraw():
            self._give_up(GiveUp.BUDGET)
            return None
        self.previous = decision
        self.slept += decision
        if policy.heard:
            about = (self._name(), policy.key_hash, policy.engine)
            try:
                policy.hooks.emit(Retried(*about, self.attempt, decision))
            except BaseException:  # Ctrl-C in a hook: no retry follows
                policy.budget.refund()
                raise
        return decision

    def judge(self, value: object) -> float | None:
        """Return the seconds before the next attempt; None if *value* is the answer.

        A value that is wanted counts as a success; one that is not may be the
        answer all the same, when no attempt is left.
        """
        if self._policy.judging:
            if self._rules.unwanted(self, value):
                return self.after(None)
            self._rules.forget()
        self._policy.budget.deposit()
        return None

    def pause(self, seconds: float) -> None:
        """Sleep, then count the next attempt."""
        try:
            if skipped_sleeps.get() is None:
                self._policy.clock.sleep(seconds)
            else:
                self.skip(seconds)
        except BaseException:
            self._policy.budget.refund()
            raise
        self.attempt += 1

    async def apause(self, seconds: float) -> None:
        """Sleep like `pause`; other tasks run, and a cancellation is heard."""
        try:
            if skipped_sleeps.get() is None:
                await self._policy.clock.asleep(seconds)
            else:
                await self.askip(seconds)
        except BaseException:
            self._policy.budget.refund()
            raise
        self.attempt += 1

    def skip(self, seconds: float) -> None:
        """Note a sleep, as the test wants that runs this, and go on."""
        noted = skipped_sleeps.get()
        if noted is not None:
            noted.append(seconds)
        self.skipped += seconds

    async def askip(self, seconds: float) -> None:
        """Note a sleep like `skip`; other tasks run, a cancellation is heard."""
        self.skip(seconds)
        await checkpoint()

    def refund(self) -> None:
        """Give back the token of a retry that was announced and not made."""
        self._policy.budget.refund()

    def _give_up(self, reason: GiveUp) -> None:
        first = self.attempt == 1 and reason is GiveUp.NOT_RETRYABLE
        policy = self._policy
        if policy.heard and not first:  # an error not named was never ours
            about = (self._name(), policy.key_hash, policy.engine)
            policy.hooks.emit(GaveUp(*about, self.attempt, reason.value))

    def _name(self) -> str:
        return self._policy.name or ("block" if self._fn is None else label(self._fn))


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
            _deadline.restore(attempt_number, token)
        self._deadline.__exit__(kind, error, traceback)


def label(fn: object) -> str:
    """Return the name of *fn* for events and messages."""
    if isinstance(fn, functools.partial):
        return label(fn.func)
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__
