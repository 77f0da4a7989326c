"""Every error of a Flask application as an RFC 9457 problem."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from flask import Flask, Response, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    RequestEntityTooLarge,
)

from syncpatterns._http import problem_document
from syncpatterns.adapters._bodies import body_too_large
from syncpatterns.adapters._environ import identified
from syncpatterns.adapters._failures import (
    INTERNAL,
    foreign_refusal,
    http_error,
    internal_error,
)
from syncpatterns.adapters._messages import REQUEST_ID, Header, problem_response
from syncpatterns.adapters._problems import answer_lines, note, replayed_lines
from syncpatterns.adapters._replies import NO_BODY
from syncpatterns.errors import SyncPatternsError


class InvalidBody(HTTPException):
    """A body that is not what the view takes.

    Args:
        members: The problem that says why.
    """

    description = "The request is not valid."

    def __init__(self, members: dict[str, Any]) -> None:
        super().__init__()
        self.code = members["status"]
        self.members = members


def install_problems(app: Flask, *, refusals: Iterable[type[Exception]] = ()) -> None:
    """Make every error of *app* an RFC 9457 problem with a ``request_id``.

    The documents are those of `syncpatterns.adapters.fastapi`. Covered are
    this library's errors, with ``Retry-After`` and, on a refusal that is a
    replay, ``Idempotent-Replayed: true``; bodies that `json_body` refuses (422
    ``validation``, 415 ``unsupported-media-type``, and 400
    ``malformed-json``), whose values are never repeated; Werkzeug's
    HTTPExceptions, also those of unknown paths (404), methods (405, with
    ``Allow``) and bodies above MAX_CONTENT_LENGTH (413 ``body-too-large``); and
    everything else as a 500 that says nothing: Flask has logged it by then, and
    raises it where PROPAGATE_EXCEPTIONS, TESTING or the debugger ask for that.
    Every answer carries ``X-Request-Id``.

    Args:
        app: The application; call this once, before it serves.
        refusals: Refusals of your own that are not subclasses of `Refusal`:
            their `status` (else 409), `problem` and `title` are used if they
            have them.
    """
    app.register_error_handler(SyncPatternsError, _on_library_error)
    for refusal in refusals:
        app.register_error_handler(refusal, _on_foreign_refusal)
    app.register_error_handler(HTTPException, _on_http_exception)
    app.after_request(_named)


def _on_library_error(error: SyncPatternsError) -> Response:
    note(error)
    return _answer(problem_document(error)[2], answer_lines(error))


def _on_foreign_refusal(error: Exception) -> Response:
    return _answer(foreign_refusal(error), replayed_lines(error))


def _on_http_exception(error: HTTPException) -> Response:
    if error.response is not None:  # abort(response)
        return cast("Response", error.response)
    if isinstance(error, InvalidBody):
        return _answer(error.members)
    if isinstance(error, InternalServerError) and error.original_exception:
        return _answer(internal_error())
    limit = request.max_content_length
    if isinstance(error, RequestEntityTooLarge) and limit and _said(error) is None:
        return _answer(body_too_large(limit), [(b"connection", b"close")])
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in error.get_headers(request.environ)
        if name.lower() != "content-type"  # of the page that nobody gets
    ]
    status = error.code or INTERNAL
    if status in NO_BODY:
        return response_of(status, headers, b"")
    return _answer(http_error(status, _said(error)), headers)


def _said(error: HTTPException) -> object:
    """Return what was said when *error* was raised; None: Werkzeug's own words."""
    own = [vars(kind).get("description") for kind in type(error).__mro__]
    words = [each for each in own if isinstance(each, str)]
    return None if error.description in words else error.description


def _named(response: Response) -> Response:
    identified(request.environ)
    response.headers.setdefault("X-Request-Id", request.environ[REQUEST_ID])
    return response


def _answer(members: dict[str, Any], headers: Iterable[Header] = ()) -> Response:
    lines, body = problem_response(identified(request.environ), members, headers)
    return response_of(members["status"], lines, body)


def response_of(status: int, lines: Iterable[Header], body: bytes) -> Response:
    """Return a response with exactly these headers; a length is added if none is."""
    response = Response(body, status)
    # Anew: Flask's own would say that it is HTML, where nothing else is said.
    response.headers = Headers(
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in lines]
    )
    return response
