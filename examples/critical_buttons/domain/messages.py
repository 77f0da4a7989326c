"""A message and what became of it; its status never goes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Direction(StrEnum):
    """Who wrote to whom."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class SmsStatus(StrEnum):
    """How far a message has come."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    READ = "read"
    RECEIVED = "received"


_RANKS: Final[Mapping[SmsStatus, int]] = MappingProxyType(
    {
        SmsStatus.QUEUED: 0,
        SmsStatus.SENDING: 1,
        SmsStatus.SENT: 2,
        SmsStatus.DELIVERED: 3,
        SmsStatus.UNDELIVERED: 3,
        SmsStatus.FAILED: 3,
        SmsStatus.READ: 4,
        SmsStatus.RECEIVED: 0,  # a reply's only one; of ours it says nothing
    }
)

#: What the provider says and we have no state of our own for.
_ALIASES: Final[Mapping[str, SmsStatus]] = MappingProxyType(
    {
        "accepted": SmsStatus.QUEUED,
        "scheduled": SmsStatus.QUEUED,
        "canceled": SmsStatus.FAILED,
        "partially_delivered": SmsStatus.DELIVERED,
        "receiving": SmsStatus.RECEIVED,
    }
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of one lead.

    Args:
        tenant: Whose lead.
        id: Unique within the app.
        lead_id: To or from whom.
        direction: Sent by us, or by the lead.
        body: The text; personal data, never logged.
        status: How far it has come.
        encoding: ``GSM-7`` or ``UCS-2``.
        segments: How many the network makes of it.
        provider_id: The provider's name for it.
        error_code: The provider's reason for a failure, if any.
        created_at: When it was written here.
        updated_at: When it last changed.
        by: Who sent it.
        op_key_hash: First 8 hex digits of the key of the click that sent it.
        op: The name of the send, which the address of its callbacks holds.
    """

    tenant: str
    id: str
    lead_id: str
    direction: Direction
    body: str = field(repr=False)
    status: SmsStatus
    encoding: str
    segments: int
    provider_id: str
    error_code: str | None
    created_at: datetime
    updated_at: datetime
    by: str
    op_key_hash: str | None
    op: str | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What the provider says about one message.

    Args:
        provider_id: Which one.
        status: How far it has come.
        error_code: The reason for a failure, if any.
    """

    provider_id: str
    status: SmsStatus
    error_code: str | None = None


def status_of(word: str) -> SmsStatus:
    """Return the status that the provider's *word* means.

    Raises:
        ValueError: A word we do not know.
    """
    known = _ALIASES.get(word)
    return SmsStatus(word) if known is None else known


def further(before: SmsStatus, reported: SmsStatus) -> bool:
    """Tell whether *reported* is news about a message that stands at *before*.

    Callbacks overtake each other: a "sent" that comes after "delivered" would
    otherwise make a delivered message undelivered again. Of the ends that
    exclude each other (delivered, undelivered, failed) the first one stays.
    """
    return _RANKS[reported] > _RANKS[before]


def reported(message: Message, report: StatusReport, now: datetime) -> Message | None:
    """Return *message* after *report*; None if that is no news."""
    if message.direction is Direction.INBOUND:
        return None
    if not further(message.status, report.status):
        return None
    return replace(
        message,
        status=report.status,
        error_code=report.error_code,
        updated_at=now,
    )
