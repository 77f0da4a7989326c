"""Who may ask: the hosts we answer to, and the pages that may send for a user."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from syncpatterns.adapters._messages import (
    AsgiApp,
    Receive,
    Scope,
    Send,
    problem,
    send_problem,
    values_of,
)
from syncpatterns.errors import ConfigurationError

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_ORIGIN: Final = re.compile(rf"([a-z][a-z0-9+.-]*)://{_HOST.pattern}")
_PORTS: Final = {"http": "80", "https": "443", "ws": "80", "wss": "443"}


class HostGuard:
    """Answer only to our own names, and act only for our own pages.

    A foreign Host is 421 ``host-not-allowed``: a page that points its own name
    at 127.0.0.1 (DNS rebinding) would otherwise read and write as a local
    user. An unsafe method, an event stream or a WebSocket from a page of
    another origin is 403 ``origin-not-allowed``; no CORS header is ever sent,
    and a request without Origin (not a browser's) passes.

    Args:
        app: The ASGI application behind it.
        allowed_hosts: Names as in the Host header; with a port only that port,
            without one any port.
        allowed_origins: Other origins whose pages may act here, such as
            ``https://app.example.com``. Our own is always allowed.

    Raises:
        ConfigurationError: An entry can never match a header.
    """

    __slots__ = ("_app", "_hosts", "_origins")

    def __init__(
        self,
        app: AsgiApp,
        allowed_hosts: Iterable[str] = LOOPBACK,
        allowed_origins: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._hosts = frozenset(_checked(allowed_hosts, _HOST, "allowed_hosts"))
        self._origins = frozenset(
            _normal(origin)
            for origin in _checked(allowed_origins, _ORIGIN, "allowed_origins")
        )
        if not self._hosts:
            message = "allowed_hosts is empty: every request would be refused."
            raise ConfigurationError(message)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        host = _text(values_of(scope, b"host"))
        if host is None or not self._knows(host):
            members = problem(
                421,
                "host-not-allowed",
                "This server does not answer to that host name.",
                "Use an address the server was started for. Nothing was done.",
            )
        elif _acts(scope) and not self._may_act(scope, host):
            members = problem(
                403,
                "origin-not-allowed",
                "A page of another origin may not do this.",
                "Open the page from this server. Nothing was done.",
            )
        else:
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await send_problem(scope, send, members, [(b"connection", b"close")])

    def _knows(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        return match is not None and (match[1] in self._hosts or host in self._hosts)

    def _may_act(self, scope: Scope, host: str) -> bool:
        sent = values_of(scope, b"origin")
        if sent:
            origin = _text(sent)
            match = None if origin is None else _ORIGIN.fullmatch(origin)
            if match is None:  # "null", two of them, or not an origin at all
                return False
            return _normal(match[0]) in self._origins or _same(match, host)
        return values_of(scope, b"sec-fetch-site") != [b"cross-site"]


def _acts(scope: Scope) -> bool:
    """Say whether a foreign page could do harm, or listen, by this request."""
    if scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS:
        return True
    accepted = b",".join(values_of(scope, b"accept")).lower()
    return b"text/event-stream" in accepted


def _text(values: list[bytes]) -> str | None:
    """Return the one value, in lower case; None for none, two, or not ASCII."""
    if len(values) != 1 or not values[0].isascii():
        return None
    return values[0].decode("ascii").lower()


def _same(origin: re.Match[str], host: str) -> bool:
    """Say whether *origin* is the page of *host*.

    The schemes are not compared: behind a proxy that ends TLS the page is
    https and we are asked by http.
    """
    scheme, name, port = origin.groups()
    match = _HOST.fullmatch(host)
    default = _PORTS.get(scheme)
    return (
        match is not None
        and match[1] == name
        and (match[2] or default) == (port or default)
    )


def _normal(origin: str) -> str:
    match = _ORIGIN.fullmatch(origin)
    if match is None or match[3] != _PORTS.get(match[1]):
        return origin
    return origin.removesuffix(f":{match[3]}")


def _checked(
    entries: Iterable[str], form: re.Pattern[str], option: str
) -> Iterable[str]:
    if isinstance(entries, str):
        message = f"{option} must be a list of texts, not one text."
        raise ConfigurationError(message)
    for entry in entries:
        if not form.fullmatch(entry.lower()):
            message = (
                f"{entry!r} in {option} can never match. Write a host as "
                "example.com, example.com:8080 or [::1], an origin as "
                "https://example.com."
            )
            raise ConfigurationError(message)
        yield entry.lower()
