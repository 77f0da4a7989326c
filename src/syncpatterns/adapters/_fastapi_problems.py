"""Every error of a FastAPI application as an RFC 9457 problem."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket

from syncpatterns._http import problem_document
from syncpatterns.adapters._bodies import malformed_json, unsupported_media_type
from syncpatterns.adapters._failures import (
    foreign_refusal,
    http_error,
    internal_error,
)
from syncpatterns.adapters._messages import Header, problem_response
from syncpatterns.adapters._openapi import describe_problems
from syncpatterns.adapters._problems import answer_lines, note, replayed_lines
from syncpatterns.adapters._replies import NO_BODY
from syncpatterns.adapters._validation import validation_problem
from syncpatterns.errors import SyncPatternsError

Handler: TypeAlias = Callable[[HTTPConnection, Exception], Awaitable[Response | None]]

#: What FastAPI says when reading or parsing a body failed in an unforeseen way.
_PARSE_FAILED: Final = "There was an error parsing the body"


def install_problems(app: FastAPI, *, refusals: Iterable[type[Exception]] = ()) -> None:
    """Make every error of *app* an RFC 9457 problem with a ``request_id``.

    Covered are this library's errors, with ``Idempotent-Replayed: true`` on a
    refusal that is a replay; invalid requests (422 ``validation``, and 400
    ``malformed-json``), whose values are never repeated; HTTPException, also
    those of unknown paths (404) and methods (405, with ``Allow``); and
    everything else as a 500 that says nothing. The OpenAPI schema follows.

    Args:
        app: The application; call this once, before it serves.
        refusals: Refusals of your own that are not subclasses of `Refusal`:
            their `status` (else 409), `problem` and `title` are used if they
            have them.
    """
    add = cast("Callable[[Any, Handler], None]", app.add_exception_handler)
    add(SyncPatternsError, _on_library_error)
    for refusal in refusals:
        add(refusal, _on_foreign_refusal)
    add(RequestValidationError, _on_invalid_request)
    add(HTTPException, _on_http_exception)
    add(Exception, _on_anything_else)
    describe_problems(app)


async def _on_library_error(
    connection: HTTPConnection, error: Exception
) -> Response | None:
    known = cast("SyncPatternsError", error)
    note(known)
    return await _answer(connection, problem_document(known)[2], answer_lines(known))


async def _on_foreign_refusal(
    connection: HTTPConnection, error: Exception
) -> Response | None:
    return await _answer(connection, foreign_refusal(error), replayed_lines(error))


async def _on_invalid_request(
    connection: HTTPConnection, error: Exception
) -> Response | None:
    errors: list[Mapping[str, Any]] = list(
        cast("RequestValidationError", error).errors()
    )
    for item in errors:
        if item.get("type") == "json_invalid":
            position = item["loc"][-1]
            reason = f"It cannot be parsed at character {position}."
            return await _answer(connection, malformed_json(reason))
        if item.get("loc") == ("body",) and isinstance(item.get("input"), bytes):
            return await _answer(connection, unsupported_media_type())
    return await _answer(connection, validation_problem(errors))


async def _on_http_exception(
    connection: HTTPConnection, error: Exception
) -> Response | None:
    raised = cast("HTTPException", error)
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in (raised.headers or {}).items()
    ]
    status = raised.status_code
    if status in NO_BODY:
        return Response(status_code=status, headers=raised.headers)
    if raised.detail == _PARSE_FAILED and isinstance(
        error.__cause__, (RecursionError, ValueError)
    ):
        return await _answer(connection, malformed_json("It cannot be parsed."))
    return await _answer(connection, http_error(status, raised.detail), headers)


async def _on_anything_else(
    connection: HTTPConnection, _error: Exception
) -> Response | None:
    # Starlette raises the error again after this answer, for the server's log.
    return await _answer(connection, internal_error())


async def _answer(
    connection: HTTPConnection,
    members: dict[str, Any],
    headers: Iterable[Header] = (),
) -> Response | None:
    if isinstance(connection, WebSocket):
        await connection.close(1008)
        return None
    lines, body = problem_response(connection.scope, members, headers)
    response = Response(body, members["status"])
    response.raw_headers = lines
    return response
