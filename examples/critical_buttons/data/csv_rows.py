"""One row of a bookings file, checked in full: every reason, not just the first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from examples.critical_buttons.data.csv_cells import Cells, shown
from examples.critical_buttons.domain.bookings import Booking, Status
from examples.critical_buttons.domain.times import BadLocalTime, local_to_utc
from examples.critical_buttons.tenants import DEFAULT_TENANT, TENANTS

#: Column name, whether it must be there, and what it holds.
COLUMNS: Final[Mapping[str, tuple[bool, str]]] = {
    "id": (True, "1 to 64 characters, unique within the tenant"),
    "resource": (True, "room or person, 1 to 100 characters"),
    "starts_at": (True, "2026-03-29T14:00, local in time_zone; or with Z or +02:00"),
    "ends_at": (True, "as starts_at, and later"),
    "customer": (False, "up to 200 characters"),
    "time_zone": (False, "IANA name such as Europe/Berlin; UTC if empty"),
    "status": (False, f"{', '.join(Status)}; requested if empty"),
    "expires_at": (False, "end of the hold; needed where status is held"),
    "tenant": (False, f"{' or '.join(TENANTS)}; {DEFAULT_TENANT} if empty"),
}

_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?"
)
_YEARS: Final = range(1970, 2200)


class RowChecker(Cells):
    """Reads the cells of one row and gathers what is wrong with them."""

    def booking(self) -> Booking | None:
        """Return the booking, or None with `reasons` filled."""
        identity = self._identity()
        resource = self._text("resource", 1, 100)
        customer = self._text("customer", 0, 200)
        tenant = self._one_of("tenant", TENANTS, DEFAULT_TENANT)
        status = Status(self._one_of("status", tuple(Status), Status.REQUESTED))
        where = self._zone("UTC")
        start = self._instant("starts_at", where)
        end = self._instant("ends_at", where)
        expires = self._instant("expires_at", where, needed=status is Status.HELD)
        if start and end and end <= start:
            self.reasons.append("ends_at is not after starts_at")
        if self.reasons or start is None or end is None or where is None:
            return None
        return Booking(
            tenant=tenant,
            id=identity,
            resource=resource,
            customer=customer,
            starts_at=start,
            ends_at=end,
            time_zone=where.key,
            status=status,
            expires_at=expires if status is Status.HELD else None,
            version=1,
            updated_at=self._now,
            updated_by="csv",
        )

    def _instant(
        self, name: str, where: ZoneInfo | None, *, needed: bool = True
    ) -> datetime | None:
        value = self._cell(name)
        if not value:
            if needed:
                self.reasons.append(f"{name} is empty")
            return None
        if not _TIME.fullmatch(value):
            self.reasons.append(
                f"{name} is not a time such as 2026-03-29T14:00: {shown(value)}"
            )
            return None
        # With the zone unknown, UTC still shows what else is wrong.
        return self._try(
            lambda: _read(value, where or ZoneInfo("UTC")),
            lambda error: f"{name} {shown(value)} {error}",
        )


def check(cells: Mapping[str, str], now: datetime) -> tuple[Booking | None, list[str]]:
    """Return the booking in a row, or None and what is wrong with it."""
    checker = RowChecker(cells, now)
    return checker.booking(), checker.reasons


def _read(value: str, where: ZoneInfo) -> datetime:
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError("is not a date and time that exist") from error
    if parsed.year not in _YEARS:
        raise ValueError(f"is not between {_YEARS.start} and {_YEARS.stop - 1}")
    if parsed.tzinfo is not None:
        return parsed.astimezone(UTC)
    try:
        return local_to_utc(parsed, where)
    except BadLocalTime as error:
        raise ValueError(str(error)) from error
