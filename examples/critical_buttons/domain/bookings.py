"""What a booking is, and which state may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Status(StrEnum):
    """Where a booking stands."""

    REQUESTED = "requested"
    HELD = "held"
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


#: What may follow each state. A hold is optional: a request can be confirmed
#: at once if its slot is still free.
TRANSITIONS: Final[Mapping[Status, tuple[Status, ...]]] = MappingProxyType(
    {
        Status.REQUESTED: (
            Status.HELD,
            Status.CONFIRMED,
            Status.CANCELLED,
            Status.EXPIRED,
        ),
        Status.HELD: (Status.CONFIRMED, Status.CANCELLED, Status.EXPIRED),
        Status.CONFIRMED: (Status.CHECKED_IN, Status.NO_SHOW, Status.CANCELLED),
        Status.CHECKED_IN: (Status.COMPLETED,),
        Status.COMPLETED: (),
        Status.NO_SHOW: (),
        Status.CANCELLED: (),
        Status.EXPIRED: (),
    }
)

#: States in which a booking keeps others out of its slot. The partial unique
#: index of the schema is made from this tuple.
OCCUPYING: Final = (Status.HELD, Status.CONFIRMED, Status.CHECKED_IN)


@dataclass(frozen=True, slots=True)
class Booking:
    """One booking of one tenant; every instant is aware and in UTC.

    Args:
        tenant: Whose booking it is; no other tenant ever learns of it.
        id: Unique within the tenant.
        resource: The room, chair or person that is booked.
        customer: Who comes; personal data, never logged.
        starts_at: Begin of the slot.
        ends_at: End of the slot.
        time_zone: IANA name of the zone in which people read the time.
        status: Where it stands.
        expires_at: Until when a hold is kept; None when there is no hold.
        version: Grows by one with every change.
        updated_at: When it last changed.
        updated_by: Who changed it last.
    """

    tenant: str
    id: str
    resource: str
    customer: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    status: Status
    expires_at: datetime | None
    version: int
    updated_at: datetime
    updated_by: str

    def hold_lapsed(self, now: datetime) -> bool:
        """Tell whether this is a hold that has run out; at its instant it has."""
        return (
            self.status is Status.HELD
            and self.expires_at is not None
            and now >= self.expires_at
        )


def allowed_from(status: Status) -> list[str]:
    """Return the states that may follow *status*, as an answer lists them."""
    return [state.value for state in TRANSITIONS[status]]
