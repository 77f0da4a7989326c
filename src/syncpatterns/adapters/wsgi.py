"""This library's errors as problem documents, for any WSGI application.

Flask, Django, Bottle and everything else that speaks PEP 3333.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, cast

from syncpatterns._http import problem_document
from syncpatterns.adapters._environ import identified
from syncpatterns.adapters._failures import phrase
from syncpatterns.adapters._messages import problem_response
from syncpatterns.adapters._problems import answer_lines, note
from syncpatterns.errors import SyncPatternsError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Problems"]

#: Bodies that are all there: giving them out can raise nothing.
_READY: Final = (list, tuple)


class Problems:
    """Answer this library's errors as RFC 9457 problems.

    A `CircuitOpen` becomes 503 with ``Retry-After`` in whole seconds, rounded
    up; every other `SyncPatternsError` gets its own status likewise, also one
    that a streaming body raises before its first byte. What is raised later
    passes on to the server, and so does every other exception.

    ::

        flask_app.wsgi_app = Problems(flask_app.wsgi_app)

    A framework that turns exceptions into a page of its own before they get
    here (Flask's and Django's debug pages) has to be told to let them out.

    Args:
        app: The WSGI application behind it.
    """

    __slots__ = ("_app",)

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        written = False

        def noticing(*answer: Any) -> Callable[[bytes], object]:
            write = start_response(*answer)

            def noticed(data: bytes) -> object:
                nonlocal written
                written = written or bool(data)
                return write(data)

            return noticed

        try:
            body = self._app(environ, cast("StartResponse", noticing))
        except SyncPatternsError as error:
            if written:
                raise
            return _answer(error, environ, start_response)
        wrapper = environ.get("wsgi.file_wrapper")
        is_file = isinstance(wrapper, type) and isinstance(body, wrapper)
        if written or is_file or isinstance(body, _READY):
            return body  # nothing can fail, or it is too late to say so
        return _Watched(body, environ, start_response)


class _Watched:
    """A body whose first bytes decide whether a problem can still be told."""

    __slots__ = ("_body", "_environ", "_items", "_start", "_started")

    def __init__(
        self, body: Iterable[bytes], environ: WSGIEnvironment, start: StartResponse
    ) -> None:
        self._body = body
        self._items: Iterator[bytes] | None = None
        self._environ = environ
        self._start = start
        self._started = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._items is None:
                self._items = iter(self._body)
            data = next(self._items)
        except SyncPatternsError as error:
            if self._started:
                raise
            self._started = True
            self._items = iter(_answer(error, self._environ, self._start))
            return next(self._items)
        self._started = self._started or bool(data)
        return data

    def close(self) -> None:
        """Close the body, as the server asks after every request."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def _answer(
    error: SyncPatternsError, environ: WSGIEnvironment, start: StartResponse
) -> list[bytes]:
    note(error)
    status, _, members = problem_document(error)
    lines, body = problem_response(identified(environ), members, answer_lines(error))
    headers = [(name.decode(), value.decode()) for name, value in lines]
    # exc_info: the application may have announced another answer already.
    start(f"{status} {phrase(status)}", headers, sys.exc_info())
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]
