"""What is published: a small, checked, immutable fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from syncpatterns._nonce import random_bits
from syncpatterns.clock import SystemClock
from syncpatterns.errors import PublishRejected
from syncpatterns.realtime._core import (
    Fields,
    StoredEvent,
    check_address,
    check_fields,
    decode_body,
    envelope,
    one_line,
)

_clock: Final = SystemClock()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OVERHEAD: Final = 600  # bytes of the objects around an event


def new_id() -> str:
    """Return a UUID of version 7: ids of one process grow with time.

    The 12 bits after the milliseconds hold their fraction (RFC 9562, method
    3), so that two events of one millisecond still stand in their order.
    """
    ticks = int(_clock.time() * 4_096_000)  # milliseconds and 12 bits of fraction
    chance = random_bits(62)
    number = (ticks >> 12) << 80 | 7 << 76 | (ticks & 0xFFF) << 64 | 2 << 62 | chance
    digits = f"{number:032x}"
    return "-".join(
        (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    )


def _now() -> datetime:
    return datetime.fromtimestamp(_clock.time(), UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened; what a `Hub` and an outbox carry.

    It is checked and written as JSON when it is made. *data* becomes a private
    copy in plain JSON types (a date becomes text), so that subscribers see the
    same whether it came through memory, a database or the network.

    Args:
        channel: Where to publish it: 1 to 200 of ``A-Z a-z 0-9 _ . : = @ , ; -``.
        type: What happened, such as ``booking.confirmed``: 1 to 100 of
            ``A-Z a-z 0-9 _ . : -``.
        data: A JSON object; with everything else at most 256 KiB.
        id: Identity; an event published twice is delivered once.
        occurred_at: When it happened; a datetime with a time zone.
        version: Version of the form of *data*, from 1 on.
        key: What it is about, such as a booking's id: a subscriber may ask for
            the newest event of each key only.
        key_version: Version of that thing. An event that is not newer than one
            of the same key before it is suppressed by a memory hub.
        source: Who caused it, such as a tab: it can ignore its own echo.
        headers: Short strings for tracing.

    Raises:
        PublishRejected: A part is malformed or has no JSON form.
        PayloadTooLarge: It takes more than 256 KiB.
    """

    channel: str
    type: str
    data: Mapping[str, Any] = field(repr=False)
    _: KW_ONLY
    id: str = field(default_factory=new_id)
    occurred_at: datetime = field(default_factory=_now)
    version: int = 1
    key: str | None = field(default=None, repr=False)
    key_version: int | None = None
    source: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    #: All but id, channel and type as JSON; encoded once, for every subscriber.
    body: bytes = field(init=False, repr=False, compare=False)
    #: Bytes that it takes in memory, roughly.
    size: int = field(init=False, repr=False, compare=False)
    #: Id, channel, key and size, for those who need them of many events.
    brief: tuple[str, str, str | None, int] = field(
        init=False, repr=False, compare=False
    )
    #: The event in the forms of the wires it went over; filled by their writers.
    wire: dict[tuple[str, str], bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_address(self.channel, self.type, self.id)
        fields, body = check_fields(
            Fields(
                self.data,
                self.occurred_at,
                self.version,
                self.key,
                self.key_version,
                self.source,
                self.headers,
            )
        )
        _fill(self, fields, body)

    def __hash__(self) -> int:
        return hash(self.id)

    def envelope(self, channel: str | None = None) -> bytes:
        """Return the event as one JSON object on one line.

        Args:
            channel: The name that the receiver knows the channel by; its own
                name if None.
        """
        return envelope(channel or self.channel, self.id, self.type, self.body)

    def _stored_form(self) -> tuple[str, str, str, bytes]:
        return self.channel, self.id, self.type, self.body


class RawEvent(Event):
    """A stored event that this release cannot read, passed on as it is.

    It was written by a later release or another program. *data* is empty and
    `body` holds the JSON that was found. It is delivered like any other: a
    reader that raised here would stand still before this event for ever.
    """

    __slots__ = ()


def from_outbox(row: StoredEvent) -> Event:
    """Return the event in *row*; a `RawEvent` if it cannot be understood."""
    fields = decode_body(row.body)
    kind, event_id = row.type, row.event_id
    try:
        check_address(row.channel, kind, event_id)
    except PublishRejected:
        fields, kind, event_id = None, "unreadable", f"row-{row.pos}"
    event = object.__new__(RawEvent if fields is None else Event)
    body = row.body
    if fields is None or b"\n" in body or b"\r" in body:
        body = one_line(body)
    if fields is None:
        fields = Fields({}, _when(row.created))
    put = object.__setattr__
    put(event, "channel", row.channel)
    put(event, "type", kind)
    put(event, "id", event_id)
    for name in ("version", "key", "key_version", "source"):
        put(event, name, getattr(fields, name))
    _fill(event, fields, body)
    return event


def _when(created: object) -> datetime:
    try:
        return datetime.fromtimestamp(created, UTC)  # type: ignore[arg-type]  # whatever the row holds
    except (TypeError, ValueError, OverflowError, OSError):
        return _EPOCH


def _fill(event: Event, fields: Fields, body: bytes) -> None:
    put = object.__setattr__
    put(event, "data", fields.data)
    put(event, "occurred_at", fields.occurred_at)
    put(event, "headers", fields.headers)
    put(event, "body", body)
    size = len(body) + len(event.id) + _OVERHEAD
    put(event, "size", size)
    put(event, "brief", (event.id, event.channel, fields.key, size))
    put(event, "wire", {})
