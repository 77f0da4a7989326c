"""Guards for any ASGI application, and the life of its engine.

`protect` puts them together in the one order that works; each can also be
used alone. None of them imports a framework.
"""

from __future__ import annotations

from collections.abc import Iterable

from syncpatterns.adapters._bodies import BodyLimit, JsonBody
from syncpatterns.adapters._guards import LOOPBACK, HostGuard
from syncpatterns.adapters._lifespan import lifespan
from syncpatterns.adapters._messages import AsgiApp, request_id
from syncpatterns.adapters._problems import Problems
from syncpatterns.adapters._response_headers import (
    STRICT_CSP,
    RequestId,
    SecurityHeaders,
)

__all__ = [
    "LOOPBACK",
    "STRICT_CSP",
    "AsgiApp",
    "BodyLimit",
    "HostGuard",
    "JsonBody",
    "Problems",
    "RequestId",
    "SecurityHeaders",
    "lifespan",
    "protect",
    "request_id",
]


def protect(
    app: AsgiApp,
    *,
    allowed_hosts: Iterable[str] = LOOPBACK,
    allowed_origins: Iterable[str] = (),
    max_bytes: int = 1024 * 1024,
    json_only: bool = True,
    csp: str | None = STRICT_CSP,
) -> AsgiApp:
    """Return *app* behind all guards.

    Outermost are the headers, so that a refusal carries them too; then who
    may ask, then how much, and last what: a foreign page cannot make the
    server read a body.

    Args:
        app: Any ASGI application.
        allowed_hosts: See `HostGuard`.
        allowed_origins: See `HostGuard`.
        max_bytes: See `BodyLimit`.
        json_only: Refuse bodies that are not JSON; see `JsonBody`.
        csp: See `SecurityHeaders`.

    Raises:
        ConfigurationError: An option can never work.
    """
    inner = BodyLimit(JsonBody(app, only=json_only), max_bytes)
    guarded = HostGuard(inner, allowed_hosts, allowed_origins)
    return SecurityHeaders(RequestId(guarded), csp)
