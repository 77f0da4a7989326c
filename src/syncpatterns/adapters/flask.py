"""Flask: the key of a request, the answer as a response, errors as problems.

::

    app = Flask(__name__)
    install_problems(app)
    install_engine(app, engine)


    @app.post("/api/bookings/confirm")
    def confirm_view():
        key = idempotency_key(request)
        command = json_body(request, ConfirmBooking)
        return reply(confirm.call(command, key=key, scope=tenant()))
"""

from __future__ import annotations

import functools
import json
from typing import Any, TypeVar

from flask import Flask, Request, Response
from pydantic import TypeAdapter, ValidationError
from werkzeug.exceptions import LengthRequired

from syncpatterns._http import RequestKey, require_key
from syncpatterns.adapters._bodies import (
    is_json,
    malformed,
    malformed_json,
    unsupported_media_type,
)
from syncpatterns.adapters._environ import environ_headers, identified, raw_path
from syncpatterns.adapters._flask_problems import (
    InvalidBody,
    install_problems,
    response_of,
)
from syncpatterns.adapters._housekeeping import Housekeeping, Openable
from syncpatterns.adapters._keys import request_key
from syncpatterns.adapters._messages import REQUEST_ID
from syncpatterns.adapters._replies import reply_lines
from syncpatterns.adapters._validation import validation_problem
from syncpatterns.clock import Clock
from syncpatterns.errors import ConfigurationError
from syncpatterns.operation import Answer

__all__ = [
    "idempotency_key",
    "install_engine",
    "install_problems",
    "json_body",
    "reply",
    "request_id",
]

T = TypeVar("T")

_KEY_HEADERS = ("idempotency-key", "x-idempotency-key", "idempotency-age")


def idempotency_key(request: Request) -> RequestKey:
    """Return the request's key, with the fingerprint of its body.

    The fingerprint is the one that `syncpatterns.adapters.fastapi` takes of
    the same request, so that a service can move from one to the other while
    retries are under way.

    Args:
        request: ``flask.request``. Its body is read and kept for `json_body`
            and ``request.json``; call this before anything parses a form.

    Raises:
        KeyMissing: 400, there is no ``Idempotency-Key`` or ``X-Idempotency-Key``.
        KeyInvalid: 400, it is malformed, doubled, contradictory or too long.
        ConfigurationError: The body was read before, and nothing is left of it.
        HTTPException: 411 or 413, the body's length is unknown or too large.
    """
    environ = request.environ
    headers = environ_headers(environ, *_KEY_HEADERS)
    require_key(headers)  # before the body is waited for
    return request_key(
        headers,
        method=request.method,
        path=raw_path(environ),
        query=str(environ.get("QUERY_STRING", "")).encode("latin-1"),
        content_type=str(environ.get("CONTENT_TYPE", "")).encode("latin-1"),
        body=_whole_body(request),
    )


def json_body(request: Request, kind: type[T]) -> T:
    """Return the request's JSON body as a *kind*.

    What `install_problems` makes of an invalid body is what a FastAPI route
    with a parameter of that type answers behind `protect`.

    Args:
        request: ``flask.request``.
        kind: A pydantic model, a dataclass, or anything pydantic can validate.

    Raises:
        HTTPException: 415, 400 or 422, the body is no JSON or not valid.
        ConfigurationError: As in `idempotency_key`.
    """
    body = _whole_body(request)
    if not body:
        missing = {"type": "missing", "loc": ("body",), "msg": "Field required"}
        raise InvalidBody(validation_problem([missing]))
    if not is_json(str(request.environ.get("CONTENT_TYPE", "")).encode("latin-1")):
        raise InvalidBody(unsupported_media_type())
    reason = malformed(body)
    if reason is not None:
        raise InvalidBody(malformed_json(reason))
    wanted: Any = kind
    try:
        # As FastAPI asks; a value made of JSON has no attributes to read.
        value: T = _adapter(wanted).validate_python(
            json.loads(body), from_attributes=True
        )
    except ValidationError as error:
        listed = [
            {**each, "loc": ("body", *each["loc"])}
            for each in error.errors(include_url=False, include_context=False)
        ]
        # The error's own text holds the values that were sent.
        raise InvalidBody(validation_problem(listed)) from None
    return value


def reply(answer: Answer[Any]) -> Response:
    """Return *answer* as a response: status, headers and body as stored.

    The bytes are those of the first answer, whatever has changed since. A
    replay carries ``Idempotent-Replayed: true``; the first answer says in
    ``Idempotency-Key-Expires-In`` for how many whole seconds the key will be
    answered this way. A stored Set-Cookie is given to the first caller only.
    """
    lines, body = reply_lines(answer)
    return response_of(answer.status, lines, body)


def request_id(request: Request) -> str:
    """Return the request's identity, as its answer tells it; made on first use.

    A caller's own ``X-Request-Id`` is taken if it is 1 to 64 letters, digits,
    dots, underscores or hyphens: anything else could forge a line in a log.
    """
    identified(request.environ)
    return str(request.environ[REQUEST_ID])


def install_engine(
    app: Flask,
    engine: Openable,
    *,
    sweep_every: float | None = 60.0,
    clock: Clock | None = None,
) -> None:
    """Open *engine* now, sweep while *app* serves, close it when the process ends.

    What is wrong with the database stops the server here, before the first
    request. Under a server that forks its workers (gunicorn ``--preload``,
    uWSGI) each worker gets connections of its own when it first needs them,
    sweeps on a thread of its own from its first request on, and closes its own
    when it ends in order; one that is killed leaves nothing that the next
    opening does not mend.

    Args:
        app: The application; call this before it serves.
        engine: What `syncpatterns.connect` returned.
        sweep_every: Seconds between two calls of the engine's `sweep`, which
            removes what is expired; None leaves that to others.
        clock: Where time comes from.

    Raises:
        DatabaseRefused: The file cannot be used.
        ConfigurationError: *sweep_every* is not positive, or *engine* is none.
    """
    house = Housekeeping(engine, sweep_every, clock)
    house.begin()
    app.before_request(house.tend)


def _whole_body(request: Request) -> bytes:
    """Return all bytes of the body.

    Taken for empty, a body that somebody has read before would make every
    request the same, and another body under the key would get this one's
    answer.
    """
    declared = request.content_length
    chunked = declared is None and "HTTP_TRANSFER_ENCODING" in request.environ
    if chunked and not request.environ.get("wsgi.input_terminated"):
        # Werkzeug reads nothing then, for the server does not say where it ends.
        raise LengthRequired
    body = request.get_data()
    parsed = "form" in vars(request) and (request.form or request.files)
    if len(body) < (declared or 0) or (parsed and not body):
        raise ConfigurationError(
            f"{request.method} {request.url_rule or ''}: the body was read before "
            "its key was asked for, so nothing is left to compare. Call "
            "idempotency_key(request) first in the view, before request.form, "
            "request.files and request.stream."
        )
    return body


@functools.lru_cache(maxsize=256)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
