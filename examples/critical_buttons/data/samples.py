"""The 120 bookings of the demo: the same every time, but for the date.

Two tenants, nine rooms in nine time zones. In every room some requests ask
for a slot that a confirmed booking has, and one asks for a slot whose hold has
run out; two slots lie in the hour that a clock shows twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from examples.critical_buttons.domain.bookings import Booking, Status
from examples.critical_buttons.domain.times import local_to_utc, zone

_ACME: Final = (
    ("Aurora room", "Europe/Berlin"),
    ("Harbour room", "America/New_York"),
    ("Banyan room", "Asia/Kolkata"),
    ("Reef room", "Australia/Lord_Howe"),
    ("Fog room", "America/St_Johns"),
    ("Fern room", "Pacific/Auckland"),
)
_GLOBEX: Final = (
    ("Dock 1", "Europe/Lisbon"),
    ("Dock 2", "America/Sao_Paulo"),
    ("Dock 3", "Asia/Kathmandu"),
)
_CUSTOMERS: Final = (
    "Ada Moreau",
    "Björn Åkesson",
    "Chidi Okafor",
    "Dagny O'Neil",
    "Emre Şahin",
    "Farah Aziz",
    "Gwen Price-Jones",
    "Hà Thị Ngọc",
    "Ines de la Cruz",
    "Jarosław Żak",
    "Kaito Mori",
    "Leilani Kahale",
    "Mírjam Ólafsdóttir",
    "Noor van den Berg",
    "Oksana Shevchuk",
    "Prakash Iyer",
    "Quentin Lefèvre",
)
_WORKING_HOURS: Final = (9, 11, 14, 16)
_LENGTH: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One row of a room's list.

    Args:
        status: Its state.
        slot: Number of the slot; equal numbers are the same slot, negative
            ones lie in the past.
        hold: For how long from now the slot is held.
        doubled: Puts it into an hour that the clock shows twice.
    """

    status: Status
    slot: int
    hold: timedelta | None = None
    doubled: bool = False


_ROOM: Final = (
    _Plan(Status.REQUESTED, 0),
    _Plan(Status.HELD, 1, hold=timedelta(hours=2)),
    _Plan(Status.CONFIRMED, 2),
    _Plan(Status.REQUESTED, 3, doubled=True),
    _Plan(Status.HELD, 4, hold=timedelta(days=1)),
    _Plan(Status.REQUESTED, 2),  # confirmed for somebody else
    _Plan(Status.HELD, 5, hold=timedelta(days=14)),
    _Plan(Status.CANCELLED, 6),
    _Plan(Status.COMPLETED, -4),
    _Plan(Status.HELD, 7, hold=-10 * _MINUTE),  # ran out
    _Plan(Status.REQUESTED, 7),  # and somebody waits for it
    _Plan(Status.CONFIRMED, 8),
    _Plan(Status.CHECKED_IN, -1),
    _Plan(Status.NO_SHOW, -5),
    _Plan(Status.EXPIRED, 9),
)


def sample_bookings(now: datetime) -> list[Booking]:
    """Return 90 bookings of ``acme`` and 30 of ``globex``, laid out around *now*."""
    acme = _tenant("acme", "b", _ACME, len(_ROOM), now)
    globex = _tenant("globex", "g", _GLOBEX, 10, now)
    return [*acme, *globex]


def _tenant(
    tenant: str,
    prefix: str,
    rooms: tuple[tuple[str, str], ...],
    rows: int,
    now: datetime,
) -> Iterator[Booking]:
    plans = [(room, plan) for room in rooms for plan in _ROOM[:rows]]
    for number, ((resource, zone_name), plan) in enumerate(plans, start=1):
        start = _start(plan, zone(zone_name), now)
        yield Booking(
            tenant=tenant,
            id=f"{prefix}-{number:03}",
            resource=resource,
            customer=_CUSTOMERS[number * 7 % len(_CUSTOMERS)],
            starts_at=start,
            ends_at=start + _LENGTH,
            time_zone=zone_name,
            status=plan.status,
            expires_at=None if plan.hold is None else now + plan.hold,
            version=1,
            updated_at=now,
            updated_by="samples",
        )


def _start(plan: _Plan, where: ZoneInfo, now: datetime) -> datetime:
    if plan.doubled:
        turned_back = _clocks_turned_back(where, now)
        if turned_back is not None:
            return turned_back
    # Two days away at least: the hour that begins a day differs by zone.
    days, hour = divmod(plan.slot, len(_WORKING_HOURS))
    day = now.astimezone(where).date() + timedelta(days=days + (2 if days >= 0 else 0))
    return local_to_utc(datetime.combine(day, time(_WORKING_HOURS[hour])), where)


def _clocks_turned_back(where: ZoneInfo, now: datetime) -> datetime | None:
    """Return the next instant from which the clock shows a time again."""
    hour = timedelta(hours=1)
    moment = now.replace(minute=0, second=0, microsecond=0) + 48 * hour
    for _ in range(366):
        if _offset(moment, where) > _offset(moment + 24 * hour, where):
            while _offset(moment, where) == _offset(moment + hour / 2, where):
                moment += hour / 2
            return moment + hour / 2
        moment += 24 * hour
    return None


def _offset(moment: datetime, where: ZoneInfo) -> timedelta:
    return moment.astimezone(where).utcoffset() or timedelta()
