"""The steps of an execution that are done already, as notes of its claim."""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from types import CoroutineType
from typing import Any, Final, TypeVar, cast

from syncpatterns._loops import in_event_loop
from syncpatterns.codec import JsonCodec
from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency._core import STEP, Notes
from syncpatterns.idempotency._ports import (
    AsyncIdempotencyStore,
    IdempotencyStore,
    Stores,
)

T = TypeVar("T")

_CODEC: Final = JsonCodec()

#: Steps under way, by the execution that takes them and their name.
_under_way: Final[dict[tuple[int, str], object]] = {}

#: Held while the notes of two steps are put together. A signal handler may take a
#: step too, in the thread that it interrupts in here.
merging = threading.RLock()


def _renew_lock() -> None:
    """Free the child of a fork from a lock that another thread held meanwhile."""
    global merging  # noqa: PLW0603 - there is one
    merging = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@contextmanager
def alone(execution: object, operation: str, name: str) -> Generator[None]:
    """Let one step called *name* of *execution* be under way at a time.

    Two in parallel would both run, and only one result be kept: the next execution
    would go on with a reservation that the other half of this one did not make.

    Raises:
        ConfigurationError: There is one already.
    """
    mine, place = object(), (id(execution), name)
    if _under_way.setdefault(place, mine) is not mine:
        raise ConfigurationError(
            f"{operation}: a step called {name!r} is under way in this execution "
            "already. Give each step a name of its own."
        )
    try:
        yield
    finally:
        del _under_way[place]


def refuse_coroutine(operation: str, name: str, value: T) -> T:
    """Return *value*, what a step's function returned.

    Raises:
        ConfigurationError: It is a coroutine: nothing has been done yet.
    """
    if isinstance(value, CoroutineType):
        cast("Any", value).close()  # else Python warns that it was never awaited
        raise ConfigurationError(
            f"{operation}: the function of step {name!r} is async. Use "
            "`await ctx.astep(name, function)`."
        )
    return value


def awaitable(operation: str, name: str, value: Awaitable[T]) -> Awaitable[T]:
    """Return *value*, what an async step's function returned.

    Raises:
        ConfigurationError: It cannot be awaited.
    """
    if hasattr(value, "__await__"):
        return value
    raise ConfigurationError(
        f"{operation}: the function of step {name!r} returned a "
        f"{type(value).__name__}, which cannot be awaited. Make it async, or use "
        "ctx.step() in a plain function."
    )


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
