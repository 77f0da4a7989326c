"""HTTP without a framework: problem documents and the idempotency headers.

Headers come as ASGI gives them: a list of (lower-case name, value) bytes.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from syncpatterns.codec import JsonCodec, digest
from syncpatterns.errors import (
    CallRejected,
    KeyInvalid,
    KeyMissing,
    NotExecuted,
    Refusal,
    ResultNotStorable,
    SyncPatternsError,
)

_log = logging.getLogger("syncpatterns")

PROBLEM_JSON: Final = "application/problem+json"
KEY_HEADERS: Final = (b"idempotency-key", b"x-idempotency-key")
MAX_KEY_LENGTH: Final = 255

_BARE: Final = re.compile(rb"[\x21-\x7e]{1,255}")
_TEXT: Final = rb'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"'
_QUOTED: Final = re.compile(rb"(" + _TEXT + rb")(.*)", re.DOTALL)
# RFC 8941 parameters; what they say is ignored, that they are well formed is not.
_PARAMETERS: Final = re.compile(
    rb"(?:[ ]*;[ ]*[a-z*][a-z0-9_\-.*]*"
    rb"(?:=(?:" + _TEXT + rb"|[A-Za-z0-9_\-.*:/%+?=]+))?)*"
)
_AGE: Final = re.compile(rb"[0-9]{1,12}")
_RETRY: Final = "Nothing was done. Try again later with the same Idempotency-Key."
_LOGGED: Final = "The reason is in the log of the service, under this request's id."
_HINT: Final = "Send one Idempotency-Key of 1 to 255 visible ASCII characters."


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The key of one HTTP request, with what it was sent for.

    Args:
        key: The caller's key.
        fingerprint: SHA-256 of the request; see `request_fingerprint`. Empty:
            that of the command, as for a key without a request.
        age: Seconds since the caller first tried (Idempotency-Age).
        door: Where it came in; see `front_door`. Two requests at one door are
            compared by *fingerprint*; an `Operation` compares those at two
            doors by their commands.
    """

    key: str
    fingerprint: bytes
    age: float = 0.0
    door: bytes = b""

    def __repr__(self) -> str:
        return "RequestKey(...)"  # a key in a log could be replayed


def parse_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the request's idempotency key, or None if it sent none.

    Accepts ``Idempotency-Key`` and ``X-Idempotency-Key``, as an RFC 8941
    string (parameters are ignored) or as bare visible ASCII.

    Raises:
        KeyInvalid: Empty, longer than 255, not visible ASCII, badly quoted, a
            list, sent twice, or two headers that disagree.
    """
    found: dict[bytes, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower not in KEY_HEADERS:
            continue
        if lower in found:
            raise KeyInvalid(f"The key was sent in two header lines. {_HINT}")
        found[lower] = _parse_value(value)
    if not found:
        return None
    if len(set(found.values())) > 1:
        message = f"Idempotency-Key and X-Idempotency-Key disagree. {_HINT}"
        raise KeyInvalid(message)
    return next(iter(found.values()))


def require_key(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the request's key.

    Raises:
        KeyMissing: There is none.
        KeyInvalid: See `parse_key`.
    """
    key = parse_key(headers)
    if key is None:
        raise KeyMissing(
            "This action needs an Idempotency-Key header, the same for every try "
            "of one click. " + _HINT
        )
    return key


def _parse_value(raw: bytes) -> str:
    value = raw.strip(b" \t")
    if len(value) > 4 * MAX_KEY_LENGTH:
        raise KeyInvalid(f"The key is too long. {_HINT}")
    if value.startswith(b'"'):
        return _parse_quoted(value)
    if not _BARE.fullmatch(value):
        raise KeyInvalid(f"The key is empty, too long or not visible ASCII. {_HINT}")
    if b"," in value or b'"' in value:
        raise KeyInvalid(f"The key holds a comma or a stray quote. {_HINT}")
    return value.decode("ascii")


