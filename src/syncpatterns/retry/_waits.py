"""Our waits as strategy objects that tenacity accepts, and the other way round."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry._backoff import Backoff, Jitter
from syncpatterns.retry._core import Rng

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from tenacity.wait import wait_combine

#: Jitter of everybody who brings no generator of his own. Forked workers would
#: inherit its state and sleep in step, so a child starts it afresh.
SHARED_RNG = random.Random()  # noqa: S311 - spreads load, guards no secret

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SHARED_RNG.seed)


def checked_rng(rng: Rng) -> Rng:
    """Return *rng* if it can be asked.

    Raises:
        ConfigurationError: It cannot: a seed, or the class itself.
    """
    given: object = rng
    if isinstance(given, type) or not callable(getattr(given, "random", None)):
        message = (
            f"rng={rng!r} is of no use: it has no random(). Pass a "
            "random.Random(seed), or leave it out."
        )
        raise ConfigurationError(message)
    return rng


class Wait:
    """A backoff that `Retry`, tenacity and stamina take as their ``wait``.

    Args:
        backoff: The schedule.
        rng: Where its jitter comes from; None leaves it to the `Retry` that
            uses it, and to a shared generator elsewhere.

    Raises:
        ConfigurationError: *rng* has no ``random()``.
    """

    __slots__ = ("backoff", "rng")

    def __init__(self, backoff: Backoff, rng: Rng | None = None) -> None:
        self.backoff = backoff
        self.rng = None if rng is None else checked_rng(rng)

    def delay(self, attempt: int, previous: float = 0.0) -> float:
        """Return the seconds to wait, for a loop of your own.

        Args:
            attempt: Number of the attempt that failed; the first try is 1.
            previous: The last sleep in seconds.
        """
        return self.backoff.delay(attempt, previous, self.rng or SHARED_RNG)

    def __call__(self, retry_state: RetryCallState) -> float:
        """Return the seconds to wait after the attempt in *retry_state*."""
        # upcoming_sleep is still the previous sleep when a wait is asked
        return self.delay(retry_state.attempt_number, retry_state.upcoming_sleep)

    def __add__(self, other: Callable[[RetryCallState], float]) -> wait_combine:
        from tenacity.wait import wait_combine  # noqa: PLC0415 - only on use

        return wait_combine(self, other)

    def __radd__(self, other: Any) -> Any:
        if other == 0:  # sum() starts with it
            return self
        if not callable(other):
            return NotImplemented
        from tenacity.wait import wait_combine  # noqa: PLC0415 - only on use

        return wait_combine(cast("Callable[[RetryCallState], float]", other), self)

    def __repr__(self) -> str:
        backoff = self.backoff
        return f"{_NAMES[backoff.jitter]}(base={backoff.base:g}, cap={backoff.cap:g})"


_NAMES: dict[Jitter, str] = {
    "full": "full_jitter",
    "equal": "equal_jitter",
    "decorrelated": "decorrelated_jitter",
    "none": "no_jitter",
}


def full_jitter(base: float = 1.0, cap: float = 4.0, *, rng: Rng | None = None) -> Wait:
    """Wait somewhere between zero and the backoff; spreads a crowd best.

    Args:
        base: Upper bound of the first wait in seconds; it doubles each time.
        cap: Largest upper bound in seconds.
        rng: A seeded `random.Random` makes the schedule repeatable.

    Raises:
        ConfigurationError: A figure is negative or not finite, or *rng* is none.
    """
    return Wait(Backoff("full", base, cap), rng)


def equal_jitter(
    base: float = 1.0, cap: float = 4.0, *, rng: Rng | None = None
) -> Wait:
    """Wait at least half the backoff; never at once, less spread than full.

    Args:
        base: Upper bound of the first wait in seconds; it doubles each time.
        cap: Largest upper bound in seconds.
        rng: A seeded `random.Random` makes the schedule repeatable.

    Raises:
        ConfigurationError: A figure is negative or not finite, or *rng* is none.
    """
    return Wait(Backoff("equal", base, cap), rng)


def decorrelated_jitter(
    base: float = 1.0, cap: float = 4.0, *, rng: Rng | None = None
) -> Wait:
    """Wait between *base* and three times the previous wait.

    Args:
        base: Shortest wait in seconds.
        cap: Longest wait in seconds.
        rng: A seeded `random.Random` makes the schedule repeatable.

    Raises:
        ConfigurationError: A figure is negative or not finite, or *rng* is none.
    """
    return Wait(Backoff("decorrelated", base, cap), rng)


def no_jitter(base: float = 1.0, cap: float = 4.0) -> Wait:
    """Wait exactly the backoff; for a lone client or a test, never for a crowd.

    Args:
        base: First wait in seconds; it doubles each time.
        cap: Longest wait in seconds.

    Raises:
        ConfigurationError: A figure is negative or not finite.
    """
    return Wait(Backoff("none", base, cap))


#: What makes a wait; to pass one itself, without its call, is a slip of the pen.
SCHEDULES = (full_jitter, equal_jitter, decorrelated_jitter, no_jitter)
