"""Committed is announced, and what a subscriber lost is announced too."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.realtime._core import (
        Batch,
        Delivered,
        Gap,
        Position,
        PublishResult,
    )
    from syncpatterns.realtime._cursor import decode_cursor, encode_cursor
    from syncpatterns.realtime._event import Event, RawEvent
    from syncpatterns.realtime._hub import Hub
    from syncpatterns.realtime._ports import (
        Capabilities,
        Outbox,
        Publisher,
        RealtimeEngine,
        Subscriber,
        Subscription,
    )
    from syncpatterns.realtime._publisher import OutboxPublisher
    from syncpatterns.realtime._relay import Relay

__all__ = [
    "Batch",
    "Capabilities",
    "Delivered",
    "Event",
    "Gap",
    "Hub",
    "Outbox",
    "OutboxPublisher",
    "Position",
    "PublishResult",
    "Publisher",
    "RawEvent",
    "RealtimeEngine",
    "Relay",
    "Subscriber",
    "Subscription",
    "decode_cursor",
    "encode_cursor",
]

_HOMES = {
    "Batch": "_core",
    "Capabilities": "_ports",
    "Delivered": "_core",
    "Event": "_event",
    "Gap": "_core",
    "Hub": "_hub",
    "Outbox": "_ports",
    "OutboxPublisher": "_publisher",
    "Position": "_core",
    "PublishResult": "_core",
    "Publisher": "_ports",
    "RawEvent": "_event",
    "RealtimeEngine": "_ports",
    "Relay": "_relay",
    "Subscriber": "_ports",
    "Subscription": "_ports",
    "decode_cursor": "_cursor",
    "encode_cursor": "_cursor",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
