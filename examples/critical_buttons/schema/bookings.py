"""The table of bookings."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, Table, text

from examples.critical_buttons.domain.bookings import OCCUPYING, Status
from examples.critical_buttons.schema.types import Instant, metadata, one_of

bookings: Final = Table(
    "bookings",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("resource", String(100), nullable=False),
    Column("customer", String(200), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("expires_at", Instant),
    Column("version", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("updated_by", String(64), nullable=False),
    CheckConstraint(f"status IN ({one_of(Status)})", name="known_status"),
    CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    CheckConstraint("version >= 1", name="versions_from_one"),
    CheckConstraint("status <> 'held' OR expires_at IS NOT NULL", name="holds_expire"),
)

#: No slot is given twice: the database itself refuses the second booking.
one_per_slot: Final = Index(
    "one_booking_per_slot",
    bookings.c.tenant,
    bookings.c.resource,
    bookings.c.starts_at,
    unique=True,
    sqlite_where=text(f"status IN ({one_of(OCCUPYING)})"),
    postgresql_where=text(f"status IN ({one_of(OCCUPYING)})"),
)

#: Serves the list of a tenant, in the order of the page.
by_start: Final = Index(
    "bookings_by_start", bookings.c.tenant, bookings.c.starts_at, bookings.c.id
)
