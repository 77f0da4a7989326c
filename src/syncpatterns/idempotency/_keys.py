"""Stable text for the values that keys are made of."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from syncpatterns.errors import KeyInvalid, KeyMissing

#: Digits before or after the point; 1E+999999999 would be a gigabyte of text.
_LONGEST_DECIMAL = 1000
_LONGEST_INT = 4000  # bits


def key_text(operation: str, key: object) -> str:
    """Return *key* as text that is the same for equal keys, in every process.

    Text, numbers, UUIDs, dates, Decimals, Enums (by value), bytes, and tuples
    or lists of these.

    Raises:
        KeyMissing: It is None, or holds None.
        KeyInvalid: It is empty, or of a type whose text is not stable.
    """
    text = key if type(key) is str else _scalar(operation, key)
    if not text or text.isspace():
        raise KeyInvalid(
            f"{operation}: the idempotency key is empty. Use what identifies the "
            "action, such as the order's id."
        )
    return text


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
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, bytes):
        return value.hex()
    return _moment(value)


def _decimal(value: Decimal) -> str | None:
    """Return one text for 1, 1.0 and 1E+0: they are equal, so they are one key."""
    if not value.is_finite() or abs(value.adjusted()) > _LONGEST_DECIMAL:
        return None
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _moment(value: Any) -> str | None:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date | time) else None
