"""FastAPI: the key as a parameter, the answer as a response, errors as problems.

::

    app = FastAPI(lifespan=lifespan(engine))
    install_problems(app)


    @app.post("/api/bookings/confirm")
    async def confirm_route(
        command: ConfirmBooking, key: IdempotencyKey, who: Principal
    ):
        return reply(await confirm.acall(command, key=key, scope=who.tenant))


    served = protect(app)
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response

from syncpatterns._http import (
    RequestKey,
    parse_age,
    request_fingerprint,
    require_key,
)
from syncpatterns.adapters._fastapi_problems import install_problems
from syncpatterns.adapters._lifespan import lifespan
from syncpatterns.adapters._messages import headers_of, request_id, values_of
from syncpatterns.adapters._openapi import KEY_HEADER
from syncpatterns.adapters.asgi import protect
from syncpatterns.operation import Answer

__all__ = [
    "IdempotencyKey",
    "install_problems",
    "lifespan",
    "protect",
    "reply",
    "request_id",
]

_NO_BODY = frozenset({204, 205, 304})
#: How a response is delimited is decided where it is sent.
_FRAMING = frozenset({b"connection", b"content-length", b"date", b"transfer-encoding"})
#: Meant for the first caller at that moment, and never for a replay.
_ONCE = frozenset({b"set-cookie", b"traceparent", b"www-authenticate"})


async def _request_key(
    request: Request,
    _documented: Annotated[
        str | None,
        Header(
            alias=KEY_HEADER,
            description="The same for every try of one intent, and for no other.",
        ),
    ] = None,
) -> RequestKey:
    headers = headers_of(request.scope)
    key = require_key(headers)
    age = parse_age(headers)
    kinds = values_of(request.scope, b"content-type")
    raw_path: bytes | None = request.scope.get("raw_path")
    path = request.scope["path"] if raw_path is None else raw_path.decode("latin-1")
    return RequestKey(
        key,
        request_fingerprint(
            request.method,
            path.partition("?")[0],
            request.scope.get("query_string", b""),
            kinds[0] if kinds else b"",
            await request.body(),
        ),
        age,
    )


IdempotencyKey = Annotated[RequestKey, Depends(_request_key)]
"""A parameter that takes the request's key, with the fingerprint of its body.

Raises:
    KeyMissing: 400, there is no ``Idempotency-Key`` or ``X-Idempotency-Key``.
    KeyInvalid: 400, it is malformed, doubled, contradictory or too long.
"""


def reply(answer: Answer[Any]) -> Response:
    """Return *answer* as a response: status, headers and body as stored.

    The bytes are those of the first answer, whatever has changed since. A
    replay carries ``Idempotent-Replayed: true``; the first answer says in
    ``Idempotency-Key-Expires-In`` for how many whole seconds the key will be
    answered this way. A stored Set-Cookie is given to the first caller only.
    """
    empty = answer.status in _NO_BODY
    response = Response(b"" if empty else answer.body, answer.status)
    left_out = _FRAMING | _ONCE if answer.replayed else _FRAMING
    stored = (
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers
    )
    lines = [line for line in stored if line[0] not in left_out]
    names = {name for name, _ in lines}
    if not empty and b"content-type" not in names:
        lines.append((b"content-type", b"application/json"))
    if not empty:
        lines.append((b"content-length", b"%d" % len(answer.body)))
    if answer.replayed:
        lines.append((b"idempotent-replayed", b"true"))
    else:
        seconds = max(0, int(answer.expires_in))
        lines.append((b"idempotency-key-expires-in", b"%d" % seconds))
    response.raw_headers = lines
    return response
