"""The type of a problem document, however little of it can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final, TypeAlias, cast

from syncpatterns.offline_queue._core._answers import last_part

#: Bytes of a problem document that are read for its type.
READ: Final = 64 * 1024

_KIND: Final = re.compile(r"application/problem\+json\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_OPENS: Final = re.compile(r"\s*\{\s*")
_COLON: Final = re.compile(r"\s*:\s*")
_COMMA: Final = re.compile(r"\s*,\s*")


class Unread(Enum):
    """There is a problem, and its type cannot be read."""

    UNREAD = "unread"


Problem: TypeAlias = str | Unread | None


def is_problem(content_type: str | None) -> bool:
    """Tell whether *content_type* is that of a problem document (RFC 9457)."""
    return _KIND.match(content_type or "") is not None


def word_of(kind: object) -> str | None:
    """Return the last part of a problem's *kind*; None if it is no word.

    It goes into logs: what is no word is somebody's text.
    """
    part = last_part(kind) if isinstance(kind, str) else None
    return part if part and _WORD.fullmatch(part) else None


def problem_of(content_type: str | None, body: bytes, *, whole: bool) -> Problem:
    """Return the last part of the type of a problem document.

    What else stands in it may be too long to be kept, or have no JSON form here (a
    NaN, half a surrogate, a letter in another encoding): 409 with a lost type could
    be "in progress" as well as a refusal.

    Args:
        content_type: As it came.
        body: What was read of it.
        whole: Whether that is all.

    Returns:
        None: It is no problem, or one without a type of its own.
    """
    if not is_problem(content_type):
        return None
    text = body.decode("utf-8-sig", "replace")
    try:
        if whole:
            document = json.loads(text)
            if document is None:  # says as little as no body at all
                return Unread.UNREAD
            if not isinstance(document, dict):
                return None
            return word_of(cast("dict[str, Any]", document).get("type"))
    except (ValueError, RecursionError):
        pass
    found = next((value for name, value in _members(text) if name == "type"), Unread)
    return Unread.UNREAD if found is Unread else word_of(found)


def _members(text: str) -> Iterator[tuple[object, Any]]:
    """Yield the members of the object that *text* begins with, until it breaks off."""
    reader = json.JSONDecoder()
    opens = _OPENS.match(text)
    try:
        while opens is not None:
            name, at = reader.raw_decode(text, opens.end())
            colon = _COLON.match(text, at)
            if colon is None:
                return
            value, at = reader.raw_decode(text, colon.end())
            yield name, value
            opens = _COMMA.match(text, at)
    except (ValueError, RecursionError):
        return
