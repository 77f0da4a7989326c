"""What is read: each list from one snapshot, and only the caller's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from examples.critical_buttons.domain.bookings import Booking
from examples.critical_buttons.domain.refusals import booking_not_found
from examples.critical_buttons.repo import audit, bookings as repo
from examples.critical_buttons.services.channels import booking_channel
from examples.critical_buttons.services.views import (
    BookingView,
    audit_view,
    booking_view,
)
from syncpatterns.engines.sqlite import Snapshot, SqliteEngine
from syncpatterns.realtime import Position


@dataclass(frozen=True, slots=True)
class BookingList:
    """A tenant's bookings and the position of their channel, from one snapshot.

    A page that shows the list and then connects at the position misses
    nothing: what is committed in between comes as events.
    """

    bookings: list[BookingView]
    channel: str
    position: Position


class Queries:
    """Reads for one engine; every method answers for one tenant.

    Args:
        engine: The app's database.
    """

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._outbox = engine.outbox()

    async def bookings(self, tenant: str) -> BookingList:
        """Return the tenant's bookings by start."""
        channel = booking_channel(tenant)

        def read(snapshot: Snapshot) -> BookingList:
            found = repo.list_bookings(snapshot.sqlalchemy(), tenant)
            return BookingList(
                bookings=[booking_view(booking) for booking in found],
                channel=channel,
                position=self._outbox.position(channel, snapshot.connection),
            )

        return await self._engine.aview(read)

    async def booking(self, tenant: str, booking_id: str) -> Booking:
        """Return one booking.

        Raises:
            BookingNotFound: Not there, or another tenant's.
        """
        found = await self._engine.aview(
            lambda snapshot: repo.find(snapshot.sqlalchemy(), tenant, booking_id)
        )
        if found is None:
            raise booking_not_found()
        return found

    async def audit(
        self, tenant: str, *, limit: int, entity_id: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest audit lines first."""
        entries = await self._engine.aview(
            lambda snapshot: audit.read(
                snapshot.sqlalchemy(), tenant, limit=limit, entity_id=entity_id
            )
        )
        return [audit_view(entry) for entry in entries]
