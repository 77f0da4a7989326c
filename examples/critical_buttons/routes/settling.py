"""The routes for what needs a look: sends nobody knows the end of, and breakers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from examples.critical_buttons.health import Health
from examples.critical_buttons.routes.common import Who, fresh
from examples.critical_buttons.services.unresolved import Unresolved
from syncpatterns.adapters.asgi import request_id


class Resolve(BaseModel):
    """What somebody says about a send; ``check`` asks the provider."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    verdict: Literal["sent", "not-sent", "check"]


def settling_routes(unresolved: Unresolved, health: Health) -> APIRouter:
    """Return the routes for what needs a look."""
    router = APIRouter(prefix="/api", tags=["operations"])

    @router.get("/unresolved")
    async def list_unresolved(who: Who) -> Response:
        """List the tenant's sends of which nobody knows whether they left."""
        return fresh(await unresolved.waiting(who.tenant))

    @router.post("/unresolved/{key_hash}/resolve")
    async def resolve(
        key_hash: Annotated[str, Path(max_length=64)],
        body: Resolve,
        who: Who,
        request: Request,
    ) -> Response:
        """Settle one of them."""
        return fresh(
            await unresolved.resolve(
                who, key_hash, body.verdict, request_id(request.scope)
            )
        )

    @router.get("/breakers")
    async def list_breakers() -> Response:
        """Say how the breakers of this process stand."""
        return fresh(health.breakers())

    return router
