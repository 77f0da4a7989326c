"""What one call of a `Retry` remembers from its first failure on."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from syncpatterns.clock import Clock
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Hooks, Retried
from syncpatterns.retry._core import Failure, GiveUp, Limits, Rng, decide
from syncpatterns.retry._rules import (
    PlainRules,
    Strategies,
    TenacityRules,
    WaitStrategy,
)
from syncpatterns.retry._waits import Wait


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything a `Retry` was given, checked; shared by all its calls.

    Args:
        strategies: What to retry, how long to wait, when to stop.
        limits: The bounds of every series of attempts.
        clock: Where time comes from.
        rng: Where jitter comes from.
        hooks: Told of each retry.
        name: What the retries are called in events, or None.
        plain: Stateless rules, if no strategy needs tenacity's state.
    """

    strategies: Strategies
    limits: Limits
    clock: Clock
    rng: Rng
    hooks: Hooks
    name: str | None
    plain: PlainRules | None


class Series:
    """The attempts of one call. Keeps no exception.

    An exception refers to its frames, and those to this object: kept here it
    would be garbage that only the cycle collector frees, once for every call
    of an outage.

    Args:
        policy: What the `Retry` was given.
        started: When the first try began, on the monotonic clock; None if no
            strategy asks for it.
        call: The function, its arguments and its keyword arguments.
    """

    __slots__ = ("_attempt", "_fn", "_policy", "_previous", "_rules", "_slept")

    def __init__(
        self,
        policy: Policy,
        started: float | None,
        call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]],
    ) -> None:
        self._policy = policy
        self._attempt = 0
        self._slept = 0.0
        self._previous = 0.0
        self._fn = call[0]
        self._rules: PlainRules | TenacityRules = policy.plain or TenacityRules(
            policy.strategies, policy.rng, policy.clock, started or 0.0, call
        )

    def after(self, error: Exception) -> float | None:
        """Return the seconds before the next attempt; None to let *error* out."""
        policy, rules = self._policy, self._rules
        self._attempt += 1
        failure = Failure(self._attempt, error, self._slept, self._previous)
        try:
            decision = decide(failure, rules, policy.limits, policy.rng)
        finally:
            if isinstance(rules, TenacityRules):
                rules.forget()
        if isinstance(decision, GiveUp):
            return None
        self._previous = decision.seconds
        self._slept += decision.seconds
        if policy.hooks:
            name = policy.name or label(self._fn)
            policy.hooks.emit(Retried(name, "", "", self._attempt, decision.seconds))
        return decision.seconds


def checked_limits(
    attempts: object, stop: object, max_hint: object, wait: WaitStrategy
) -> Limits:
    """Return the bounds of a series.

    Raises:
        ConfigurationError: One can never work, or there is none.
    """
    whole = isinstance(attempts, int) and not isinstance(attempts, bool)
    if attempts is not None and not (whole and cast("int", attempts) >= 1):
        message = f"attempts={attempts!r} must be a whole number of at least 1."
        raise ConfigurationError(message)
    if attempts is None and stop is None:
        message = "attempts=None without stop= would retry for ever; set one of them."
        raise ConfigurationError(message)
    number = isinstance(max_hint, (int, float)) and not isinstance(max_hint, bool)
    if not number or not 0.0 <= cast("float", max_hint) < math.inf:
        message = f"max_hint={max_hint!r} must be a finite number of seconds."
        raise ConfigurationError(message)
    spread = 1.0
    if isinstance(wait, Wait):  # our schedules say how wide a client may stray
        spread = 0.0 if wait.backoff.jitter == "none" else wait.backoff.base
    return Limits(cast("int | None", attempts), float(cast("float", max_hint)), spread)


def label(fn: object) -> str:
    """Return the name of *fn* for events and messages."""
    if isinstance(fn, functools.partial):
        return label(fn.func)
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__
