"""What a guard and a decorated function are checked for when they are made."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from syncpatterns._functions import is_async
from syncpatterns._wiring import home_of
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
    found = home_of(home, "idempotency_store", IdempotencyStore, "claim")
    if found is None:
        raise ConfigurationError(
            f"Idempotency needs an engine from connect(), or a store; a "
            f"{type(home).__name__} is neither."
        )
    return Stores(*found)


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


def checked_codec(name: str, codec: object) -> Any:
    """Return *codec* if it is None or can encode and decode.

    Found out later it would be too late: it has been done by then.

    Raises:
        ConfigurationError: It cannot; or it is a class whose methods need an
            object of it.
    """
    able = _takes_one(codec, "encode") and _takes_one(codec, "decode")
    # Text can be encoded too, and means something else by it.
    if codec is None or (able and not isinstance(codec, str)):
        return codec
    raise ConfigurationError(
        f"{name}: codec= takes an object with encode(value) and decode(data), such as "
        f"TypedCodec(list[int]); not {codec!r}."
    )


def _takes_one(codec: object, method: str) -> bool:
    found: Any = getattr(codec, method, None)
    if not callable(found) or not isinstance(codec, type):
        return callable(found)
    if isinstance(inspect.getattr_static(codec, method), staticmethod | classmethod):
        return True
    try:
        inspect.signature(found).bind(None)  # TypeError: it wants its object first
    except (TypeError, ValueError):
        return False
    return True


def checked_plain(name: str, argument: str, function: object) -> Callable[..., Any]:
    """Return *function* if it is a plain one.

    Raises:
        ConfigurationError: It is none, or async: what it returned would be no
            key and no fingerprint, but something to await.
    """
    if callable(function) and not is_async(function):
        return function
    raise ConfigurationError(
        f"{name}: {argument}= takes a plain function of the same arguments, not "
        f"{function!r}."
    )


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
    if isinstance(exceptions, type) or not isinstance(exceptions, Iterable):
        raise ConfigurationError(
            f"{name}: store_exceptions= takes a tuple of exception classes, not "
            f"{exceptions!r}."
        )
    chosen: Codec[Any] = JsonCodec() if codec is None else checked_codec(name, codec)
    return Plan(
        name,
        chosen,
        typed=codec is not None and type(codec) is not JsonCodec,
        windows=windows,
        exceptions=StoredExceptions(name, tuple(exceptions)),
    )
