"""One declared object that makes a critical action happen once."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns._transaction import Transaction
    from syncpatterns.operation._answer import Answer, Result
    from syncpatterns.operation._fenced._context import FencedContext
    from syncpatterns.operation._fenced._settling import Unsettled
    from syncpatterns.operation._operation import Operation

__all__ = [
    "Answer",
    "FencedContext",
    "Operation",
    "Result",
    "Transaction",
    "Unsettled",
]

_HOMES = {
    "Answer": "syncpatterns.operation._answer",
    "FencedContext": "syncpatterns.operation._fenced._context",
    "Operation": "syncpatterns.operation._operation",
    "Result": "syncpatterns.operation._answer",
    "Transaction": "syncpatterns._transaction",
    "Unsettled": "syncpatterns.operation._fenced._settling",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
