"""Critical actions that happen once, are retried safely and are seen at once.

Five patterns, each useful alone, one contract when composed: idempotency,
retry, circuit breaker, offline queue and realtime publishing. Names are
imported on first use, so ``import syncpatterns`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.engines import connect
    from syncpatterns.errors import (
        ConfigurationError,
        NotExecuted,
        NotSent,
        Refusal,
        SyncPatternsError,
    )
    from syncpatterns.idempotency import (
        SINGLE_TENANT,
        Idempotency,
        Windows,
        idempotent,
    )
    from syncpatterns.offline_queue import Done, OfflineQueue, Queued
    from syncpatterns.operation import Answer, Operation, Result, Transaction
    from syncpatterns.realtime import (
        Delivered,
        Event,
        Gap,
        Hub,
        Position,
        Publisher,
        Relay,
    )
    from syncpatterns.retry import CircuitBreaker, CircuitOpen, Retry, RetryBudget

__all__ = [
    "SINGLE_TENANT",
    "Answer",
    "CircuitBreaker",
    "CircuitOpen",
    "ConfigurationError",
    "Delivered",
    "Done",
    "Event",
    "Gap",
    "Hub",
    "Idempotency",
    "NotExecuted",
    "NotSent",
    "OfflineQueue",
    "Operation",
    "Position",
    "Publisher",
    "Queued",
    "Refusal",
    "Relay",
    "Result",
    "Retry",
    "RetryBudget",
    "SyncPatternsError",
    "Transaction",
    "Windows",
    "connect",
    "idempotent",
]

_HOMES = {
    "SINGLE_TENANT": "idempotency",
    "Answer": "operation",
    "CircuitBreaker": "retry",
    "CircuitOpen": "retry",
    "ConfigurationError": "errors",
    "Delivered": "realtime",
    "Done": "offline_queue",
    "Event": "realtime",
    "Gap": "realtime",
    "Hub": "realtime",
    "Idempotency": "idempotency",
    "NotExecuted": "errors",
    "NotSent": "errors",
    "OfflineQueue": "offline_queue",
    "Operation": "operation",
    "Position": "realtime",
    "Publisher": "realtime",
    "Queued": "offline_queue",
    "Refusal": "errors",
    "Relay": "realtime",
    "Result": "operation",
    "Retry": "retry",
    "RetryBudget": "retry",
    "SyncPatternsError": "errors",
    "Transaction": "operation",
    "Windows": "idempotency",
    "connect": "engines",
    "idempotent": "idempotency",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow, rarely used

        return version("syncpatterns")
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
