"""This library's errors as problem documents, for any ASGI application."""

from __future__ import annotations

import logging

from syncpatterns._http import problem_document
from syncpatterns.adapters._messages import (
    AsgiApp,
    Header,
    Message,
    Receive,
    Scope,
    Send,
    send_problem,
)
from syncpatterns.errors import (
    CallRejected,
    NotSent,
    ProviderUnavailable,
    Refusal,
    SyncPatternsError,
)

_INTERNAL = 500
_log = logging.getLogger("syncpatterns")


def note(error: SyncPatternsError) -> None:
    """Log *error* if its answer will not say what happened.

    A rejection is not logged: there are as many as there are callers while a
    breaker is open, and its opening has been told to listeners and hooks. Nor
    is a refusal, whose answer says why. A provider that cannot be reached is
    one line: where in our code it was asked says nothing about it.
    """
    told = isinstance(error, (CallRejected, Refusal))
    if isinstance(error, (NotSent, ProviderUnavailable)):
        _log.warning("A request was not executed: %s", error)
    elif error.status >= _INTERNAL and not told:
        _log.error("A request failed", exc_info=error)


def answer_lines(error: SyncPatternsError) -> list[Header]:
    """Return the headers of the answer that depend on *error*."""
    _, headers, _ = problem_document(error)
    lines: list[Header] = []
    if "retry-after" in headers:
        lines.append((b"retry-after", headers["retry-after"].encode()))
    return [*lines, *replayed_lines(error)]


def replayed_lines(error: Exception) -> list[Header]:
    """Return the header that tells a refusal given again from a first one."""
    replayed = getattr(error, "replayed", False) is True
    return [(b"idempotent-replayed", b"true")] if replayed else []


class Problems:
    """Answer this library's errors as RFC 9457 problems.

    A `CircuitOpen` becomes 503 with ``Retry-After`` in whole seconds, rounded
    up; every other `SyncPatternsError` gets its own status likewise. What is
    raised after the answer has begun passes on to the server, and so does
    every other exception. With FastAPI use `install_problems` instead.

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
        started = False

        async def noticed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except SyncPatternsError as error:
            if started:
                raise
            note(error)
            members = problem_document(error)[2]
            await send_problem(scope, send, members, answer_lines(error))
