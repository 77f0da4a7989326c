"""Which state of a lead may follow which, and what a wish amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.lead_refusals import (
    ReasonRequired,
    TransitionNotAllowed,
    VersionConflict,
    reason_required,
    transition_not_allowed,
    version_conflict,
)
from examples.critical_buttons.domain.leads import Lead, LeadStatus

_ENDINGS: Final = (
    LeadStatus.NURTURE,
    LeadStatus.UNQUALIFIED,
    LeadStatus.LOST,
    LeadStatus.DO_NOT_CONTACT,
)
_REOPENED: Final = (LeadStatus.NEW, LeadStatus.NURTURE)

#: What may follow each state. HubSpot and Salesforce let any value follow any
#: other; a table refuses the slip of the hand that makes a won lead new.
TRANSITIONS: Final[Mapping[LeadStatus, tuple[LeadStatus, ...]]] = MappingProxyType(
    {
        LeadStatus.NEW: (
            LeadStatus.ATTEMPTED,
            LeadStatus.CONNECTED,
            LeadStatus.QUALIFIED,
            LeadStatus.BOOKED,
            *_ENDINGS,
        ),
        LeadStatus.ATTEMPTED: (
            LeadStatus.CONNECTED,
            LeadStatus.QUALIFIED,
            LeadStatus.BOOKED,
            *_ENDINGS,
        ),
        LeadStatus.CONNECTED: (LeadStatus.QUALIFIED, LeadStatus.BOOKED, *_ENDINGS),
        LeadStatus.QUALIFIED: (LeadStatus.BOOKED, LeadStatus.WON, *_ENDINGS),
        LeadStatus.BOOKED: (LeadStatus.QUALIFIED, LeadStatus.WON, *_ENDINGS),
        LeadStatus.NURTURE: (
            LeadStatus.ATTEMPTED,
            LeadStatus.CONNECTED,
            LeadStatus.QUALIFIED,
            LeadStatus.BOOKED,
            LeadStatus.UNQUALIFIED,
            LeadStatus.LOST,
            LeadStatus.DO_NOT_CONTACT,
        ),
        LeadStatus.UNQUALIFIED: _REOPENED,
        LeadStatus.LOST: _REOPENED,
        LeadStatus.WON: (),
        # Only for somebody who has written START since; see `allowed_after`.
        LeadStatus.DO_NOT_CONTACT: _REOPENED,
    }
)

#: Giving a lead up, and taking it up again, is explained to those who come later.
EXPLAINED: Final = frozenset({LeadStatus.UNQUALIFIED, LeadStatus.LOST})

#: HubSpot's own values of `hs_lead_status`, so that its exports and webhooks can
#: be sent on as they are. An open deal is no won one; bad timing asks for later.
ALIASES: Final[Mapping[str, LeadStatus]] = MappingProxyType(
    {
        "NEW": LeadStatus.NEW,
        "OPEN": LeadStatus.NEW,
        "IN_PROGRESS": LeadStatus.ATTEMPTED,
        "ATTEMPTED_TO_CONTACT": LeadStatus.ATTEMPTED,
        "CONNECTED": LeadStatus.CONNECTED,
        "OPEN_DEAL": LeadStatus.QUALIFIED,
        "BAD_TIMING": LeadStatus.NURTURE,
        "UNQUALIFIED": LeadStatus.UNQUALIFIED,
    }
)


def status_named(name: str) -> LeadStatus:
    """Return the state called *name*, by our word or HubSpot's.

    Raises:
        ValueError: There is no such state.
    """
    return ALIASES.get(name) or LeadStatus(name)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a lead.

    Args:
        to: The state.
        version: The version they saw; None if they do not say.
        reason: Why, for the audit log.
    """

    to: LeadStatus
    version: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Do it: the lead may get the state."""

    to: LeadStatus
    reason: str | None


@dataclass(frozen=True, slots=True)
class NoChange:
    """It is so already: no row, no audit, no event."""


Decision: TypeAlias = (
    Change | NoChange | VersionConflict | TransitionNotAllowed | ReasonRequired
)


def allowed_after(lead: Lead, *, consented: bool) -> tuple[LeadStatus, ...]:
    """Return the states that may follow the lead's own.

    Args:
        lead: As it is now.
        consented: Whether its number is open because the person said so. A
            number that is merely not closed says nothing about consent.
    """
    if lead.status is LeadStatus.DO_NOT_CONTACT and not consented:
        return ()
    return TRANSITIONS[lead.status]


def decide_status(lead: Lead, wish: Wish, *, consented: bool) -> Decision:
    """Return what *wish* amounts to for *lead*; *consented* as in `allowed_after`.

    The version comes first, as with If-Match: who acts on an old view is told
    so, even if what they want happens to be allowed, or to be so already.
    """
    if wish.version is not None and wish.version != lead.version:
        return version_conflict(lead)
    if lead.status is wish.to:
        return NoChange()
    allowed = allowed_after(lead, consented=consented)
    if wish.to not in allowed:
        return transition_not_allowed(lead, wish.to, allowed)
    if wish.reason is None and EXPLAINED & {lead.status, wish.to}:
        return reason_required(lead, wish.to)
    return Change(wish.to, wish.reason)


def closes_number(lead: Lead, to: LeadStatus) -> bool:
    """Tell whether getting the state *to* closes a number that is not closed yet."""
    return to is LeadStatus.DO_NOT_CONTACT and lead.consent is not Consent.OPTED_OUT


def moved(lead: Lead, to: LeadStatus, now: datetime, actor: str) -> Lead:
    """Return *lead* in state *to*, one version on."""
    return replace(
        lead, status=to, version=lead.version + 1, updated_at=now, updated_by=actor
    )
