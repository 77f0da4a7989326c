"""What stands before the routes: who may ask, how much, and what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from examples.critical_buttons.cut_off import AnswersCutOff
from examples.critical_buttons.routes.webhooks import MAX_BYTES, PREFIX
from syncpatterns.adapters.asgi import (
    AsgiApp,
    BodyLimit,
    HostGuard,
    JsonBody,
    Problems,
    RequestId,
    SecurityHeaders,
)

#: Only what this server sends, and nothing inline.
_CSP: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)


def guarded(app: AsgiApp, hosts: Iterable[str]) -> AsgiApp:
    """Return *app* behind all guards; like `protect`, but for the webhooks.

    The provider sends forms, which `protect` keeps out of everything. So the
    webhooks have a way of their own, with a smaller body; what comes by it
    must be signed.
    """
    pages = BodyLimit(JsonBody(app))
    webhooks = BodyLimit(app, MAX_BYTES)

    async def fork(
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        asked: str = scope.get("path", "")
        inner = webhooks if asked.startswith(f"{PREFIX}/") else pages
        await inner(scope, receive, send)

    answered = Problems(AnswersCutOff(HostGuard(fork, hosts)))
    return SecurityHeaders(RequestId(answered), "; ".join(_CSP))
