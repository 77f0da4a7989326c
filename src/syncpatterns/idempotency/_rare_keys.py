"""Text for the keys that few callers have; imported with the first of them.

What they are instances of takes longer to import than all of `_keys`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

#: Digits before or after the point; 1E+999999999 would be a gigabyte of text.
_LONGEST_DECIMAL = 1000


def rare_text(value: object) -> str | None:
    """Return the text of a UUID, Decimal, date or time; None: it has no stable one."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date | time) else None


def _decimal(value: Decimal) -> str | None:
    """Return one text for 1, 1.0 and 1E+0: they are equal, so they are one key."""
    if not value.is_finite() or abs(value.adjusted()) > _LONGEST_DECIMAL:
        return None
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
