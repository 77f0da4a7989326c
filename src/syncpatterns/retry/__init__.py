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
    from syncpatterns.retry._breaker import (
        BreakerChanged,
        BreakerSnapshot,
        CircuitBreaker,
        CircuitOpen,
        Growing,
    )
    from syncpatterns.retry._budget import RetryBudget
    from syncpatterns.retry._deadline import deadline, remaining
    from syncpatterns.retry._keyed import Breakers
    from syncpatterns.retry._retry import Retry
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
    "remaining",
]

_HOMES = {
    "Attempt": "_blocks",
    "BreakerChanged": "_breaker",
    "BreakerSnapshot": "_breaker",
    "Breakers": "_keyed",
    "CircuitBreaker": "_breaker",
    "CircuitOpen": "_breaker",
    "Growing": "_breaker",
    "Retry": "_retry",
    "RetryBudget": "_budget",
    "Wait": "_waits",
    "attempt_number": "_attempt",
    "deadline": "_deadline",
    "decorrelated_jitter": "_waits",
    "equal_jitter": "_waits",
    "full_jitter": "_waits",
    "no_jitter": "_waits",
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
