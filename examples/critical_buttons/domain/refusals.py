"""How this app says no. Each refusal is stored and replayed like an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from examples.critical_buttons.domain.bookings import Booking, Status, allowed_from
from examples.critical_buttons.domain.times import iso_utc
from syncpatterns.errors import Refusal


class BookingNotFound(Refusal):
    """No such booking here; another tenant's looks exactly the same."""

    status = 404
    problem = "booking-not-found"
    title = "There is no such booking."


class TransitionNotAllowed(Refusal):
    """The booking's state cannot be followed by the one asked for."""

    status = 409
    problem = "transition-not-allowed"
    title = "The booking cannot change this way."


class HoldExpired(Refusal):
    """The hold ran out, so the slot is no longer kept for this booking."""

    status = 409
    problem = "hold-expired"
    title = "The hold on this slot has run out."


class SlotTaken(Refusal):
    """Another booking has the slot; `alternatives` are free ones."""

    status = 409
    problem = "slot-taken"
    title = "The slot is taken."


class VersionConflict(Refusal):
    """The booking changed since the caller last saw it."""

    status = 412
    problem = "version-conflict"
    title = "The booking was changed in the meantime."


#: What the operation declares, so that each is stored as the key's answer.
REFUSALS: tuple[type[Refusal], ...] = (
    BookingNotFound,
    TransitionNotAllowed,
    HoldExpired,
    SlotTaken,
    VersionConflict,
)


def booking_not_found() -> BookingNotFound:
    """Refuse without naming the id: an answer must not confirm a guess."""
    return BookingNotFound("No booking of yours has this id. Reload the list.")


def transition_not_allowed(booking: Booking, to: Status) -> TransitionNotAllowed:
    """Refuse a step that the table of transitions does not know."""
    allowed = allowed_from(booking.status)
    then = f"it may become {', '.join(allowed)}" if allowed else "that is final"
    facts: dict[str, Any] = {
        "from": booking.status.value,
        "to": to.value,
        "allowed": allowed,
    }
    return TransitionNotAllowed(
        f"A booking that is {booking.status.value} cannot become {to.value}; {then}.",
        **facts,
    )


def hold_expired(booking: Booking) -> HoldExpired:
    """Refuse a hold that has run out."""
    ended = iso_utc(booking.expires_at) if booking.expires_at else None
    return HoldExpired(
        f"The hold ended at {ended}. Request the slot again.", expired_at=ended
    )


def slot_taken(alternatives: Sequence[dict[str, str]]) -> SlotTaken:
    """Refuse a slot that another booking has, and offer free ones."""
    hint = "Choose one of the free slots." if alternatives else "Choose another time."
    return SlotTaken(
        f"Another booking has this slot. {hint}", alternatives=list(alternatives)
    )


def version_conflict(booking: Booking) -> VersionConflict:
    """Refuse a change made to a version that is no longer the current one."""
    return VersionConflict(
        "Somebody changed this booking after you last saw it. Look at it again "
        "before you decide.",
        current={
            "version": booking.version,
            "status": booking.status.value,
            "by": booking.updated_by,
            "at": iso_utc(booking.updated_at),
        },
    )
