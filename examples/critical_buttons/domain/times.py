"""Instants as text, and wall clocks as instants."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class BadLocalTime(ValueError):
    """A wall clock in this zone never, or twice, shows this time."""


def iso_utc(instant: datetime) -> str:
    """Return *instant* as ``2026-03-29T01:00:00Z``, with a fraction if it has one."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def zone(name: str) -> ZoneInfo:
    """Return the IANA time zone *name*.

    Raises:
        ValueError: There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        # A folder of the database (America) or a path is an OSError or ValueError.
        raise ValueError(f"unknown time zone {name!r}") from error


def local_to_utc(wall: datetime, where: ZoneInfo) -> datetime:
    """Return the one instant at which clocks in *where* show *wall*.

    Raises:
        BadLocalTime: Clocks were put forward over it, or back so that it
            happens twice: 02:30 on the last Sunday of October in Berlin could
            be either of two instants, an hour apart. *wall* with an offset
            would say which.
    """
    first, second = (
        wall.replace(tzinfo=where, fold=0),
        wall.replace(tzinfo=where, fold=1),
    )
    utc = first.astimezone(UTC)
    if utc.astimezone(where).replace(tzinfo=None, fold=0) != wall.replace(fold=0):
        raise BadLocalTime(f"does not exist in {where.key}: clocks skip it")
    if first.utcoffset() != second.utcoffset():
        raise BadLocalTime(f"happens twice in {where.key}: add its UTC offset")
    return utc


def local_text(instant: datetime, zone_name: str) -> str:
    """Return *instant* as clocks in the zone show it, with the offset."""
    return instant.astimezone(zone(zone_name)).isoformat()