def _parse_quoted(value: bytes) -> str:
    match = _QUOTED.fullmatch(value)
    if match is None or not _PARAMETERS.fullmatch(match[2]):
        raise KeyInvalid(f"The quoted key is malformed. {_HINT}")
    key = re.sub(rb'\\(["\\])', rb"\1", match[1][1:-1])
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not _BARE.fullmatch(key):
        raise KeyInvalid(f"The key is empty, too long or not visible ASCII. {_HINT}")
    return key.decode("ascii")


def parse_age(headers: Iterable[tuple[bytes, bytes]]) -> float:
    """Return Idempotency-Age in seconds; 0 if it was not sent.

    Raises:
        KeyInvalid: It is not one whole number of seconds.
    """
    values = [value for name, value in headers if name.lower() == b"idempotency-age"]
    if not values:
        return 0.0
    if len(values) > 1 or not _AGE.fullmatch(values[0].strip(b" \t")):
        message = "Idempotency-Age must be one whole number of seconds."
        raise KeyInvalid(message)
    return float(values[0])


def request_fingerprint(
    method: str, path: str, query: bytes, content_type: bytes, body: bytes
) -> bytes:
    """Return SHA-256 over what was asked for, byte by byte.

    The body is never parsed: two bodies that one parser reads alike (2**70 and
    its nearest float) are two requests.
    """
    text = path.encode("utf-8", "surrogatepass")
    kind = content_type.strip(b" \t").lower()
    return digest(b"http", method.upper().encode(), text, query, kind, body)


def front_door(method: str, path: str) -> bytes:
    """Return 16 bytes that stand for *method* and the concrete *path*."""
    text = path.encode("utf-8", "surrogatepass")
    return digest(b"door", method.upper().encode(), text)[:16]


def retry_after_header(seconds: float) -> str:
    """Return *seconds* for a Retry-After header: whole, rounded up, at least 1."""
    return str(max(1, math.ceil(seconds)))


def problem_document(
    error: SyncPatternsError,
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, headers and members of an RFC 9457 problem for *error*.

    An error that is not the caller's fault (500 and above) keeps its message
    out of the document: it is written for operators and may name a path. A
    `retry_after` without end (an isolated breaker) has no header.
    """
    status = error.status
    members: dict[str, Any] = {
        "type": f"/problems/{error.problem}",
        "title": error.title,
        "status": status,
    }
    if status >= 500 and not isinstance(error, Refusal):  # noqa: PLR2004 - the server's own fault
        members["detail"] = _RETRY if isinstance(error, NotExecuted) else _LOGGED
    else:
        members["detail"] = str(error)
    if status < 500 or isinstance(error, (CallRejected, Refusal)):  # noqa: PLR2004 - as above
        members.update(
            (name, value) for name, value in error.facts.items() if name not in members
        )
    headers = {"content-type": PROBLEM_JSON, "cache-control": "no-store"}
    after: object = error.retry_after
    # Text from another service's header, set by mistake, must not hide the error.
    if isinstance(after, (int, float)) and -math.inf < after < math.inf:
        headers["retry-after"] = retry_after_header(after)
        members["retry_after"] = int(headers["retry-after"])
    return status, headers, members


def render_problem(members: dict[str, Any]) -> bytes:
    """Return the problem's *members* as JSON bytes.

    A fact may be anything: a date is written as its text, and one that JSON cannot
    say, such as a NaN, is left out and logged by its name. It would make the whole
    document unreadable, and with it the reason.
    """
    try:
        return _json(members)
    except (TypeError, ValueError, RecursionError):
        pass  # of one of them
    said: dict[str, Any] = {}
    for name, value in members.items():
        try:
            said[name] = json.loads(JsonCodec().encode(value))
        except (ResultNotStorable, ValueError, RecursionError):
            _log.warning(
                "The fact %r of a problem %s has no JSON form and is left out.",
                name,
                members.get("type"),
            )
    return _json(said)


def _json(members: dict[str, Any]) -> bytes:
    # ASCII escapes: a lone surrogate in a detail has no UTF-8 form.
    return json.dumps(members, separators=(",", ":"), allow_nan=False).encode()
