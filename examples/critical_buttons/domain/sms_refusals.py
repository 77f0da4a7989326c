"""How sending an SMS says no.

A `Refusal` is stored as the answer of its key. What only holds for a while, a
quiet hour or a limit, is `NotExecuted`: nothing is stored, and the same key
sends once the time has come.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.leads import Lead
from examples.critical_buttons.domain.times import iso_utc
from syncpatterns.errors import NotExecuted, Refusal


class LeadNotFound(Refusal):
    """No such lead here; another tenant's looks exactly the same."""

    status = 404
    problem = "lead-not-found"
    title = "There is no such lead."


class OptedOut(Refusal):
    """The recipient does not want messages, or a reply has to be read first."""

    status = 409
    problem = "opted-out"
    title = "The recipient does not want messages."


class PhoneInvalid(Refusal):
    """The lead's number takes no messages."""

    status = 422
    problem = "phone-invalid"
    title = "The lead's phone number cannot be used."


class QuietHours(NotExecuted):
    """It is night where the recipient is; nothing was sent."""

    status = 409
    problem = "quiet-hours"
    title = "It is too late or too early there."

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: float | None = None,
        retry_at: str | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self._retry_at = retry_at

    @property
    def facts(self) -> dict[str, Any]:
        """When it may be sent."""
        return {} if self._retry_at is None else {"retry_at": self._retry_at}


class RateLimited(NotExecuted):
    """This lead, or this tenant, had enough messages for now."""

    status = 429
    problem = "rate-limited"
    title = "Too many messages in a short time."


#: What the operation declares beside the provider's own refusals.
SMS_REFUSALS: tuple[type[Refusal], ...] = (LeadNotFound, OptedOut, PhoneInvalid)


def lead_not_found() -> LeadNotFound:
    """Refuse without naming the id: an answer must not confirm a guess."""
    return LeadNotFound("No lead of yours has this id. Reload the list.")


def opted_out(lead: Lead) -> OptedOut:
    """Refuse to write to somebody who said STOP, or who may have meant it."""
    if lead.under_review and not lead.opted_out:
        return OptedOut(
            "A reply of this person may mean that they want no more messages. "
            "Somebody has to read it first.",
            under_review=True,
        )
    if lead.consent is Consent.OPEN:
        # Their number is open, so it is the lead's state that keeps it shut.
        return OptedOut(
            "This lead is not to be contacted. Once the person has written START, it "
            "can be made new or nurture, and written to again.",
            under_review=False,
        )
    return OptedOut(
        "This person asked for no more messages. Only they can change that, by "
        "writing START.",
        under_review=False,
    )


def phone_invalid() -> PhoneInvalid:
    """Refuse a number that no message can reach."""
    return PhoneInvalid("This number cannot get messages. Correct the lead first.")


def quiet_hours(opens: datetime, now: datetime) -> QuietHours:
    """Refuse to send at night; *opens* is when it may be sent."""
    return QuietHours(
        "It is before 8:00 or after 21:00 where this person is. Nothing was sent; "
        "try again with the same key when it is day there.",
        retry_after=math.ceil((opens - now).total_seconds()),
        retry_at=iso_utc(opens),
    )


def rate_limited(seconds: float, whose: str) -> RateLimited:
    """Refuse one message too many; *whose* limit it is, as a sentence says it."""
    return RateLimited(
        f"{whose} had as many messages within the last hour as are allowed. Nothing "
        "was sent; the same key works later.",
        retry_after=max(1, math.ceil(seconds)),
    )
