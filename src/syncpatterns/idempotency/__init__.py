"""The same key gives one effect and one answer.

`Idempotency` guards a call in any code; `idempotent` is the same as a
decorator. Where effect and record can share one transaction, use
`syncpatterns.Operation`: it is exactly once, this is not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.idempotency._context import Context, current_context
    from syncpatterns.idempotency._core import Record, State, StoredOutcome, Windows
    from syncpatterns.idempotency._decorator import idempotent
    from syncpatterns.idempotency._guard import Idempotency
    from syncpatterns.idempotency._keys import SINGLE_TENANT
    from syncpatterns.idempotency._ports import (
        AsyncIdempotencyStore,
        IdempotencyEngine,
        IdempotencyStore,
    )
    from syncpatterns.idempotency._verdicts import Committed, NotCommitted, Undecided

__all__ = [
    "SINGLE_TENANT",
    "AsyncIdempotencyStore",
    "Committed",
    "Context",
    "Idempotency",
    "IdempotencyEngine",
    "IdempotencyStore",
    "NotCommitted",
    "Record",
    "State",
    "StoredOutcome",
    "Undecided",
    "Windows",
    "current_context",
    "idempotent",
]

_HOMES = {
    "SINGLE_TENANT": "_keys",
    "AsyncIdempotencyStore": "_ports",
    "Committed": "_verdicts",
    "Context": "_context",
    "Idempotency": "_guard",
    "IdempotencyEngine": "_ports",
    "IdempotencyStore": "_ports",
    "NotCommitted": "_verdicts",
    "Record": "_core",
    "State": "_core",
    "StoredOutcome": "_core",
    "Undecided": "_verdicts",
    "Windows": "_core",
    "current_context": "_context",
    "idempotent": "_decorator",
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
    return list(__all__)
