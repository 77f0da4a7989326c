"""The wiring: engine, operations, provider, hub and routes become one ASGI app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.routing import Route

from examples.critical_buttons.addresses import callback_base, webhook_base
from examples.critical_buttons.domain.refusals import REFUSALS
from examples.critical_buttons.domain.sms_refusals import QuietHours
from examples.critical_buttons.gateway import Gateway, ProviderStarting
from examples.critical_buttons.guards import guarded
from examples.critical_buttons.health import Health
from examples.critical_buttons.live import Live
from examples.critical_buttons.routes.bookings import booking_routes
from examples.critical_buttons.routes.chaos import chaos_routes
from examples.critical_buttons.routes.health import health_routes
from examples.critical_buttons.routes.lead_status import lead_status_routes
from examples.critical_buttons.routes.leads import lead_routes
from examples.critical_buttons.routes.pages import mount_files, problem_routes
from examples.critical_buttons.routes.settling import settling_routes
from examples.critical_buttons.routes.transitions import transition_routes
from examples.critical_buttons.routes.webhooks import PREFIX, webhook_routes
from examples.critical_buttons.services.breaker_news import BreakerNews
from examples.critical_buttons.services.confirm import ConfirmCommand, confirm_booking
from examples.critical_buttons.services.lead_history import LeadHistory
from examples.critical_buttons.services.lookup import Lookup
from examples.critical_buttons.services.queries import Queries
from examples.critical_buttons.services.reviews import Reviews
from examples.critical_buttons.services.send_sms import Limits, SendSms
from examples.critical_buttons.services.sender import SmsSender, sms_operation
from examples.critical_buttons.services.status_desk import StatusDesk
from examples.critical_buttons.services.unresolved import Unresolved
from examples.critical_buttons.services.views import Confirmed
from examples.critical_buttons.services.webhooks import Webhooks
from examples.critical_buttons.settings import Settings
from examples.critical_buttons.sms.provider import SendRateExceeded
from syncpatterns.adapters.asgi import LOOPBACK, AsgiApp
from syncpatterns.adapters.fastapi import install_problems, lifespan
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import StoreUnavailable
from syncpatterns.operation import Operation
from syncpatterns.retry import CircuitBreaker


@dataclass(frozen=True, slots=True)
class App:
    """What a server needs: the app, and how to end its streams."""

    asgi: AsgiApp
    end_streams: Callable[[], Awaitable[object]]


def confirm_operation(engine: SqliteEngine) -> Operation[ConfirmCommand, Confirmed]:
    """Return the critical action that confirms a booking."""
    return Operation(
        "bookings.confirm", engine, effect=confirm_booking, refusals=REFUSALS
    )


def sms_breaker(
    settings: Settings, engine: SqliteEngine, news: BreakerNews | None = None
) -> CircuitBreaker:
    """Return what stands before the SMS provider in this process.

    Not counted is what says nothing about the provider: that our own number
    may not send faster, that it is night, or that the database is busy.
    """
    return CircuitBreaker(
        name="sms",
        recovery=settings.breaker_recovery,
        ignore=(SendRateExceeded, ProviderStarting, QuietHours, StoreUnavailable),
        clock=engine.clock,
        hooks=[] if news is None else [news],
    )


def create_app(engine: SqliteEngine, settings: Settings, address: str) -> App:
    """Return the app on an open *engine*, whose tables and rows are there.

    Args:
        engine: The app's database.
        settings: The choices of this start.
        address: Where it listens, e.g. ``http://127.0.0.1:8123``.
    """
    live = Live(engine)
    gateway = Gateway(settings, engine)
    base_url = webhook_base(settings, address)
    callbacks = callback_base(settings, address)
    breaker = sms_breaker(settings, engine, BreakerNews(live.progress))
    parts = SendSms(
        engine,
        gateway,
        Limits(settings.per_lead, settings.per_tenant, settings.quiet_hours),
        timeout=settings.sms_timeout,
        callback_url=lambda op: callbacks and f"{callbacks}{PREFIX}/status?op={op}",
    )
    lookup = Lookup(engine, gateway, timeout=settings.sms_timeout)
    send = sms_operation(
        engine,
        parts,
        breaker,
        timeout=settings.sms_timeout,
        lease=settings.lease,
    )
    confirm, status = confirm_operation(engine), StatusDesk(engine, live.progress)
    operations: list[Operation[Any, Any]] = [confirm, send, status.operation]
    health = Health(engine, live.relay, operations, [breaker])
    queries = Queries(engine)
    api = _api(lifespan(engine, live.relay.run, gateway.run, hubs=live.hubs))
    api.include_router(booking_routes(confirm, queries))
    api.include_router(transition_routes())
    api.include_router(lead_routes(SmsSender(engine, send), queries, Reviews(engine)))
    api.include_router(lead_status_routes(status, LeadHistory(engine)))
    api.include_router(settling_routes(Unresolved(engine, send, lookup), health))
    api.include_router(health_routes(health, chaos=settings.chaos))
    api.include_router(problem_routes())
    api.include_router(
        webhook_routes(Webhooks(engine), base_url, lambda: gateway.account)
    )
    if settings.chaos:
        api.include_router(
            chaos_routes(
                engine,
                breaker,
                lambda: gateway.account,
                base_url,
                settings.sms_from,
            )
        )
    api.router.routes.append(Route("/events", endpoint=live.events, methods=["GET"]))
    mount_files(api)
    return App(
        guarded(api, (*LOOPBACK, *settings.allowed_hosts, urlsplit(base_url).netloc)),
        live.end,
    )


def _api(life: Callable[[Any], AbstractAsyncContextManager[None]]) -> FastAPI:
    api = FastAPI(
        title="Critical Buttons",
        description="Bookings that are confirmed, messages that are sent and leads "
        "that are moved once, whatever happens.",
        version="1",
        docs_url=None,  # the pages of the API browser need scripts of another site
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
    )
    install_problems(api)
    return api
