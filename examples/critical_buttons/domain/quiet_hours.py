"""Nobody is woken by a text: messages go out from 8:00 to 21:00 of the recipient.

Not legal advice: countries differ, and the demo has them switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

OPENS: Final = time(8)
CLOSES: Final = time(21)
_DAYS: Final = range(-1, 4)


def next_allowed(now: datetime, zones: Sequence[ZoneInfo]) -> datetime | None:
    """Return when a message may go out; None if it may at *now*.

    Args:
        now: The instant of sending.
        zones: Where the recipient may be. A number tells the country and
            sometimes no more: then it must be day in all of its zones. Empty
            counts as UTC.

    Zones so far apart that it is never day in all of them count by the first.
    """
    places = tuple(zones) or (ZoneInfo("UTC"),)
    if all(_day(now, place) for place in places):
        return None
    openings = sorted(
        opening
        for place in places
        for opening in _openings(now, place)
        if opening > now
    )
    for opening in openings:
        if all(_day(opening, place) for place in places):
            return opening
    return next_allowed(now, places[:1])


def _day(instant: datetime, place: ZoneInfo) -> bool:
    return OPENS <= instant.astimezone(place).time() < CLOSES


def _openings(now: datetime, place: ZoneInfo) -> list[datetime]:
    today = now.astimezone(place).date()
    return [
        datetime.combine(today + timedelta(days=day), OPENS, place).astimezone(UTC)
        for day in _DAYS
    ]
