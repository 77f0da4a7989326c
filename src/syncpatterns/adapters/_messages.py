"""ASGI in types, and a problem document as an ASGI answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias, cast

from syncpatterns._http import PROBLEM_JSON, render_problem
from syncpatterns._nonce import random_bits

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

#: Where a request's identity is kept, in an ASGI scope or a WSGI environ.
REQUEST_ID: Final = "syncpatterns.request_id"
_USABLE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def headers_of(scope: Scope) -> list[Header]:
    """Return the request's headers as (lower-case name, value)."""
    return [(name.lower(), value) for name, value in scope.get("headers", ())]


def values_of(scope: Scope, name: bytes) -> list[bytes]:
    """Return the stripped values of every header line called *name*."""
    return [value.strip(b" \t") for key, value in headers_of(scope) if key == name]


def request_id(scope: Scope) -> str:
    """Return this request's identity; made on first use.

    A caller's own ``X-Request-Id`` is taken if it is 1 to 64 letters, digits,
    dots, underscores or hyphens: anything else could forge a line in a log.
    """
    known = scope.get(REQUEST_ID)
    if known is not None:
        return cast("str", known)
    sent = values_of(scope, b"x-request-id")
    if len(sent) == 1 and _USABLE_ID.fullmatch(sent[0]):
        made = sent[0].decode("ascii")
    else:
        made = f"{random_bits(128):032x}"
    scope[REQUEST_ID] = made
    return made


def problem(
    status: int, slug: str, title: str, detail: str | None = None, **facts: Any
) -> dict[str, Any]:
    """Return the members of an RFC 9457 problem of this library's form."""
    members: dict[str, Any] = {
        "type": f"/problems/{slug}",
        "title": title,
        "status": status,
    }
    if detail is not None:
        members["detail"] = detail
    members.update(facts)
    return members


def problem_response(
    scope: Scope, members: dict[str, Any], headers: Iterable[Header] = ()
) -> tuple[list[Header], bytes]:
    """Return headers and body of *members*, with the request's identity in both."""
    identity = request_id(scope)
    body = render_problem({**members, "request_id": identity})
    return (
        [
            (b"content-type", PROBLEM_JSON.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-request-id", identity.encode()),
            *headers,
        ],
        body,
    )


async def send_problem(
    scope: Scope,
    send: Send,
    members: dict[str, Any],
    headers: Iterable[Header] = (),
) -> None:
    """Answer the request with the problem *members*."""
    lines, body = problem_response(scope, members, headers)
    status: int = members["status"]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
