"""What is read: each list from one snapshot, and only the caller's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from examples.critical_buttons.domain.bookings import Booking
from examples.critical_buttons.domain.refusals import booking_not_found
from examples.critical_buttons.domain.sms_refusals import lead_not_found
from examples.critical_buttons.repo import audit, bookings as repo, leads, messages
from examples.critical_buttons.services.channels import booking_channel, lead_channel
from examples.critical_buttons.services.lead_views import (
    LeadView,
    MessageView,
    lead_view,
    message_view,
)
from examples.critical_buttons.services.views import (
    BookingView,
    audit_view,
    booking_view,
)
from syncpatterns.engines.sqlite import Snapshot, SqliteEngine
from syncpatterns.realtime import Position


@dataclass(frozen=True, slots=True)
class BookingList:
    """A tenant's bookings and the positions of its channels, from one snapshot.

    A page that shows the list and then connects at these positions misses
    nothing: what is committed in between comes as events. All channels are
    named, so that one that shows several lists connects at the positions of
    the list it asked for first.
    """

    bookings: list[BookingView]
    positions: dict[str, Position]


@dataclass(frozen=True, slots=True)
class LeadList:
    """A tenant's leads, and positions as in `BookingList`."""

    leads: list[LeadView]
    positions: dict[str, Position]


@dataclass(frozen=True, slots=True)
class History:
    """The messages of one lead, and positions as in `BookingList`."""

    messages: list[MessageView]
    positions: dict[str, Position]


class NoSuchMessage(LookupError):
    """The lead has no message of this id, so none is older than it."""


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

        def read(snapshot: Snapshot) -> BookingList:
            found = repo.list_bookings(snapshot.sqlalchemy(), tenant)
            return BookingList(
                bookings=[booking_view(booking) for booking in found],
                positions=self._positions(tenant, snapshot),
            )

        return await self._engine.aview(read)

    async def leads(self, tenant: str, *, limit: int, after: str) -> LeadList:
        """Return up to *limit* of the tenant's leads by id, behind *after*."""

        def read(snapshot: Snapshot) -> LeadList:
            found = leads.list_leads(
                snapshot.sqlalchemy(), tenant, limit=limit, after=after
            )
            return LeadList(
                leads=[lead_view(entry) for entry in found],
                positions=self._positions(tenant, snapshot),
            )

        return await self._engine.aview(read)

    async def messages(
        self, tenant: str, lead_id: str, *, limit: int, before: str = ""
    ) -> History:
        """Return the newest *limit* messages of one lead, newest first.

        Args:
            tenant: Who asks.
            lead_id: Whose messages.
            limit: How many at most.
            before: The id of a message; only older ones then.

        Raises:
            LeadNotFound: Not there, or another tenant's.
            NoSuchMessage: The lead has no message *before*.
        """

        def read(snapshot: Snapshot) -> History | None:
            connection = snapshot.sqlalchemy()
            if leads.find(connection, tenant, lead_id) is None:
                return None
            if before:
                found = messages.older(connection, tenant, lead_id, before, limit=limit)
                if found is None:
                    raise NoSuchMessage
            else:
                found = messages.history(connection, tenant, lead_id, limit=limit)
            return History(
                messages=[message_view(message) for message in found],
                positions=self._positions(tenant, snapshot),
            )

        history = await self._engine.aview(read)
        if history is None:
            raise lead_not_found()
        return history

    def _positions(self, tenant: str, snapshot: Snapshot) -> dict[str, Position]:
        return {
            channel: self._outbox.position(channel, snapshot.connection)
            for channel in (booking_channel(tenant), lead_channel(tenant))
        }

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
