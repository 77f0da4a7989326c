"""The route that tells a page which state of a lead may follow which."""

from __future__ import annotations

from fastapi import APIRouter, Response

from examples.critical_buttons.domain.lead_status import EXPLAINED, TRANSITIONS
from examples.critical_buttons.routes.common import fresh


def transition_routes() -> APIRouter:
    """Return the route of the table, so that a page needs no copy of it."""
    router = APIRouter(prefix="/api/leads", tags=["leads"])

    @router.get("/transitions")
    async def transitions() -> Response:
        """List what may follow each state, and the steps that need a reason."""
        following = {
            state.value: [each.value for each in after]
            for state, after in TRANSITIONS.items()
        }
        explained = sorted(state.value for state in EXPLAINED)
        return fresh(
            {"transitions": following, "reason": {"to": explained, "from": explained}}
        )

    return router
