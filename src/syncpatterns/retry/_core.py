"""Whether to try again, and after how long: a decision without clock or chance.

What a strategy needs to know comes in as a `Progress` and the error;
randomness comes in as an `Rng`; the answer is a number of seconds or a
`GiveUp`. Nothing here waits.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast

from syncpatterns.errors import CallRejected

_FOREVER = 1e18  # seconds; a longer hint may be an int that no float can hold


class Rng(Protocol):
    """The one method of `random.Random` that jitter needs."""

    def random(self) -> float:
        """Return a float in [0, 1)."""
        ...


@dataclass(slots=True)
class Progress:
    """How far one series of attempts has come.

    Args:
        attempt: Number of the attempt that was made last; the first is 1.
        slept: Seconds planned between the attempts so far.
        previous: The last of those sleeps, 0 if there was none.
        skipped: Seconds of *slept* that only passed on paper, in a test.
    """

    attempt: int = 1
    slept: float = 0.0
    previous: float = 0.0
    skipped: float = 0.0


class GiveUp(enum.Enum):
    """The last outcome stands; the value names the rule that ended it."""

    NOT_RETRYABLE = "not-retryable"  # `on` does not name the error
    REJECTED = "rejected"  # a breaker refused the call; asking again is no use
    ATTEMPTS = "attempts"  # none is left
    HINT = "hint"  # the other side asks for a longer wait than we hold a caller
    STOPPED = "stop"  # the stop strategy said so
    DEADLINE = "deadline"  # the sleep would end too late
    BUDGET = "budget"  # no token is left for another retry


Decision: TypeAlias = float | GiveUp


class Rules(Protocol):
    """The three questions; asked in this order, each only if the last said go."""

    def retryable(self, progress: Progress, error: Exception, /) -> bool:
        """Say whether this kind of error is worth another try."""
        ...

    def wait(self, progress: Progress, /) -> float:
        """Return the seconds before the next attempt, zero or more."""
        ...

    @property
    def stop(self) -> Callable[[Progress, float], bool] | None:
        """Say whether to stop although the error could be retried; None: never.

        Asked last, with the sleep already known, so that a strategy can
        refuse a sleep that would end too late.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds every series of attempts, whatever its strategies say.

    Args:
        attempts: Most attempts, the first included; infinity for no such limit.
        max_hint: Longest `retry_after` that is waited for, in seconds.
        spread: Seconds over which callers with the same hint are spread.
        patient: Whether a `CallRejected` is waited out.
    """

    attempts: float = 5
    max_hint: float = 60.0
    spread: float = 1.0
    patient: bool = False


def decide(  # noqa: C901 - every failure comes by; each part that is cut off costs it a call
    progress: Progress,
    error: Exception | None,
    rules: Rules,
    limits: Limits,
    rng: Rng,
) -> Decision:
    """Return what to do after an attempt that raised *error*.

    None stands for a returned value that is not wanted.

    A `retry_after` carried by the error is a floor: the wait is drawn above
    it, never cut by the cap of the backoff. All clients of one server get the
    same hint, so each adds its own share of *limits.spread*; without it they
    would come back in the same instant.
    """
    hint = 0.0
    if error is not None:
        wanted = rules.retryable(progress, error)
        try:
            hinted = hasattr(error, "retry_after")  # as every CallRejected has
        except Exception:  # noqa: BLE001 - its own property fails; the error itself is what counts
            hinted = False
        if hinted:
            hint = hint_of(error)
            if isinstance(error, CallRejected):
                if not limits.patient:
                    return GiveUp.REJECTED
                wanted = True
        if not wanted:
            return GiveUp.NOT_RETRYABLE
    if progress.attempt >= limits.attempts:
        return GiveUp.ATTEMPTS
    if hint > limits.max_hint:
        return GiveUp.HINT
    seconds = rules.wait(progress)
    if hint > 0.0:
        seconds = max(seconds, hint + limits.spread * rng.random())
    stop = rules.stop
    if stop is not None and stop(progress, seconds):
        return GiveUp.STOPPED
    return seconds


def hint_of(error: BaseException) -> float:
    """Return the error's own `retry_after` in seconds; 0 if it has no usable one.

    A `timedelta` is one too, and every other kind of real number, such as a Decimal.
    Negative values, NaN, text and anything else that is not a number are no hint, nor
    is an attribute that raises when it is asked for. A mock is none, though it can say
    itself as a float and passes for the class of its spec: each asks for 1 s.
    """
    try:
        hint: object = getattr(error, "retry_after", None)
    except Exception:  # noqa: BLE001 - its own property fails; the error itself is what counts
        hint = None
    if hint is None:
        return 0.0
    kind = type(hint)
    if not issubclass(kind, (int, float)):
        hint = _as_float(hint, kind)
    if not isinstance(hint, (int, float)) or isinstance(hint, bool) or not hint > 0:
        return 0.0
    return float(hint) if hint < _FOREVER else math.inf


def _as_float(hint: Any, kind: type) -> object:
    import numbers  # noqa: PLC0415 - few hints are neither int nor float
    from datetime import timedelta  # noqa: PLC0415 - as above

    try:
        if issubclass(kind, timedelta):
            return cast("object", hint.total_seconds())
        if issubclass(kind, numbers.Number):
            return cast("object", hint.__float__())
    except Exception:  # noqa: BLE001 - as above
        return None
    return None
