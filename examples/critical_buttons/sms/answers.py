"""What the provider's answer proves: pure functions, no network.

By the HTTP status, as the provider itself advises: its error codes are split
and renumbered. One code has a meaning of its own, 21610: the recipient said
STOP, which has to be written down.

======================  ==================================================
2xx, readable           sent: a receipt
2xx, unreadable         uncertain; the message may well be on its way
401, 403                not sent: the account is wrong
408                     uncertain: gateways say it of an upstream, too
425, 429                not sent: not taken in at this time
other 4xx               not sent: rejected
3xx, 5xx, the rest      uncertain
======================  ==================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from examples.critical_buttons.sms.provider import (
    NotSent,
    OptedOutAtProvider,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUncertain,
    Receipt,
)
from syncpatterns.retry import parse_retry_after

OPTED_OUT: Final = 21610

_STATUSES: Final = {
    "accepted": "queued",
    "canceled": "failed",
    "delivered": "delivered",
    "failed": "failed",
    "partially_delivered": "delivered",
    "queued": "queued",
    "read": "read",
    "received": "received",
    "receiving": "received",
    "scheduled": "queued",
    "sending": "sending",
    "sent": "sent",
    "undelivered": "undelivered",
}
#: What the person in front of the button is told; nothing is decided by it.
_REASONS: Final = {
    21211: "The provider says that this is not a phone number.",
    21408: "The account may not send to the recipient's country.",
    21606: "The account may not send from its number.",
    21611: "Too many messages wait to be sent from this number.",
    21612: "This number cannot be reached from the account's number.",
    21614: "The recipient's number cannot receive SMS.",
    21617: "The text is too long.",
    OPTED_OUT: "The recipient told the provider STOP.",
}
_TIMEOUT: Final = 408
_LATER: Final = frozenset({425, 429})
_KEEP_OUT: Final = frozenset({401, 403})
#: Seconds after which to come back where somebody has to correct something.
_CORRECTED: Final = 60.0
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_SID: Final = re.compile(r"[!-~]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    Args:
        status: Its status.
        headers: Its headers; names in lower case.
        body: Its body; None if it could not be read whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None

    def document(self) -> Mapping[str, Any] | None:
        """Return the body's JSON object; None if it is none."""
        try:
            found = json.loads(self.body or b"")
        except (ValueError, RecursionError):
            return None
        return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def normal_status(text: object) -> str:
    """Return one of `STATUSES` for a status in the provider's words.

    A word that is not known is the least that can be said: queued.
    """
    return _STATUSES.get(text, "queued") if isinstance(text, str) else "queued"


def receipt(document: Mapping[str, Any]) -> Receipt | None:
    """Return the receipt in a message's JSON; None if it names no message."""
    sid = document.get("sid")
    if not isinstance(sid, str) or not _SID.fullmatch(sid):
        return None
    segments = str(document.get("num_segments"))
    return Receipt(
        provider_id=sid,
        status=normal_status(document.get("status")),
        segments=int(segments) if _SECONDS.fullmatch(segments) else 0,
    )


def read_create(answer: Answer, now: datetime) -> Receipt:
    """Return the receipt in the answer to a new message.

    Args:
        answer: The answer.
        now: For a Retry-After that is a date.

    Raises:
        NotSent: Not taken in at this time.
        ProviderMisconfigured: The account is wrong.
        ProviderRejected: The message is not wanted.
        ProviderUncertain: All else.
    """
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success
        document = answer.document()
        found = receipt(document) if document else None
        if found is None:
            raise ProviderUncertain(
                "The SMS provider took the message, but its answer cannot be read.",
                provider_status=status,
            )
        return found
    if status in _KEEP_OUT:
        raise ProviderMisconfigured(
            f"The SMS provider does not let this service in ({status}). Check the "
            "account, its token and its rights.",
            retry_after=_CORRECTED,
        )
    if status in _LATER:
        raise NotSent(
            f"The SMS provider takes no message now ({status}). Nothing was sent.",
            retry_after=parse_retry_after(answer.headers, now.timestamp()),
        )
    if 400 <= status < 500 and status != _TIMEOUT:  # noqa: PLR2004 - the class of refusals
        raise _rejection(answer)
    raise ProviderUncertain(
        f"The SMS provider answered {status}; the message may have been sent.",
        provider_status=status,
        retry_after=parse_retry_after(answer.headers, now.timestamp()),
    )


def _rejection(answer: Answer) -> ProviderRejected:
    """Return the refusal; the provider's own words would name the number."""
    document = answer.document() or {}
    code = document.get("code")
    if type(code) is not int or not 0 < code < 10**6:
        code = None
    kind = OptedOutAtProvider if code == OPTED_OUT else ProviderRejected
    reason = _REASONS.get(code or 0, "The SMS provider refused the message.")
    return kind(reason, provider_code=code, provider_status=answer.status)
