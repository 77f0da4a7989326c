"""The provider's HTTP API: create, list and fetch messages, and their faults."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.critical_buttons.simulator.answers import ApiError, not_found
from examples.critical_buttons.simulator.create import UNSUBSCRIBED, draft
from examples.critical_buttons.simulator.faults import Kind, Mode
from examples.critical_buttons.simulator.listing import page_of
from examples.critical_buttons.simulator.messages import API
from examples.critical_buttons.simulator.provider import Provider
from examples.critical_buttons.simulator.reading import (
    authenticate,
    fields,
    form,
    read_body,
)

#: Closes the connection of a request at once, without an answer.
Drop: TypeAlias = Callable[[Request], Awaitable[object]]

#: Seconds after which a request that hangs is dropped.
LONGEST_HANG: Final = 120.0

_WORDS: Final = {
    429: (20429, "Too Many Requests"),
    500: (20500, "Internal Server Error"),
    503: (20503, "Service Unavailable"),
}
_REASONS: Final = {UNSUBSCRIBED: "Attempt to send to unsubscribed recipient"}


class Api:
    """Answers requests in the name of *provider*.

    Args:
        provider: What it knows.
        drop: How a connection is closed without an answer.
    """

    def __init__(self, provider: Provider, drop: Drop) -> None:
        self._provider = provider
        self._drop = drop

    async def messages(self, request: Request) -> Response:
        """``/Accounts/{sid}/Messages.json``: POST creates, GET lists."""
        if request.method == "POST":
            return await self._answered(request, "create", self._create)
        return await self._answered(request, "lookup", self._list)

    async def message(self, request: Request) -> Response:
        """``/Accounts/{sid}/Messages/{sid}.json``."""
        return await self._answered(request, "lookup", self._fetch)

    async def _answered(
        self,
        request: Request,
        kind: Kind,
        handle: Callable[[Request, bytes], Response],
    ) -> Response:
        provider = self._provider
        try:
            body = await read_body(request)
            provider.requests[kind] += 1
            self._authenticate(request)
            await provider.switchboard.hold_up()
            change = provider.switchboard.change
            mode = provider.switchboard.mode(kind)
            self._refuse(mode)
            if mode in {"hang", "drop"}:
                return await self._lost(request, change if mode == "hang" else None)
            response = handle(request, body)
        except ApiError as error:
            return error.response()
        if mode in {"accept_then_hang", "accept_then_drop"}:
            hang = mode == "accept_then_hang"
            return await self._lost(request, change if hang else None)
        if mode == "garbled":
            return Response("<html>It works!</html>", response.status_code)
        return response

    def _authenticate(self, request: Request) -> None:
        provider = self._provider
        authenticate(request, provider.account, provider.token)
        if request.path_params["account"] != provider.account:
            raise not_found(request.url.path)

    def _refuse(self, mode: Mode) -> None:
        faults = self._provider.switchboard.faults
        if mode == "unauthorized":
            raise ApiError(401, 20003, "Authenticate")
        if mode == "reject":
            code = faults.reject_code
            raise ApiError(400, code, _REASONS.get(code, "The message is refused"))
        if mode in {"429", "500", "503"}:
            raise _failure(int(mode), faults.retry_after)

    async def _lost(self, request: Request, change: anyio.Event | None) -> Response:
        """Close the connection; after *change* if there is one, or two minutes."""
        if change is not None:
            with anyio.move_on_after(LONGEST_HANG):
                await _gone_or(request, change)
        await self._drop(request)
        return Response(status_code=500)  # nobody is there to read it

    def _create(self, request: Request, body: bytes) -> Response:
        provider = self._provider
        wait = provider.too_fast()
        if wait:
            raise _failure(429, wait)
        message = provider.accept(draft(form(request, body), provider.opted_out))
        return JSONResponse(message.document(provider.account), 201)

    def _list(self, request: Request, _: bytes) -> Response:
        query = fields(request.scope["query_string"])
        provider = self._provider
        return JSONResponse(page_of(provider.messages, query, provider.account))

    def _fetch(self, request: Request, _: bytes) -> Response:
        message = self._provider.messages.get(request.path_params["sid"])
        if message is None:
            raise not_found(request.url.path)
        return JSONResponse(message.document(self._provider.account))


async def _gone_or(request: Request, change: anyio.Event) -> None:
    """Wait until the client is gone or *change* comes."""

    async def when(event: Callable[[], Awaitable[object]]) -> None:
        await event()
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(when, request.receive)
        tasks.start_soon(when, change.wait)


def _failure(status: int, retry_after: float | None) -> ApiError:
    headers = {}
    if retry_after is not None:
        headers["Retry-After"] = str(math.ceil(retry_after))
    return ApiError(status, *_WORDS[status], headers)


#: Where the API lives.
MESSAGES: Final = f"/{API}/Accounts/{{account}}/Messages.json"
MESSAGE: Final = f"/{API}/Accounts/{{account}}/Messages/{{sid}}.json"
