"""The steps of an execution that are done already, as notes of its claim."""

from __future__ import annotations

from typing import Any, Final

from syncpatterns._loops import in_event_loop
from syncpatterns.codec import JsonCodec
from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency._core import STEP, Notes
from syncpatterns.idempotency._ports import (
    AsyncIdempotencyStore,
    IdempotencyStore,
    Stores,
)

_CODEC: Final = JsonCodec()


def find(notes: Notes, name: object) -> tuple[bool, Any]:
    """Return whether the step *name* is done, and its result.

    Raises:
        ConfigurationError: *name* is no text.
    """
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"A step needs a name, not {name!r}.")
    for kept, body in notes:
        if kept == STEP + name:
            return True, _CODEC.decode(body)
    return False, None


def packed(name: str, value: object) -> tuple[Notes, Any]:
    """Return the note of a step's result, and what reading it back gives.

    Raises:
        ResultNotStorable: *value* has no JSON form.
    """
    body = _CODEC.encode(value)
    return ((STEP + name, body),), _CODEC.decode(body)


def blocking_store(
    stores: Stores, operation: str, *, blocking: bool
) -> IdempotencyStore:
    """Return the store for threads.

    Raises:
        ConfigurationError: It can only be awaited, or an event loop whose
            calls await would be blocked.
    """
    if stores.blocking is None or (in_event_loop() and not blocking):
        raise ConfigurationError(
            f"{operation}: step() blocks. Use `await ctx.astep(name, function)` here."
        )
    return stores.blocking


def awaiting_store(stores: Stores, operation: str) -> AsyncIdempotencyStore:
    """Return the store for event loops.

    Raises:
        ConfigurationError: It blocks.
    """
    if stores.awaiting is None:
        raise ConfigurationError(
            f"{operation}: the store {stores.name!r} blocks. Use ctx.step() in a "
            "plain function."
        )
    return stores.awaiting
