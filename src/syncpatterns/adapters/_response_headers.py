"""Headers that every response carries."""

from __future__ import annotations

from typing import Final

from syncpatterns.adapters._messages import (
    AsgiApp,
    Header,
    Message,
    Receive,
    Scope,
    Send,
    request_id,
)
from syncpatterns.errors import ConfigurationError

#: Everything from this server, nothing inline, nobody may frame the page.
STRICT_CSP: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)


def _add(headers: list[Header], extra: list[Header]) -> list[Header]:
    """Return *headers* with those of *extra* whose names are not there yet."""
    names = {name.lower() for name, _ in headers}
    return [*headers, *(line for line in extra if line[0] not in names)]


def _adding(send: Send, extra: list[Header]) -> Send:
    """Return *send* with the headers *extra* in what begins a response."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = _add(list(message.get("headers", ())), extra)
            message = {**message, "headers": headers}
        await send(message)

    return sent


class SecurityHeaders:
    """Tell browsers to run nothing that this server did not send.

    A header that the application has set itself is left alone.

    Args:
        app: The ASGI application behind it.
        csp: Content-Security-Policy; None sends none.

    Raises:
        ConfigurationError: *csp* holds a line break.
    """

    __slots__ = ("_app", "_extra")

    def __init__(self, app: AsgiApp, csp: str | None = STRICT_CSP) -> None:
        self._app = app
        self._extra: list[Header] = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"x-frame-options", b"DENY"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        if csp is not None:
            if not csp.isascii() or not csp.isprintable():
                message = "csp must be one line of ASCII text."
                raise ConfigurationError(message)
            self._extra.append((b"content-security-policy", csp.encode("ascii")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self._app(scope, receive, _adding(send, self._extra))


class RequestId:
    """Name each request, for its answer, its problems and its audit row.

    A usable ``X-Request-Id`` of the caller is kept, otherwise one is made; the
    answer carries it. Inside, `request_id` tells it.

    Args:
        app: The ASGI application behind it.
    """

    __slots__ = ("_app",)

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        line = (b"x-request-id", request_id(scope).encode("ascii"))
        await self._app(scope, receive, _adding(send, [line]))
