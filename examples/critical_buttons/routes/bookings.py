"""The routes of bookings and the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from examples.critical_buttons.domain.etags import etag, parse_if_match
from examples.critical_buttons.routes.common import Waited, Who, fresh
from examples.critical_buttons.services.confirm import ConfirmCommand
from examples.critical_buttons.services.queries import Queries
from examples.critical_buttons.services.views import Confirmed, booking_view
from syncpatterns.adapters.asgi import request_id
from syncpatterns.adapters.fastapi import IdempotencyKey, reply
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


async def if_match(request: Request) -> tuple[str, ...] | None:
    """Return the entity tags of If-Match; None if it was not sent."""
    sent = request.headers.getlist("if-match")
    if not sent:
        return None
    try:
        return parse_if_match(", ".join(sent))
    except ValueError as error:
        raise IfMatchInvalid(f"{error}.") from error


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
        waited: Waited,
        request: Request,
    ) -> Response:
        """Confirm one booking; the same key gives one effect and one answer."""
        command = ConfirmCommand(
            tenant=who.tenant,
            booking_id=body.booking_id,
            actor=who.actor,
            if_match=tags,
            request_id=request_id(request.scope),
            waited=max(key.age, waited),
        )
        return reply(await confirm.acall(command, key=key, scope=who.tenant))

    @router.get("/bookings")
    async def list_bookings(who: Who) -> Response:
        """List the tenant's bookings by start."""
        found = await queries.bookings(who.tenant)
        return fresh(
            found.bookings, {"X-Realtime-Cursor": encode_cursor(found.positions)}
        )

    # An id may hold a slash; by now the path has been decoded.
    @router.get("/bookings/{booking_id:path}")
    async def get_booking(booking_id: str, who: Who) -> Response:
        """Return one booking with its version as ETag."""
        booking = await queries.booking(who.tenant, booking_id)
        return fresh(booking_view(booking), {"ETag": etag(booking)})

    @router.get("/audit")
    async def list_audit(
        who: Who,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        entity_id: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        """List the tenant's audit log, newest first."""
        return fresh(await queries.audit(who.tenant, limit=limit, entity_id=entity_id))

    return router
