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

from syncpatterns._http import RequestKey, require_key
from syncpatterns.adapters._fastapi_problems import install_problems
from syncpatterns.adapters._keys import request_key
from syncpatterns.adapters._lifespan import lifespan
from syncpatterns.adapters._messages import headers_of, request_id, values_of
from syncpatterns.adapters._openapi import KEY_HEADER
from syncpatterns.adapters._replies import reply_lines
from syncpatterns.adapters.asgi import protect
from syncpatterns.errors import ConfigurationError
from syncpatterns.operation import Answer

__all__ = [
    "IdempotencyKey",
    "install_problems",
    "lifespan",
    "protect",
    "reply",
    "request_id",
]


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
    kinds = values_of(request.scope, b"content-type")
    sent: bytes | None = request.scope.get("raw_path")
    path = request.scope["path"] if sent is None else sent.decode("latin-1")
    headers = headers_of(request.scope)
    require_key(headers)  # before the body is waited for
    try:
        body = await request.body()
    except RuntimeError as error:  # Starlette: it was read, and is not kept
        raise ConfigurationError(
            f"{request.method} {_route_of(request)}: the body was read before its key "
            "was asked for, so nothing is left to compare. FastAPI reads the body "
            "first for Form and File parameters. Take request: Request instead, and "
            "call await request.form() in the route."
        ) from error
    return request_key(
        headers,
        method=request.method,
        path=path.partition("?")[0],
        query=request.scope.get("query_string", b""),
        content_type=kinds[0] if kinds else b"",
        body=body,
    )


def _route_of(request: Request) -> str:
    # Its template: a path itself may name a person.
    return str(getattr(request.scope.get("route"), "path", ""))


IdempotencyKey = Annotated[RequestKey, Depends(_request_key)]
"""A parameter that takes the request's key, with the fingerprint of its body.

Raises:
    KeyMissing: 400, there is no ``Idempotency-Key`` or ``X-Idempotency-Key``.
    KeyInvalid: 400, it is malformed, doubled, contradictory or too long.
    ConfigurationError: 500, the body was read before, as for Form and File
        parameters, and nothing is left of it.
"""


def reply(answer: Answer[Any]) -> Response:
    """Return *answer* as a response: status, headers and body as stored.

    The bytes are those of the first answer, whatever has changed since. A
    replay carries ``Idempotent-Replayed: true``; the first answer says in
    ``Idempotency-Key-Expires-In`` for how many whole seconds the key will be
    answered this way. A stored Set-Cookie is given to the first caller only.
    """
    lines, body = reply_lines(answer)
    response = Response(body, answer.status)
    response.raw_headers = lines
    return response
