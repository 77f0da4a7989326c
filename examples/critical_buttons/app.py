"""The wiring: engine, operation, hub, relay and routes become one ASGI app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI
from starlette.routing import Route

from examples.critical_buttons.domain.refusals import REFUSALS
from examples.critical_buttons.health import Health
from examples.critical_buttons.live import Live
from examples.critical_buttons.routes import (
    booking_routes,
    health_routes,
    mount_files,
    problem_routes,
)
from examples.critical_buttons.services.confirm import ConfirmCommand, confirm_booking
from examples.critical_buttons.services.queries import Queries
from examples.critical_buttons.services.views import Confirmed
from examples.critical_buttons.settings import Settings
from syncpatterns.adapters.asgi import LOOPBACK, AsgiApp
from syncpatterns.adapters.fastapi import install_problems, lifespan, protect
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.operation import Operation

#: Only what this server sends, and nothing inline.
_CSP: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)


@dataclass(frozen=True, slots=True)
class App:
    """What a server needs: the app, and how to end its streams."""

    asgi: AsgiApp
    end_streams: Callable[[], Awaitable[object]]


def confirm_operation(engine: SqliteEngine) -> Operation[ConfirmCommand, Confirmed]:
    """Return the one critical action of this app."""
    return Operation(
        "bookings.confirm", engine, effect=confirm_booking, refusals=REFUSALS
    )


def create_app(engine: SqliteEngine, settings: Settings) -> App:
    """Return the app on an open *engine*, whose tables and bookings are there."""
    live = Live(engine)
    api = FastAPI(
        title="Critical Buttons",
        description="Bookings that are confirmed once, whatever happens.",
        version="1",
        docs_url=None,  # the pages of the API browser need scripts of another site
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan(engine, live.relay.run, hubs=[live.hub]),
    )
    install_problems(api)
    queries = Queries(engine)
    api.include_router(booking_routes(confirm_operation(engine), queries))
    api.include_router(health_routes(Health(engine, live.relay)))
    api.include_router(problem_routes())
    api.router.routes.append(Route("/events", endpoint=live.events, methods=["GET"]))
    mount_files(api)
    hosts = (*LOOPBACK, *settings.allowed_hosts)
    return App(protect(api, allowed_hosts=hosts, csp="; ".join(_CSP)), live.end)
