"""The routes of leads and the messages to them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from examples.critical_buttons.domain.visible import shows_something
from examples.critical_buttons.routes.common import Who, fresh
from examples.critical_buttons.services.commands import SendSmsCommand
from examples.critical_buttons.services.queries import NoSuchMessage, Queries
from examples.critical_buttons.services.reviews import Reviews
from examples.critical_buttons.services.sender import SmsSender
from syncpatterns.adapters.asgi import request_id
from syncpatterns.adapters.fastapi import IdempotencyKey, reply
from syncpatterns.realtime import encode_cursor


def _not_blank(text: str) -> str:
    if not shows_something(text):
        raise ValueError("A message needs at least one visible character")
    return text


class SendSms(BaseModel):
    """What the button sends."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    lead_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    body: Annotated[
        str,
        StringConstraints(min_length=1, max_length=1600),
        AfterValidator(_not_blank),
    ] = Field(repr=False)


class Review(BaseModel):
    """What somebody makes of a reply that may mean stop."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    verdict: Literal["opt-out", "allow"]


def lead_routes(sender: SmsSender, queries: Queries, reviews: Reviews) -> APIRouter:
    """Return the routes of leads and their messages."""
    router = APIRouter(prefix="/api/leads", tags=["leads"])

    @router.post("/send-sms")
    async def send_sms(
        body: SendSms, key: IdempotencyKey, who: Who, request: Request
    ) -> Response:
        """Send one message; the same key sends it once, whatever happens."""
        command = SendSmsCommand(
            tenant=who.tenant,
            lead_id=body.lead_id,
            body=body.body,
            actor=who.actor,
            request_id=request_id(request.scope),
        )
        return reply(await sender.send(command, key=key))

    @router.get("")
    async def list_leads(
        who: Who,
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
        after: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """List the tenant's leads by id."""
        found = await queries.leads(who.tenant, limit=limit, after=after)
        return fresh(found.leads, {"X-Realtime-Cursor": encode_cursor(found.positions)})

    @router.post("/{lead_id:path}/review")
    async def review(
        lead_id: str, body: Review, who: Who, request: Request
    ) -> Response:
        """Say what a reply meant that somebody had to read."""
        return fresh(
            await reviews.decide(who, lead_id, body.verdict, request_id(request.scope))
        )

    # An id may hold a slash; by now the path has been decoded.
    @router.get("/{lead_id:path}/sms-history")
    async def sms_history(
        lead_id: str,
        who: Who,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
        before: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """List the messages to and from one lead, newest first.

        The next page is what came *before* the last message of this one.
        """
        try:
            found = await queries.messages(
                who.tenant, lead_id, limit=limit, before=before
            )
        except NoSuchMessage as error:
            message = "The lead has no message of this id"
            raise RequestValidationError(
                [{"type": "value_error", "loc": ("query", "before"), "msg": message}]
            ) from error
        return fresh(
            found.messages, {"X-Realtime-Cursor": encode_cursor(found.positions)}
        )

    return router
