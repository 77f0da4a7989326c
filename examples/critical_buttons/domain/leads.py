"""What a lead is, and whether a message may be sent to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.phones import zones_of
from examples.critical_buttons.domain.times import zone


class LeadStatus(StrEnum):
    """Where a lead stands in the pipeline."""

    NEW = "new"
    ATTEMPTED = "attempted"
    CONNECTED = "connected"
    QUALIFIED = "qualified"
    BOOKED = "booked"
    WON = "won"
    NURTURE = "nurture"
    UNQUALIFIED = "unqualified"
    LOST = "lost"
    DO_NOT_CONTACT = "do_not_contact"


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead of one tenant.

    Args:
        tenant: Whose lead; no other tenant ever learns of it.
        id: Unique within the tenant.
        name: Who it is; personal data, never logged.
        phone: E.164; shown masked, never logged.
        time_zone: IANA name, or None to go by the number.
        status: Where it stands.
        version: Grows by one with every change.
        updated_at: When it last changed.
        updated_by: Who changed it last.
        consent: Whether messages may be sent to its number.
    """

    tenant: str
    id: str
    name: str = field(repr=False)
    phone: str = field(repr=False)
    time_zone: str | None
    status: LeadStatus
    version: int
    updated_at: datetime
    updated_by: str
    consent: Consent = Consent.OPEN

    @property
    def opted_out(self) -> bool:
        """Whether the person, or somebody for them, said no to messages."""
        return (
            self.consent is Consent.OPTED_OUT
            or self.status is LeadStatus.DO_NOT_CONTACT
        )

    @property
    def under_review(self) -> bool:
        """Whether a reply has to be read by a person first."""
        return self.consent is Consent.UNDER_REVIEW

    @property
    def zones(self) -> tuple[ZoneInfo, ...]:
        """The zones in which the person may be."""
        names = (self.time_zone,) if self.time_zone else zones_of(self.phone)
        return tuple(zone(name) for name in names)


#: The span over which sends are counted.
HOUR: Final = 3600.0


def wait_for_room(sent: Sequence[datetime], limit: int, now: datetime) -> float:
    """Return how many seconds to wait until fewer than *limit* are of the last hour.

    Args:
        sent: When messages were sent; older ones do not count.
        limit: How many there may be within an hour.
        now: The instant of sending.
    """
    ages = sorted((now - each).total_seconds() for each in sent)
    recent = [age for age in ages if age < HOUR]
    if len(recent) < limit:
        return 0.0
    # Room comes when the one that is `limit` from the newest falls out.
    return max(0.0, HOUR - recent[limit - 1]) if limit else HOUR
