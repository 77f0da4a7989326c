"""Whether to try again, and after how long: a decision without clock or chance.

What a strategy needs to know comes in as a `Failure`; randomness comes in as
an `Rng`; the answer is a `Sleep` or a `GiveUp`. Nothing here waits.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from syncpatterns.errors import ConfigurationError

_FOREVER = 1e18  # seconds; a longer hint may be an int that no float can hold


class Rng(Protocol):
    """The one method of `random.Random` that jitter needs."""

    def random(self) -> float:
        """Return a float in [0, 1)."""
        ...


@dataclass(slots=True)
class Failure:
    """One failed attempt, as the strategies see it.

    Args:
        attempt: Its number; the first try is 1.
        error: What it raised.
        slept: Seconds slept between the attempts so far.
        previous: The last of those sleeps, 0 if there was none.
    """

    attempt: int
    error: Exception
    slept: float = 0.0
    previous: float = 0.0


@dataclass(frozen=True, slots=True)
class Sleep:
    """Try again after *seconds*."""

    seconds: float


class GiveUp(enum.Enum):
    """The last error stands; the value says why."""

    NOT_RETRYABLE = "the error is not one to retry"
    ATTEMPTS = "no attempt is left"
    HINT = "the other side asked for a longer wait than we hold a caller"
    STOPPED = "the stop strategy said so"


Decision: TypeAlias = Sleep | GiveUp


class Rules(Protocol):
    """The three questions; asked in this order, each only if the last said go."""

    def retryable(self, failure: Failure, /) -> bool:
        """Say whether this kind of error is worth another try."""
        ...

    def wait(self, failure: Failure, /) -> float:
        """Return the seconds before the next attempt."""
        ...

    def stop(self, failure: Failure, upcoming: float, /) -> bool:
        """Say whether to stop although the error could be retried.

        Asked last, with the sleep already known, so that a strategy can
        refuse a sleep that would end too late.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds every series of attempts, whatever its strategies say.

    Args:
        attempts: Most attempts, the first included; None for no such limit.
        max_hint: Longest `retry_after` that is waited for, in seconds.
        spread: Seconds over which callers with the same hint are spread.
    """

    attempts: int | None = 5
    max_hint: float = 60.0
    spread: float = 1.0


def decide(failure: Failure, rules: Rules, limits: Limits, rng: Rng) -> Decision:
    """Return what to do after *failure*.

    A `retry_after` carried by the error is a floor: the wait is drawn above
    it, never cut by the cap of the backoff. All clients of one server get the
    same hint, so each adds its own share of *limits.spread*; without it they
    would come back in the same instant.

    Raises:
        ConfigurationError: The wait strategy gave no usable number.
    """
    if not rules.retryable(failure):
        return GiveUp.NOT_RETRYABLE
    if limits.attempts is not None and failure.attempt >= limits.attempts:
        return GiveUp.ATTEMPTS
    hint = hint_of(failure.error)
    if hint > limits.max_hint:
        return GiveUp.HINT
    seconds = _checked(rules.wait(failure))
    if hint > 0.0:
        seconds = max(seconds, hint + limits.spread * rng.random())
    if rules.stop(failure, seconds):
        return GiveUp.STOPPED
    return Sleep(seconds)


def hint_of(error: BaseException) -> float:
    """Return the error's own `retry_after` in seconds; 0 if it has no usable one.

    Negative values, NaN and anything that is not a number are no hint.
    """
    hint = getattr(error, "retry_after", None)
    if not isinstance(hint, (int, float)) or isinstance(hint, bool) or not hint > 0:
        return 0.0
    return float(hint) if hint < _FOREVER else math.inf


def _checked(seconds: object) -> float:
    if isinstance(seconds, (int, float)) and 0.0 <= seconds < math.inf:
        return float(seconds)
    message = (
        f"A wait strategy answered {seconds!r}. It must return the seconds to "
        "wait, zero or more and finite."
    )
    raise ConfigurationError(message)
