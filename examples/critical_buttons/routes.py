"""The routes: from HTTP to a use case and back, nothing more."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from examples.critical_buttons import problems
from examples.critical_buttons.domain.etags import etag, parse_if_match
from examples.critical_buttons.health import Health
from examples.critical_buttons.principal import Principal, principal_of
from examples.critical_buttons.services.confirm import ConfirmCommand
from examples.critical_buttons.services.queries import Queries
from examples.critical_buttons.services.views import Confirmed, booking_view
from syncpatterns.adapters.asgi import request_id
from syncpatterns.adapters.fastapi import IdempotencyKey, reply
from syncpatterns.browser import BrowserAssets
from syncpatterns.errors import SyncPatternsError
from syncpatterns.operation import Operation
from syncpatterns.realtime import encode_cursor


class IfMatchInvalid(SyncPatternsError):
    """If-Match is neither ``*`` nor a list of entity tags."""

    status = 400
    problem = "if-match-invalid"
    title = "If-Match cannot be read."


class ConfirmBooking(BaseModel):
    """What the button sends."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    booking_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]


async def who_asks(request: Request) -> Principal:
    """Return who is signed in."""
    return principal_of(request.headers.raw)


async def if_match(request: Request) -> tuple[str, ...] | None:
    """Return the entity tags of If-Match; None if it was not sent."""
    sent = request.headers.getlist("if-match")
    if not sent:
        return None
    try:
        return parse_if_match(", ".join(sent))
    except ValueError as error:
        raise IfMatchInvalid(f"{error}.") from error


Who = Annotated[Principal, Depends(who_asks)]
IfMatch = Annotated[tuple[str, ...] | None, Depends(if_match)]


def booking_routes(
    confirm: Operation[ConfirmCommand, Confirmed], queries: Queries
) -> APIRouter:
    """Return the routes of bookings and their audit log."""
    router = APIRouter(prefix="/api", tags=["bookings"])

    @router.post("/bookings/confirm")
    async def confirm_booking(
        body: ConfirmBooking,
        key: IdempotencyKey,
        who: Who,
        tags: IfMatch,
        request: Request,
    ) -> Response:
        """Confirm one booking; the same key gives one effect and one answer."""
        command = ConfirmCommand(
            tenant=who.tenant,
            booking_id=body.booking_id,
            actor=who.actor,
            if_match=tags,
            request_id=request_id(request.scope),
        )
        return reply(await confirm.acall(command, key=key, scope=who.tenant))

    @router.get("/bookings")
    async def list_bookings(who: Who) -> Response:
        """List the tenant's bookings by start."""
        found = await queries.bookings(who.tenant)
        cursor = encode_cursor({found.channel: found.position})
        return _fresh(found.bookings, {"X-Realtime-Cursor": cursor})

    # An id may hold a slash; by now the path has been decoded.
    @router.get("/bookings/{booking_id:path}")
    async def get_booking(booking_id: str, who: Who) -> Response:
        """Return one booking with its version as ETag."""
        booking = await queries.booking(who.tenant, booking_id)
        return _fresh(booking_view(booking), {"ETag": etag(booking)})

    @router.get("/audit")
    async def list_audit(
        who: Who,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        entity_id: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        """List the tenant's audit log, newest first."""
        return _fresh(await queries.audit(who.tenant, limit=limit, entity_id=entity_id))

    return router


def health_routes(health: Health) -> APIRouter:
    """Return the routes that a supervisor asks."""
    router = APIRouter(prefix="/api/health", tags=["health"])

    @router.get("/live")
    async def live() -> Response:
        """Answer; that is all, without any I/O."""
        return _fresh({"status": "ok"})

    @router.get("/ready")
    @router.get("", include_in_schema=False)
    async def ready() -> Response:
        """Say whether bookings can be confirmed and events arrive."""
        report = await health.report()
        return _fresh(report, status=200 if report["status"] == "ok" else 503)

    return router


def problem_routes() -> APIRouter:
    """Return the pages that problem types lead to."""
    router = APIRouter(prefix="/problems", include_in_schema=False)

    @router.get("/{slug}")
    async def problem_page(slug: str) -> Response:
        found = problems.page(slug)
        if found is None:
            raise HTTPException(404)
        return HTMLResponse(found)

    return router


def mount_files(app: FastAPI) -> None:
    """Serve the page and the library's browser client, as they are on disk."""
    page = Path(__file__).parent / "web"
    # Some systems know .js as text/plain, and browsers then refuse to run it.
    mimetypes.add_type("text/javascript", ".js")
    mimetypes.add_type("text/css", ".css")

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return FileResponse(page / "index.html", headers=_CHECK)

    app.mount("/static", _Files(directory=page))
    app.mount("/syncpatterns", BrowserAssets())


class _Files(StaticFiles):
    """Files that browsers keep but ask about: a new release shows at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(_CHECK)
        return response


_CHECK: Final = {"Cache-Control": "no-cache"}


def _fresh(
    content: Any, headers: dict[str, str] | None = None, status: int = 200
) -> JSONResponse:
    return JSONResponse(
        content, status, headers={"Cache-Control": "no-store", **(headers or {})}
    )
