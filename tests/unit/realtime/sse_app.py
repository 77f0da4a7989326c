"""The event stream that the tests drive, and how they let time pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio

from syncpatterns.realtime import Event, Hub
from syncpatterns.realtime.sse import SseApp
from syncpatterns.testing import FakeClock
from tests.unit.realtime.asgi_client import PATIENCE

CHANNEL = "tenant.acme.bookings"


def authorize(scope: Mapping[str, Any], asked: tuple[str, ...]) -> dict[str, str]:
    """Let a tenant read its own channels by their short names."""
    tenant = dict(scope["headers"]).get(b"x-tenant", b"acme").decode()
    return {name: f"tenant.{tenant}.{name}" for name in asked}


def app_of(hub: Hub, **options: Any) -> SseApp:
    """Return an app with short channel names."""
    options.setdefault("authorize", authorize)
    return SseApp(hub, channels=["bookings"], **options)


def booking(number: int, channel: str = CHANNEL) -> Event:
    """Return an event about a booking."""
    return Event(channel, "booking.changed", {"n": number})


async def until_subscribed(hub: Hub, count: int = 1) -> None:
    """Wait until *hub* has *count* subscribers."""
    with anyio.fail_after(PATIENCE):
        while hub.subscribers != count:
            await anyio.lowlevel.checkpoint()


async def passes(clock: FakeClock, seconds: float) -> None:
    """Let *seconds* pass once everybody waits, and everybody act on it."""
    await anyio.wait_all_tasks_blocked()
    clock.advance(seconds)
    await anyio.wait_all_tasks_blocked()
