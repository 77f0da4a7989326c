"""What the API accepts as a new message, and the provider's magic numbers.

The magic numbers are those of Twilio's test credentials: they belong to nobody,
and each stands for one answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx2

from examples.critical_buttons.simulator.answers import ApiError

MAX_BODY: Final = 1600
UNSUBSCRIBED: Final = 21610
#: Where callbacks may go: this process talks to its own machine only.
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_SENDER: Final = re.compile(r"[A-Za-z0-9 ]{1,11}|[0-9]{5,6}")
_SERVICE: Final = re.compile(r"MG[0-9a-f]{32}")
_LONGEST_VALIDITY: Final = 36_000
_INVALID: Final = 20001
_UNSUPPORTED: Final = ("ContentSid", "MediaUrl", "ScheduleType", "SendAt")

_MAGIC_TO: Final[Mapping[str, tuple[int, str]]] = {
    "+15005550001": (21211, "Invalid 'To' Phone Number"),
    "+15005550002": (21612, "The message cannot be routed to the 'To' number"),
    "+15005550003": (21408, "Permission to send to this region is not enabled"),
    "+15005550004": (UNSUBSCRIBED, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}
_MAGIC_FROM: Final[Mapping[str, tuple[int, str]]] = {
    "+15005550007": (21606, "The 'From' number is not yours to send from"),
    "+15005550008": (21611, "The 'From' number has too many messages queued"),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that may be sent."""

    to: str
    body: str
    from_: str | None
    service: str | None
    callback: str | None


def draft(
    form: Mapping[str, str], opted_out: Collection[tuple[str, str | None]]
) -> Draft:
    """Return what *form* asks for.

    Args:
        form: The fields of the request.
        opted_out: Pairs of a recipient who said STOP and the number told so.

    Raises:
        ApiError: It may not be sent.
    """
    for name in _UNSUPPORTED:
        if name in form:
            raise ApiError(400, _INVALID, f"The simulator does not know {name}")
    to = _to(form)
    from_, service = _sender(form)
    body = _body(form)
    if to == from_:
        raise ApiError(400, 21266, "'To' and 'From' number cannot be the same")
    if (to, from_) in opted_out:
        raise ApiError(400, *_MAGIC_TO["+15005550004"])
    _check_validity(form)
    return Draft(to, body, from_, service, _callback(form))


def _to(form: Mapping[str, str]) -> str:
    to = form.get("To", "")
    if not to:
        raise ApiError(400, 21604, "A 'To' phone number is required.")
    if not _E164.fullmatch(to):
        raise ApiError(400, 21211, f"Invalid 'To' Phone Number: {to[:20]}")
    if to in _MAGIC_TO:
        raise ApiError(400, *_MAGIC_TO[to])
    return to


def _sender(form: Mapping[str, str]) -> tuple[str | None, str | None]:
    from_ = form.get("From") or None
    service = form.get("MessagingServiceSid") or None
    if from_ is None and service is None:
        raise ApiError(
            400, 21603, "A 'From' or 'MessagingServiceSid' parameter is required."
        )
    if service is not None and not _SERVICE.fullmatch(service):
        raise ApiError(400, 21701, "The Messaging Service does not exist")
    if from_ is not None:
        if not _E164.fullmatch(from_) and not _SENDER.fullmatch(from_):
            raise ApiError(400, 21212, f"Invalid 'From' Phone Number: {from_[:20]}")
        if from_ in _MAGIC_FROM:
            raise ApiError(400, *_MAGIC_FROM[from_])
    return from_, service


def _body(form: Mapping[str, str]) -> str:
    body = form.get("Body", "")
    if not body:
        raise ApiError(400, 21602, "Message body is required.")
    if len(body) > MAX_BODY:
        raise ApiError(
            400, 21617, "The concatenated message body exceeds the 1600 character limit"
        )
    return body


def _check_validity(form: Mapping[str, str]) -> None:
    text = form.get("ValidityPeriod")
    if text is None:
        return
    if not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) or not (
        1 <= int(text) <= _LONGEST_VALIDITY
    ):
        raise ApiError(400, _INVALID, "ValidityPeriod is 1 to 36000 seconds")


def _callback(form: Mapping[str, str]) -> str | None:
    url = form.get("StatusCallback") or None
    if url is not None:
        check_webhook(url)
    return url


def check_webhook(url: str) -> None:
    """Refuse an address that is no web page of this machine.

    Raises:
        ApiError: It is none.
    """
    try:
        parts = urlsplit(url)
        httpx2.URL(url)  # what will ask there has to understand it, too
        known = parts.scheme in {"http", "https"} and parts.hostname in LOOPBACK
        fine = known and (parts.port is None or parts.port > 0)
    except (ValueError, httpx2.InvalidURL):
        fine = False
    if not fine or not url.isascii() or not url.isprintable() or " " in url:
        raise ApiError(
            400,
            21609,
            "Invalid StatusCallback: the simulator reports to 127.0.0.1 only",
        )
