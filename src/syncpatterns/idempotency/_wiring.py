"""What a guard and a decorated function are checked for when they are made."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.codec import Codec, JsonCodec
from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency._call import Plan
from syncpatterns.idempotency._core import Windows
from syncpatterns.idempotency._exceptions import StoredExceptions
from syncpatterns.idempotency._ports import (
    IdempotencyStore,
    Stores,
)

_OPERATION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,199}")


def stores_of(home: object) -> Stores:
    """Return the stores of an engine, or the store that *home* is itself.

    Raises:
        ConfigurationError: It is neither.
    """
    blocking: Any = _made_by(home, "idempotency_store")
    awaiting: Any = _made_by(home, "async_idempotency_store")
    if blocking is None and awaiting is None:
        if isinstance(home, type) or not isinstance(home, IdempotencyStore):
            raise ConfigurationError(
                f"Idempotency needs an engine from connect(), or a store; a "
                f"{type(home).__name__} is neither."
            )
        if inspect.iscoroutinefunction(home.claim):
            awaiting = home
        else:
            blocking = home
    name = str(getattr(home, "name", None) or type(home).__name__)
    return Stores(name, blocking, awaiting)


def _made_by(home: object, method: str) -> object | None:
    make = None if isinstance(home, type) else getattr(home, method, None)
    return make() if callable(make) else None


def clock_of(home: object, clock: Clock | None) -> Clock:
    """Return *clock*, or else the engine's own, or else the machine's."""
    if clock is None:
        clock = getattr(home, "clock", None)
        return clock if isinstance(clock, Clock) else SystemClock()
    if not isinstance(clock, Clock):
        raise ConfigurationError(
            f"clock= takes a syncpatterns.clock.Clock, not a {type(clock).__name__}."
        )
    return clock


def checked_operation(operation: object, argument: str = "operation=") -> str:
    """Return *operation*; it is stored, logged and used as a metrics label.

    Args:
        operation: A name, declared or derived from a function's.
        argument: What an error calls it.

    Raises:
        ConfigurationError: It has other characters or is too long.
    """
    if not isinstance(operation, str) or not _OPERATION.fullmatch(operation):
        raise ConfigurationError(
            f"{argument} is 1 to 200 of A-Z a-z 0-9 _ . : -, such as "
            f"'orders.reserve'; got {operation!r}."
        )
    return operation


def plan_for(
    operation: object,
    codec: Codec[Any] | None,
    windows: Windows,
    exceptions: Iterable[type[Exception]],
) -> Plan:
    """Return the plan of one operation.

    Raises:
        ConfigurationError: Something here can never work.
    """
    name = checked_operation(operation)
    if not isinstance(windows, Windows):
        raise ConfigurationError(f"{name}: windows= takes Windows(replay=, dedupe=).")
    return Plan(
        name,
        codec or JsonCodec(),
        typed=codec is not None and type(codec) is not JsonCodec,
        windows=windows,
        exceptions=StoredExceptions(name, tuple(exceptions)),
    )
