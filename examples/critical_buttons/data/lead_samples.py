"""The 500 leads of the demo: the same every time, and nobody's numbers.

Every number is from a range that its country keeps free for films and books,
so that a demo with a real provider behind it still rings nobody: 555-0100 to
555-0199 behind real area codes (USA, Canada), 07700 900xxx (Ofcom), 0171 39200
xx (Bundesnetzagentur), 06 39 98 xx xx (Arcep), 070-174 06 05 to 99 (PTS) and
the single numbers that ACMA lists for Australia.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.leads import Lead, LeadStatus


@dataclass(frozen=True, slots=True)
class _Range:
    """Numbers of one place.

    Args:
        zone: Where they are.
        numbers: The numbers, E.164.
    """

    zone: str
    numbers: tuple[str, ...]


def _run(prefix: str, digits: int, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{n:0{digits}}" for n in range(first, last + 1))


_RANGES: Final = (
    *(
        _Range(zone, _run(f"+1{area}55501", 2, 0, 99))
        for area, zone in (
            ("202", "America/New_York"),
            ("312", "America/Chicago"),
            ("303", "America/Denver"),
            ("415", "America/Los_Angeles"),
            ("808", "Pacific/Honolulu"),
            ("416", "America/Toronto"),
            ("604", "America/Vancouver"),
        )
    ),
    _Range("Europe/London", _run("+447700900", 3, 100, 999)),
    _Range("Europe/Berlin", _run("+4917139200", 2, 0, 99)),
    _Range("Europe/Paris", _run("+3363998", 4, 100, 999)),
    _Range("Europe/Stockholm", _run("+4670174", 4, 605, 699)),
    _Range(
        "Australia/Sydney",
        tuple(
            f"+61491570{end}"
            for end in ("006", "156", "157", "158", "159", "110", "313", "737")
        ),
    ),
)
_FIRST: Final = (
    *("Ada", "Björn", "Chidi", "Dagny", "Emre", "Farah", "Gwen", "Hà", "Ines"),
    *("Jarosław", "Kaito", "Leilani", "Mírjam", "Noor", "Oksana", "Prakash", "Yara"),
)
_LAST: Final = (
    *("Moreau", "Åkesson", "Okafor", "O'Neil", "Şahin", "Aziz", "Price-Jones"),
    *("Ngọc", "de la Cruz", "Żak", "Mori", "Kahale", "Shevchuk"),
)
_STATUSES: Final = (
    *(LeadStatus.NEW,) * 6,
    *(LeadStatus.ATTEMPTED,) * 4,
    *(LeadStatus.CONNECTED,) * 4,
    *(LeadStatus.QUALIFIED,) * 3,
    *(LeadStatus.BOOKED,) * 3,
    LeadStatus.WON,
    *(LeadStatus.NURTURE,) * 2,
    LeadStatus.UNQUALIFIED,
    LeadStatus.LOST,
    LeadStatus.DO_NOT_CONTACT,
)
#: One lead in so many has said STOP before the demo began.
_OPTED_OUT_EVERY: Final = 40
#: One lead in so many has no zone of its own: its number tells where it is day.
_NO_ZONE_EVERY: Final = 7
_TENANTS: Final = (("acme", "l", 400), ("globex", "gl", 100))


def sample_leads(now: datetime) -> list[Lead]:
    """Return 400 leads of ``acme`` and 100 of ``globex``, each with its own number."""
    numbers = _numbers()
    return [
        _lead(tenant, f"{prefix}-{number:03}", number, place, now)
        for tenant, prefix, count in _TENANTS
        for number, place in enumerate(islice(numbers, count), start=1)
    ]


def _numbers() -> Iterator[tuple[str, str]]:
    """Yield numbers with their zone, from one range after the other."""
    for index in range(max(len(each.numbers) for each in _RANGES)):
        for each in _RANGES:
            if index < len(each.numbers):
                yield each.numbers[index], each.zone


def _lead(
    tenant: str, lead_id: str, number: int, place: tuple[str, str], now: datetime
) -> Lead:
    phone, zone = place
    asked_out = number % _OPTED_OUT_EVERY == 0
    return Lead(
        tenant=tenant,
        id=lead_id,
        name=f"{_FIRST[number % len(_FIRST)]} {_LAST[number * 5 % len(_LAST)]}",
        phone=phone,
        time_zone=None if number % _NO_ZONE_EVERY == 0 else zone,
        status=_STATUSES[number * 11 % len(_STATUSES)],
        version=1,
        updated_at=now,
        updated_by="samples",
        consent=Consent.OPTED_OUT if asked_out else Consent.OPEN,
    )
