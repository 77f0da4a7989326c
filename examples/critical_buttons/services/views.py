"""Bookings and audit entries as the JSON that callers and streams see."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from examples.critical_buttons.domain.bookings import Booking
from examples.critical_buttons.domain.slots import Slot
from examples.critical_buttons.domain.times import iso_utc, local_text
from examples.critical_buttons.repo.audit import AuditEntry


class BookingView(TypedDict):
    """One booking; instants in UTC, `local_time` is the begin in its own zone."""

    id: str
    status: str
    resource: str
    customer: str
    starts_at: str
    ends_at: str
    time_zone: str
    local_time: str
    expires_at: str | None
    version: int
    updated_at: str


class Confirmed(TypedDict):
    """The answer of a confirm; `changed` is False if it was confirmed before."""

    booking: BookingView
    changed: bool


def booking_view(booking: Booking) -> BookingView:
    """Return *booking* without its tenant: the caller's own is the only one."""
    return BookingView(
        id=booking.id,
        status=booking.status.value,
        resource=booking.resource,
        customer=booking.customer,
        starts_at=iso_utc(booking.starts_at),
        ends_at=iso_utc(booking.ends_at),
        time_zone=booking.time_zone,
        local_time=local_text(booking.starts_at, booking.time_zone),
        expires_at=_iso(booking.expires_at),
        version=booking.version,
        updated_at=iso_utc(booking.updated_at),
    )


def slot_view(slot: Slot, booking: Booking) -> dict[str, str]:
    """Return a free *slot* as an alternative for *booking*."""
    return {
        "resource": booking.resource,
        "starts_at": iso_utc(slot[0]),
        "ends_at": iso_utc(slot[1]),
        "local_time": local_text(slot[0], booking.time_zone),
    }


def audit_view(entry: AuditEntry) -> dict[str, Any]:
    """Return *entry* in the words of the API."""
    return {
        "id": entry.id,
        "at": iso_utc(entry.at),
        "actor_type": entry.actor_type,
        "actor_id": entry.actor_id,
        "source": entry.source,
        "entity_type": entry.entity_type,
        "entity_id": entry.entity_id,
        "action": entry.action,
        "from": entry.from_state,
        "to": entry.to_state,
        "reason": entry.reason,
        "version_from": entry.version_from,
        "version_to": entry.version_to,
        "request_id": entry.request_id,
        "key_hash": entry.key_hash,
        "bulk_id": entry.bulk_id,
        "client_at": _iso(entry.client_at),
    }


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else iso_utc(instant)
