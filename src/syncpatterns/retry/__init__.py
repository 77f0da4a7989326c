"""Try again what failed for a moment, spread out in time, and never for ever.

`Retry` runs a function, and only after a failure asks its strategies whether
and when to run it again. Any tenacity stop, wait or retry strategy can be
passed; the four waits here are such strategies too. A `RetryBudget` keeps an
outage from being multiplied by its retries; `deadline` says until when, and
`remaining` how long that is. `CircuitBreaker` stops asking what is down.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.retry._attempt import attempt_number
    from syncpatterns.retry._blocks import Attempt
    from syncpatterns.retry._breaker._breaker import CircuitBreaker
    from syncpatterns.retry._breaker._error import CircuitOpen
    from syncpatterns.retry._breaker._events import BreakerChanged, BreakerSnapshot
    from syncpatterns.retry._breaker._keyed import Breakers
    from syncpatterns.retry._breaker._rules import Growing
    from syncpatterns.retry._budget import RetryBudget
    from syncpatterns.retry._deadline import deadline, remaining
    from syncpatterns.retry._retry import Retry
    from syncpatterns.retry._retry_after import parse_retry_after
    from syncpatterns.retry._waits import (
        Wait,
        decorrelated_jitter,
        equal_jitter,
        full_jitter,
        no_jitter,
    )

__all__ = [
    "Attempt",
    "BreakerChanged",
    "BreakerSnapshot",
    "Breakers",
    "CircuitBreaker",
    "CircuitOpen",
    "Growing",
    "Retry",
    "RetryBudget",
    "Wait",
    "attempt_number",
    "deadline",
    "decorrelated_jitter",
    "equal_jitter",
    "full_jitter",
    "no_jitter",
    "parse_retry_after",
    "remaining",
]

_HOMES = {
    "Attempt": "_blocks",
    "BreakerChanged": "_breaker._events",
    "BreakerSnapshot": "_breaker._events",
    "Breakers": "_breaker._keyed",
    "CircuitBreaker": "_breaker._breaker",
    "CircuitOpen": "_breaker._error",
    "Growing": "_breaker._rules",
    "Retry": "_retry",
    "RetryBudget": "_budget",
    "Wait": "_waits",
    "attempt_number": "_attempt",
    "deadline": "_deadline",
    "decorrelated_jitter": "_waits",
    "equal_jitter": "_waits",
    "full_jitter": "_waits",
    "no_jitter": "_waits",
    "parse_retry_after": "_retry_after",
    "remaining": "_deadline",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
