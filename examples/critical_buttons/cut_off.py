"""What a request is told that the server could not wait for."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from syncpatterns.adapters.asgi import AsgiApp
from syncpatterns.errors import SyncPatternsError


class CutOff(SyncPatternsError):
    """The server was asked to stop, and its patience with this request ended.

    Worked example: a send waits six seconds for its next try, the server
    stops after five. Nothing is lost, since the record of the send stays; but
    uvicorn alone would answer 500 in plain text and without a time, as if the
    app were broken.
    """

    status = 503
    problem = "cut-off"
    title = "The service stopped in the middle of this request."
    retry_after = 1.0


class AnswersCutOff:
    """Answer requests that are cancelled because the server stops.

    Put it inside what turns this library's errors into answers. A request
    whose answer has begun is cut off as it is.

    Args:
        app: The ASGI application behind it.
    """

    __slots__ = ("_app",)

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Serve one connection.

        Raises:
            CutOff: It was cancelled before its answer had begun.
        """
        started = False

        async def noticed(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except CancelledError:
            if started or scope["type"] != "http":
                raise
            raise CutOff(
                "It may have been done. Ask again with the same Idempotency-Key: it "
                "is done once, or you are told what is known of it."
            ) from None
