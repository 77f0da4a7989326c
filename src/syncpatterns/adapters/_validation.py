"""What was wrong with a request, said without repeating what it contained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from syncpatterns.adapters._messages import problem

#: Most entries of one answer; a body can be wrong in 100,000 places.
MAX_ERRORS: Final = 50

_MAX_POINTER: Final = 200
_GENERIC: Final = "The value is not valid."
#: pydantic's messages that quote a part of the input.
_QUOTING: Final = frozenset(
    {"bytes_invalid_encoding", "union_tag_invalid", "url_parsing", "uuid_parsing"}
)
_SHORTEST_ECHO: Final = 4  # a shorter text occurs in any sentence by chance


def validation_problem(errors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the 422 problem for pydantic's *errors*.

    Each becomes ``{pointer, in, detail, code}``: a JSON pointer into the part
    of the request named by ``in``, a sentence, and pydantic's error type. The
    value itself is never repeated: it may be personal, and it ends in logs.
    """
    listed = [_entry(error) for error in errors[:MAX_ERRORS]]
    facts: dict[str, Any] = {"errors": listed}
    if len(errors) > MAX_ERRORS:
        facts["more_errors"] = len(errors) - MAX_ERRORS
    return problem(
        422,
        "validation",
        "The request is not valid.",
        "Correct what errors lists. Nothing was done.",
        **facts,
    )


def _entry(error: Mapping[str, Any]) -> dict[str, str]:
    location: Sequence[int | str] = error.get("loc", ())
    part = str(location[0]) if location else "body"
    code = str(error.get("type", "invalid"))
    return {
        "pointer": _pointer(location[1:]),
        "in": part,
        "detail": _detail(code, str(error.get("msg", "")), error.get("input")),
        "code": code,
    }


def _pointer(location: Sequence[int | str]) -> str:
    """Return an RFC 6901 pointer as a URI fragment; ASCII whatever was sent."""
    steps = (
        quote(
            str(step).replace("~", "~0").replace("/", "~1"), safe="~", errors="replace"
        )
        for step in location
    )
    return "".join(["#", *(f"/{step}" for step in steps)])[:_MAX_POINTER]


def _detail(code: str, message: str, value: object) -> str:
    if code in _QUOTING or not message:
        return _GENERIC
    text = value if isinstance(value, str) else repr(value)
    if len(text) >= _SHORTEST_ECHO and text in message:
        return _GENERIC
    return message if message.endswith(".") else f"{message}."
