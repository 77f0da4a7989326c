"""Versions as HTTP says them: ETag and If-Match (RFC 9110)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from examples.critical_buttons.domain.bookings import Booking
from examples.critical_buttons.domain.leads import Lead

_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST: Final = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")

#: ``If-Match: *`` holds for whatever is there.
ANY: Final = "*"


def etag(booking: Booking) -> str:
    """Return the strong entity tag of *booking*, e.g. ``"booking-b-001.3"``."""
    return _tag("booking", booking.id, booking.version)


def lead_etag(lead: Lead) -> str:
    """Return the strong entity tag of *lead*, e.g. ``"lead-l-017.5"``."""
    return lead_tag(lead.id, lead.version)


def lead_tag(lead_id: str, version: int) -> str:
    """Return the entity tag of a lead's *version*, also of one it no longer has."""
    return _tag("lead", lead_id, version)


def _tag(kind: str, identity: str, version: int) -> str:
    # An id may hold a quote or a letter that no header can carry.
    return f'"{kind}-{quote(identity, safe="")}.{version}"'


def parse_if_match(value: str) -> tuple[str, ...]:
    """Return the entity tags of an If-Match header.

    Raises:
        ValueError: It is neither ``*`` nor a list of quoted tags.
    """
    text = value.strip(" \t")
    if text == ANY:
        return (ANY,)
    if not _LIST.fullmatch(text):
        raise ValueError('If-Match must be * or quoted tags, e.g. "booking-b-001.3"')
    return tuple(re.findall(_TAG, text))


def matches(booking: Booking, tags: tuple[str, ...]) -> bool:
    """Tell whether one of *tags* names this version; a weak tag never does."""
    return ANY in tags or etag(booking) in tags
