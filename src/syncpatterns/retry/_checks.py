"""What the figures of a `Retry` may be."""

from __future__ import annotations

import math
from typing import cast

from syncpatterns._wiring import checked_hooks
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Hook
from syncpatterns.retry._budget import UNLIMITED, RetryBudget
from syncpatterns.retry._core import Limits
from syncpatterns.retry._rules import Strategies
from syncpatterns.retry._waits import Wait


def checked_limits(
    attempts: object,
    max_hint: object,
    chosen: Strategies,
    *,
    patient: object,
    timeout: float | None,
) -> Limits:
    """Return the bounds of a series.

    Raises:
        ConfigurationError: One can never work, or there is none.
    """
    whole = isinstance(attempts, int) and not isinstance(attempts, bool)
    if attempts is not None and not (whole and cast("int", attempts) >= 1):
        message = f"attempts={attempts!r} must be a whole number of at least 1."
        raise ConfigurationError(message)
    bounded = attempts is not None or chosen.allowed is not None
    if not bounded and chosen.stop is None and timeout is None:
        message = (
            "attempts=None without stop= or timeout= would retry for ever; set one "
            "of them."
        )
        raise ConfigurationError(message)
    if not isinstance(patient, bool):
        message = f"patient={patient!r} must be True or False."
        raise ConfigurationError(message)
    if not _is_number(max_hint) or not 0.0 <= cast("float", max_hint) < math.inf:
        message = (
            f"max_hint={max_hint!r} must be a finite number of seconds, zero or more."
        )
        raise ConfigurationError(message)
    spread, wait = 1.0, chosen.wait
    if isinstance(wait, Wait):  # our schedules say how wide a client may stray
        spread = 0.0 if wait.backoff.jitter == "none" else wait.backoff.base
    most = math.inf if attempts is None else cast("int", attempts)
    if chosen.allowed is not None:
        most = min(most, chosen.allowed)
    return Limits(most, float(cast("float", max_hint)), spread, patient)


def checked_timeout(timeout: object) -> float | None:
    """Return the seconds of a whole series, or None.

    Raises:
        ConfigurationError: Nothing could ever be tried again within it.
    """
    if timeout is None:
        return None
    if not _is_number(timeout) or not 0.0 < cast("float", timeout) < math.inf:
        message = (
            f"timeout={timeout!r} must be a finite number of seconds above zero. For "
            "no time-out pass None, for no retries attempts=1."
        )
        raise ConfigurationError(message)
    return float(cast("float", timeout))


def checked_budget(budget: object) -> RetryBudget:
    """Return what retries are paid from; an ellipsis stands for an own budget.

    Raises:
        ConfigurationError: It is no budget.
    """
    if budget is ...:
        return RetryBudget()
    if budget is None:
        return UNLIMITED
    if isinstance(budget, RetryBudget):
        return budget
    message = (
        f"budget={budget!r} is no RetryBudget. Pass RetryBudget(size, ratio), None "
        "for no budget, or leave it out for an own one of 10 tokens."
    )
    raise ConfigurationError(message)


def checked_surroundings(clock: object, rng: object, hooks: object) -> tuple[Hook, ...]:
    """Return *hooks* as a tuple, if all three can be used.

    Raises:
        ConfigurationError: One is something else; else it would be found out by
            the first failure, and hide it.
    """
    for name, value, method in (("clock", clock, "asleep"), ("rng", rng, "random")):
        if isinstance(value, type) or not callable(getattr(value, method, None)):
            message = f"{name}={value!r} is of no use: it has no {method}()."
            raise ConfigurationError(message)
    return checked_hooks("Retry", hooks)


def checked_name(name: object) -> str | None:
    """Return what the retries are called in events, or None.

    Raises:
        ConfigurationError: It is no text; a log would show whatever it is.
    """
    if name is None or isinstance(name, str):
        return name
    message = f"name={name!r} must be text: what events and logs call the retries."
    raise ConfigurationError(message)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
