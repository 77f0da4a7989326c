"""The routes that a supervisor asks."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response

from examples.critical_buttons.health import Health
from examples.critical_buttons.routes.common import fresh

#: Seconds after which a supervisor may look again.
_LOOK_AGAIN: Final = "5"


def health_routes(health: Health, *, chaos: bool) -> APIRouter:
    """Return the routes that a supervisor asks.

    Args:
        health: What looks.
        chaos: Whether faults can be switched; the page asks here, because trying
            a route that is not there would be an error on its console.
    """
    router = APIRouter(prefix="/api/health", tags=["health"])

    @router.get("/live")
    async def live() -> Response:
        """Answer; that is all, without any I/O."""
        return fresh({"status": "ok"})

    @router.get("/ready")
    @router.get("", include_in_schema=False)
    async def ready() -> Response:
        """Say whether bookings can be confirmed and events arrive."""
        report = await health.report() | {"chaos": chaos}
        if report["status"] == "ok":
            return fresh(report)
        return fresh(report, {"Retry-After": _LOOK_AGAIN}, 503)

    return router
