"""Live events: the hub, the relay that fills it, and the stream of a tenant."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from examples.critical_buttons.principal import principal_of
from examples.critical_buttons.progress_stream import GRANTED, WithProgress
from examples.critical_buttons.services.breaker_news import CHANNEL as BREAKERS
from examples.critical_buttons.services.channels import (
    booking_channel,
    lead_channel,
    progress_channel,
)
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import ChannelDenied
from syncpatterns.realtime import Hub, Relay
from syncpatterns.realtime.sse import SseApp

#: What the page asks for; whose they are follows from who asks. A stream that
#: names no channel gets both. Whoever hears leads also hears how far a batch of
#: changes has come, and when the SMS service's breaker opens or closes.
BOOKINGS: Final = "bookings"
LEADS: Final = "leads"


class Live:
    """Everything between a committed event and an open page.

    Args:
        engine: Whose outbox is read.
    """

    def __init__(self, engine: SqliteEngine) -> None:
        self.hub = Hub(engine)
        #: For what is not committed and not kept; see `WithProgress`.
        self.progress = Hub(clock=engine.clock)
        self.relay = Relay(engine, self.hub)
        stream = SseApp(self.hub, authorize=authorize, channels=[BOOKINGS, LEADS])
        self.events = WithProgress(stream, self.progress, also=(BREAKERS,))

    @property
    def hubs(self) -> tuple[Hub, Hub]:
        """What has to be closed at the end."""
        return self.hub, self.progress

    async def end(self) -> None:
        """End every stream as if its reader had been told everything."""
        for hub in self.hubs:
            hub.close()


def authorize(
    scope: MutableMapping[str, Any], asked: tuple[str, ...]
) -> Mapping[str, str]:
    """Return the channels that this request may read.

    The full name is what clients see, also in their cursors: a position of one
    tenant's channel then never counts in another's.

    Raises:
        TenantUnknown: The request names a tenant that it may not act for.
        ChannelDenied: It asks for anything but its own bookings and leads.
    """
    principal = principal_of(scope["headers"], scope["query_string"])
    own = {
        BOOKINGS: booking_channel(principal.tenant),
        LEADS: lead_channel(principal.tenant),
    }
    channels = {own.get(name, name) for name in asked}
    if not channels <= set(own.values()):
        raise ChannelDenied(
            f"There is no such channel for you. Leave it out, or say {BOOKINGS} or "
            f"{LEADS}."
        )
    if own[LEADS] in channels:
        scope[GRANTED] = progress_channel(principal.tenant)
    return {channel: channel for channel in channels}
