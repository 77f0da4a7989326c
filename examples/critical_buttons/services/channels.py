"""Where events are published: channels of each tenant, so that nothing leaks."""

from __future__ import annotations


def booking_channel(tenant: str) -> str:
    """Return the channel of the tenant's bookings, e.g. ``tenant.acme.bookings``."""
    return f"tenant.{tenant}.bookings"


def lead_channel(tenant: str) -> str:
    """Return the channel of the tenant's leads and messages."""
    return f"tenant.{tenant}.leads"
