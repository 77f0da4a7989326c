"""The routes of the simulator, as one ASGI app."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from examples.critical_buttons.simulator.admin import Admin
from examples.critical_buttons.simulator.answers import ApiError, not_found
from examples.critical_buttons.simulator.api import MESSAGE, MESSAGES, Api
from examples.critical_buttons.simulator.provider import Provider

_NOT_FOUND: Final = 404


def create_app(provider: Provider, api: Api, admin: Admin) -> Starlette:
    """Return the app; its lifespan is that of the callbacks."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with provider.courier:
            yield

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route(MESSAGES, api.messages, methods=["GET", "POST"]),
            Route(MESSAGE, api.message, methods=["GET"]),
            Route("/_sim/faults", admin.faults, methods=["GET", "POST"]),
            Route("/_sim/messages", admin.messages, methods=["GET", "DELETE"]),
            Route("/_sim/inbound", admin.inbound, methods=["POST"]),
            Route("/_sim/clock", admin.clock, methods=["GET", "POST"]),
        ],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )


async def _refused(request: Request, error: Exception) -> Response:
    """Answer what no route takes, in the API's own words."""
    status = error.status_code if isinstance(error, HTTPException) else _NOT_FOUND
    if status == _NOT_FOUND:
        return not_found(request.url.path).response()
    return ApiError(status, 20004, "Method not allowed").response()


async def _failed(_: Request, __: Exception) -> Response:
    return ApiError(500, 20500, "Internal Server Error").response()
