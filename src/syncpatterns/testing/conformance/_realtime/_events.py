"""Numbered events, and what a reader got of them."""

from __future__ import annotations

from collections.abc import Iterable

from syncpatterns.realtime import Delivered, Event, Gap


def event(number: int, channel: str = "a") -> Event:
    """Return event *number* of *channel*."""
    return Event(channel, "counted", {"n": number})


def events(first: int, last: int, channel: str = "a") -> list[Event]:
    """Return events *first* to *last* of *channel*."""
    return [event(number, channel) for number in range(first, last + 1)]


def numbers(items: Iterable[Delivered | Gap]) -> list[int | str]:
    """Return the number of each event, and the reason of each gap."""
    return [
        item.event.data["n"] if isinstance(item, Delivered) else item.reason
        for item in items
    ]


def offsets(items: Iterable[Delivered | Gap]) -> list[int]:
    """Return the offset of each event."""
    return [item.position.offset for item in items if isinstance(item, Delivered)]
