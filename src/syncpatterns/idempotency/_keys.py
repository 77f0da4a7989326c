"""From a caller's key and scope to the key under which a record is stored.

`key_text` gives one text to equal keys, `checked_scope` says whose they are,
and `KeyHasher` makes of both what `_core.storage_key` makes of them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

from syncpatterns.errors import ConfigurationError, KeyInvalid, KeyMissing

_LONGEST_INT = 4000  # bits


def key_text(operation: str, key: object) -> str:
    """Return *key* as text that is the same for equal keys, in every process.

    Text, numbers, UUIDs, dates, Decimals, Enums (by value), bytes, and tuples
    or lists of these.

    Raises:
        KeyMissing: It is None, or holds None.
        KeyInvalid: It is empty, or of a type whose text is not stable.
    """
    text = key if type(key) is str else _other(operation, key)
    if not text or text.isspace():
        raise KeyInvalid(
            f"{operation}: the idempotency key is empty. Use what identifies the "
            "action, such as the order's id."
        )
    return text


def _other(operation: str, key: object) -> str:
    try:
        text = _scalar(operation, key)
    except RecursionError:
        raise KeyInvalid(
            f"{operation}: the idempotency key is nested too deeply. Use what "
            "identifies the action, such as the order's id."
        ) from None
    # A tuple of nothing identifies nothing, as no text does.
    return "" if text == "[]" and not isinstance(key, str) else text


def _scalar(operation: str, value: Any) -> str:
    parts = value
    if value is None:
        raise KeyMissing(
            f"{operation}: the idempotency key is None. Every call needs the key of "
            "the action it stands for; a call without one would meet all others."
        )
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        # As JSON, so that ("a", "bc") is not ("ab", "c").
        return json.dumps([_scalar(operation, part) for part in parts])
    if isinstance(value, Enum):
        # By value: str() of an Enum changes with its class's other bases.
        return _scalar(operation, value.value)
    text = _text(value)
    if text is None:
        raise KeyInvalid(
            f"{operation}: a {type(value).__name__} is no idempotency key. Use text, a "
            "number, a UUID, a date, a Decimal, an Enum, or a tuple of these."
        )
    return text


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        # Python prints no int of more than 4,300 digits.
        return str(value) if value.bit_length() < _LONGEST_INT else None
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    from syncpatterns.idempotency._rare_keys import rare_text  # noqa: PLC0415 - most keys are text

    return rare_text(value)


class _SingleTenant(str):
    """Equal to no tenant's name: it holds a character that no name has."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SINGLE_TENANT"


#: The scope of a service that has one tenant and says so.
SINGLE_TENANT: Final[str] = _SingleTenant("\x00single-tenant")


def checked_scope(operation: str, scope: object) -> str:
    """Return *scope*, who the key belongs to.

    Raises:
        ConfigurationError: It is empty or no text: two tenants' keys would meet.
    """
    if not isinstance(scope, str) or not scope:
        raise ConfigurationError(
            f"{operation}: scope= says whose key it is, such as the tenant's id, and "
            "must be text. Say scope=SINGLE_TENANT if there is one tenant only."
        )
    return scope


class KeyHasher:
    """Does what `_core.storage_key` does, in a third of the time.

    Args:
        namespace: Of the guard.
    """

    __slots__ = ("_begun", "_namespace")

    #: Scopes and operations remembered; tenants may be many.
    LIMIT = 4096

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._begun: dict[tuple[str, str], Any] = {}

    def storage_key(self, scope: str, operation: str, key: str) -> str:
        """Return the 64 hex digits under which *key* is stored."""
        begun = self._begun.get((scope, operation))
        if begun is None:
            begun = self._begin(scope, operation)
        data = key.encode("utf-8", "surrogatepass")
        ended = begun.copy()
        ended.update(b"%d:%b" % (len(data), data))
        digits: str = ended.hexdigest()
        return digits

    def _begin(self, scope: str, operation: str) -> Any:
        parts = (self._namespace, scope, operation)
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        begun = hashlib.sha256(b"".join([b"%d:%b" % (len(p), p) for p in encoded]))
        if len(self._begun) >= self.LIMIT:
            self._begun.clear()
        self._begun[scope, operation] = begun
        return begun
