"""Where events are published: channels of each tenant, so that nothing leaks."""

from __future__ import annotations


def booking_channel(tenant: str) -> str:
    """Return the channel of the tenant's bookings, e.g. ``tenant.acme.bookings``."""
    return f"tenant.{tenant}.bookings"


def lead_channel(tenant: str) -> str:
    """Return the channel of the tenant's leads and messages."""
    return f"tenant.{tenant}.leads"


def progress_channel(tenant: str) -> str:
    """Return the channel on which running batches are followed.

    It lives in the memory of one process and has no history, so it is apart from
    the others: a position in it would mean nothing to another process.
    """
    return f"tenant.{tenant}.progress"
