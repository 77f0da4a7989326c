"""The statements about bookings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from examples.critical_buttons.domain.bookings import OCCUPYING, Booking, Status
from examples.critical_buttons.domain.slots import Slot
from examples.critical_buttons.schema.bookings import bookings

_columns: Final = tuple(column.name for column in bookings.columns)

_find: Final = select(bookings).where(
    bookings.c.tenant == bindparam("tenant"), bookings.c.id == bindparam("id")
)
_list: Final = (
    select(bookings)
    .where(bookings.c.tenant == bindparam("tenant"))
    .order_by(bookings.c.starts_at, bookings.c.id)
)
_save: Final = (
    update(bookings)
    .where(
        bookings.c.tenant == bindparam("of_tenant"),
        bookings.c.id == bindparam("of_id"),
        bookings.c.version == bindparam("of_version"),
    )
    .values(
        status=bindparam("status"),
        expires_at=bindparam("expires_at"),
        version=bindparam("version"),
        updated_at=bindparam("updated_at"),
        updated_by=bindparam("updated_by"),
    )
)
_insert: Final = insert(bookings)
_in_slot: Final = select(bookings).where(
    bookings.c.tenant == bindparam("tenant"),
    bookings.c.resource == bindparam("resource"),
    bookings.c.starts_at == bindparam("starts_at"),
    bookings.c.status.in_([state.value for state in OCCUPYING]),
)
_taken: Final = select(bookings.c.starts_at, bookings.c.ends_at).where(
    bookings.c.tenant == bindparam("tenant"),
    bookings.c.resource == bindparam("resource"),
    bookings.c.status.in_([state.value for state in OCCUPYING]),
    bookings.c.starts_at < bindparam("until"),
    bookings.c.ends_at > bindparam("since"),
)
_all: Final = select(bookings)
_count: Final = select(func.count()).select_from(bookings)


def find(connection: Connection, tenant: str, booking_id: str) -> Booking | None:
    """Return the tenant's booking, or None."""
    row = connection.execute(_find, {"tenant": tenant, "id": booking_id}).one_or_none()
    return _booking(row) if row else None


def list_bookings(connection: Connection, tenant: str) -> list[Booking]:
    """Return the tenant's bookings by start."""
    return [_booking(row) for row in connection.execute(_list, {"tenant": tenant})]


def all_bookings(connection: Connection) -> list[Booking]:
    """Return the bookings of every tenant; for imports only."""
    return [_booking(row) for row in connection.execute(_all)]


def count(connection: Connection) -> int:
    """Return the number of bookings of all tenants."""
    return int(connection.execute(_count).scalar_one())


def save(connection: Connection, before: Booking, after: Booking) -> bool:
    """Write *after* if *before* is still the current version; tell whether it was.

    Raises:
        sqlalchemy.exc.IntegrityError: The slot belongs to another booking.
    """
    result = connection.execute(
        _save,
        {
            "of_tenant": before.tenant,
            "of_id": before.id,
            "of_version": before.version,
            "status": after.status.value,
            "expires_at": after.expires_at,
            "version": after.version,
            "updated_at": after.updated_at,
            "updated_by": after.updated_by,
        },
    )
    return result.rowcount == 1


def add(connection: Connection, new: Iterable[Booking]) -> None:
    """Insert *new* bookings."""
    rows = [_row(booking) for booking in new]
    if rows:
        connection.execute(_insert, rows)


def in_slot(connection: Connection, booking: Booking) -> Booking | None:
    """Return the booking that occupies the slot of *booking*."""
    row = connection.execute(
        _in_slot,
        {
            "tenant": booking.tenant,
            "resource": booking.resource,
            "starts_at": booking.starts_at,
        },
    ).one_or_none()
    return _booking(row) if row else None


def taken_slots(connection: Connection, booking: Booking, span: Slot) -> list[Slot]:
    """Return the occupied slots of the resource that touch *span*."""
    rows = connection.execute(
        _taken,
        {
            "tenant": booking.tenant,
            "resource": booking.resource,
            "since": span[0],
            "until": span[1],
        },
    )
    return [(row.starts_at, row.ends_at) for row in rows]


def _booking(row: Any) -> Booking:
    values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - as above
    values["status"] = Status(values["status"])
    return Booking(**values)


def _row(booking: Booking) -> dict[str, Any]:
    return {
        name: getattr(booking, name) if name != "status" else booking.status.value
        for name in _columns
    }
