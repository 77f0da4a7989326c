"""What can be wrong with a booking, or with who asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from examples.critical_buttons.problems.problem import Problem

BOOKINGS: Final[Mapping[str, Problem]] = {
    "booking-not-found": Problem(
        404,
        "There is no such booking",
        "No booking of yours has this id. It may never have existed, or it may be "
        "somebody else's; the answer is the same.",
        "Reload the list and choose again.",
    ),
    "transition-not-allowed": Problem(
        409,
        "It cannot change this way",
        "The booking or lead is in a state that cannot be followed by the one you "
        "asked for. `from`, `to` and `allowed` say which state it is in and what may "
        "follow.",
        "Choose one of the states in `allowed`; an empty list is a final state.",
    ),
    "hold-expired": Problem(
        409,
        "The hold has run out",
        "The slot was kept until `expired_at`, and that time has passed.",
        "Request the slot again.",
    ),
    "slot-taken": Problem(
        409,
        "The slot is taken",
        "Another booking has the same resource at the same time. `alternatives` "
        "lists the next free slots of that resource.",
        "Choose one of the alternatives or another time.",
    ),
    "version-conflict": Problem(
        412,
        "It was changed in the meantime",
        "If-Match, or `version`, named a version of the booking or lead that is no "
        "longer the current one. `current` says who changed it, when, and to what.",
        "Look at it as it is now. If you still want it, press again: that is a "
        "new action with a new key and the new version.",
    ),
    "tenant-unknown": Problem(
        403,
        "You may not act for this tenant",
        "X-Tenant names a tenant that does not exist here, or names two.",
        "Leave the header out, or name one of the demo's tenants.",
    ),
    "if-match-invalid": Problem(
        400,
        "If-Match cannot be read",
        "The header must be * or a list of quoted entity tags.",
        "Send the ETag exactly as it was received, quotes included.",
    ),
}
