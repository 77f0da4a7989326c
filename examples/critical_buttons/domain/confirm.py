"""May this booking be confirmed now? The decision, without the database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from examples.critical_buttons.domain.bookings import TRANSITIONS, Booking, Status
from examples.critical_buttons.domain.refusals import (
    HoldExpired,
    TransitionNotAllowed,
    hold_expired,
    transition_not_allowed,
)


@dataclass(frozen=True, slots=True)
class Change:
    """Do it: *before* becomes *after*."""

    before: Booking
    after: Booking


@dataclass(frozen=True, slots=True)
class NoChange:
    """It is so already: no row, no audit, no event."""

    booking: Booking


Decision: TypeAlias = Change | NoChange | TransitionNotAllowed | HoldExpired


def decide_confirm(booking: Booking, now: datetime, actor: str) -> Decision:
    """Return what confirming *booking* at *now* by *actor* amounts to."""
    if booking.status is Status.CONFIRMED:
        return NoChange(booking)
    if Status.CONFIRMED not in TRANSITIONS[booking.status]:
        return transition_not_allowed(booking, Status.CONFIRMED)
    if booking.hold_lapsed(now):
        return hold_expired(booking)
    return Change(booking, moved(booking, Status.CONFIRMED, now, actor))


def moved(booking: Booking, to: Status, now: datetime, actor: str) -> Booking:
    """Return *booking* in state *to*, one version on and without a hold."""
    return replace(
        booking,
        status=to,
        expires_at=None,
        version=booking.version + 1,
        updated_at=now,
        updated_by=actor,
    )
