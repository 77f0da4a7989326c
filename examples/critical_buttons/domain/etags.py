"""Versions as HTTP says them: ETag and If-Match (RFC 9110)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from examples.critical_buttons.domain.bookings import Booking

_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST: Final = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")

#: ``If-Match: *`` holds for whatever is there.
ANY: Final = "*"


def etag(booking: Booking) -> str:
    """Return the strong entity tag of *booking*, e.g. ``"booking-b-001.3"``."""
    # An id may hold a quote or a letter that no header can carry.
    return f'"booking-{quote(booking.id, safe="")}.{booking.version}"'


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
