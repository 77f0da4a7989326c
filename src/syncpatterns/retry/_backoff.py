"""How long to wait before attempt n + 1: exponential, capped, with jitter.

The four kinds are those of M. Brooker, "Exponential Backoff And Jitter" (AWS
Architecture Blog, 2015). Jitter is drawn over the capped value, so it stays
alive at the cap: jitter added before capping would leave every later attempt
of every client waiting exactly the cap, in step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry._core import Progress, Rng

Jitter: TypeAlias = Literal["full", "equal", "decorrelated", "none"]

_MAX_EXPONENT = 1023  # 2.0 ** 1024 overflows
_LISTED = 12  # attempts whose backoff is worked out beforehand


@dataclass(frozen=True, slots=True)
class Backoff:
    """A schedule; with the defaults 1, 2, 4, 4, ... seconds before jitter.

    Args:
        jitter: ``full`` draws from [0, d], ``equal`` from [d/2, d],
            ``decorrelated`` from [base, 3 * previous sleep], ``none`` is d.
        base: d of the first retry, in seconds.
        cap: Largest d, in seconds.

    Raises:
        ConfigurationError: A figure is negative or not finite, or the kind of
            jitter is unknown.
    """

    jitter: Jitter = "full"
    base: float = 1.0
    cap: float = 4.0

    def __post_init__(self) -> None:
        if self.jitter not in get_args(Jitter):
            kinds = ", ".join(get_args(Jitter))
            message = f"Unknown jitter {self.jitter!r}; choose one of {kinds}."
            raise ConfigurationError(message)
        for name in ("base", "cap"):
            _require_seconds(name, getattr(self, name))

    def ceiling(self, attempt: int) -> float:
        """Return d after attempt number *attempt*: base * 2^(attempt-1), capped."""
        exponent = min(max(attempt - 1, 0), _MAX_EXPONENT)
        return min(self.cap, self.base * 2.0**exponent)

    def delay(self, attempt: int, previous: float, rng: Rng) -> float:
        """Return the seconds to wait after attempt number *attempt*.

        Args:
            attempt: Number of the attempt that failed; the first try is 1.
            previous: The last sleep in seconds, 0 before the first retry.
            rng: Where the jitter comes from.
        """
        match self.jitter:
            case "full":
                return rng.random() * self.ceiling(attempt)
            case "equal":
                ceiling = self.ceiling(attempt)
                return ceiling / 2 + rng.random() * ceiling / 2
            case "decorrelated":
                low = min(self.base, self.cap)
                high = min(self.cap, 3 * max(previous, low))
                return low + rng.random() * (high - low)
            case "none":
                return self.ceiling(attempt)


def drawer(backoff: Backoff, rng: Rng) -> Callable[[Progress], float]:
    """Return `Backoff.delay` with *rng* bound; full jitter has a short way.

    Every client of a server that fails walks it, so it is worth one.
    """
    if backoff.jitter != "full":
        return lambda progress: backoff.delay(progress.attempt, progress.previous, rng)
    ceilings = tuple(backoff.ceiling(attempt) for attempt in range(_LISTED))
    random, ceiling = rng.random, backoff.ceiling

    def draw(progress: Progress) -> float:
        attempt = progress.attempt
        top = ceilings[attempt] if attempt < _LISTED else ceiling(attempt)
        return random() * top

    return draw


def _require_seconds(name: str, value: Any) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0.0 <= value < math.inf:
        message = f"{name}={value!r} must be a finite number of seconds, zero or more."
        raise ConfigurationError(message)
