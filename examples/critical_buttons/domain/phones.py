"""Phone numbers: E.164 inside, masked outside.

`phonenumbers` decides what a number is. Two of the ranges that regulators set
aside for films and books are no assigned numbers to it, although telephones
there have the right length; `FICTION` adds them, so that a demo can ring
nobody. Numbers of the other ranges (US 555-0100 to 0199, Australia 0491 570,
Germany 0171 39200, Sweden 070-174 06) are ordinary ones to it.
"""

from __future__ import annotations

import re
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat
from phonenumbers.timezone import time_zones_for_number

#: Ofcom's 07700 900xxx and ARCEP's 06 39 98 xx xx, as E.164.
FICTION: Final = re.compile(r"\+447700900\d{3}|\+3363998\d{4}")

MASK: Final = "•"
_LEADING: Final = 3
_TRAILING: Final = 4
_HIDDEN: Final = 3
_LONGEST: Final = 40
#: What a number is written with; `phonenumbers` alone would also find one in a
#: sentence or a spreadsheet formula.
_WRITTEN: Final = re.compile(r"\+?[0-9(][0-9 ()./\u00a0-]*")
_UNKNOWN_ZONE: Final = "Etc/Unknown"


class BadPhone(ValueError):
    """Not a number that a message can be sent to; the text never repeats it."""


def parse_phone(text: str, region: str) -> str:
    """Return *text* as E.164, e.g. ``+12025550147``.

    Args:
        text: International with ``+``, or as people in *region* write it.
        region: Two letters (ISO 3166) for numbers without ``+``.

    Raises:
        BadPhone: No number, or none that is assigned or set aside for fiction.
    """
    if len(text) > _LONGEST:
        raise BadPhone("is too long for a phone number")
    if not _WRITTEN.fullmatch(text):
        raise BadPhone("is not a phone number")
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise BadPhone("is not a phone number") from error
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if not phonenumbers.is_valid_number(number) and not FICTION.fullmatch(e164):
        raise BadPhone("is not a number that exists in its country")
    return e164


def known_region(region: str) -> bool:
    """Tell whether *region* is a country whose numbers can be read."""
    return region in phonenumbers.SUPPORTED_REGIONS


def masked(e164: str) -> str:
    """Return *e164* as its country writes it, digits in the middle hidden.

    ``+12025550147`` becomes ``(202) •••-0147``. At most the first three and the
    last four digits show, and at least three are hidden.
    """
    shown = _national(e164)
    total = sum(c.isdigit() for c in shown)
    trailing = max(0, min(_TRAILING, total - _HIDDEN))
    leading = max(0, min(_LEADING, total - _HIDDEN - trailing))
    masked_text: list[str] = []
    position = 0
    for character in shown:
        if character.isdigit():
            hidden = leading <= position < total - trailing
            position += 1
            masked_text.append(MASK if hidden else character)
        else:
            masked_text.append(character)
    return "".join(masked_text)


def zones_of(e164: str) -> tuple[str, ...]:
    """Return the time zones in which the number's owner may be; none if unknown."""
    number = _parsed(e164)
    if number is None:
        return ()
    return tuple(
        name for name in time_zones_for_number(number) if name != _UNKNOWN_ZONE
    )


def _national(e164: str) -> str:
    number = _parsed(e164)
    if number is None:
        return e164
    return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)


def _parsed(e164: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(e164)
    except NumberParseException:
        return None
