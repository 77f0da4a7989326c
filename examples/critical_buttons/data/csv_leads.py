"""One row of a leads file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

from examples.critical_buttons.data.csv_cells import Cells
from examples.critical_buttons.data.csv_file import Layout
from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.leads import Lead, LeadStatus
from examples.critical_buttons.domain.phones import BadPhone, parse_phone
from examples.critical_buttons.tenants import DEFAULT_TENANT, TENANTS

_YES: Final = frozenset({"yes", "true", "1"})
_NO: Final = frozenset({"", "no", "false", "0"})

#: Column name, whether it must be there, and what it holds.
COLUMNS: Final[Mapping[str, tuple[bool, str]]] = {
    "id": (True, "1 to 64 characters, unique within the tenant"),
    "phone": (True, "+12025550147, or as written in the country of --region"),
    "name": (False, "up to 200 characters"),
    "time_zone": (False, "IANA name; if empty, where the number is from"),
    "status": (False, f"{', '.join(LeadStatus)}; new if empty"),
    "opted_out": (False, "yes or no; no if empty"),
    "tenant": (False, f"{' or '.join(TENANTS)}; {DEFAULT_TENANT} if empty"),
}


def leads_layout(region: str) -> Layout[Lead]:
    """Return what a leads file is, with numbers as people in *region* write them."""
    return Layout("leads", COLUMNS, partial(_check, region=region))


def _check(
    cells: Mapping[str, str], now: datetime, *, region: str
) -> tuple[Lead | None, list[str]]:
    row = _Row(cells, now)
    return row.lead(region), row.reasons


class _Row(Cells):
    """Reads the cells of one lead."""

    def lead(self, region: str) -> Lead | None:
        """Return the lead, or None with `reasons` filled."""
        identity = self._identity()
        name = self._text("name", 0, 200)
        tenant = self._one_of("tenant", TENANTS, DEFAULT_TENANT)
        status = self._one_of("status", tuple(LeadStatus), LeadStatus.NEW)
        phone = self._phone(region)
        consent = self._consent()
        where = self._zone("UTC")
        if self.reasons:
            return None
        return Lead(
            tenant=tenant,
            id=identity,
            name=name,
            phone=phone,
            time_zone=where.key if where and self._cell("time_zone") else None,
            status=LeadStatus(status),
            version=1,
            updated_at=self._now,
            updated_by="csv",
            consent=consent,
        )

    def _phone(self, region: str) -> str:
        value = self._cell("phone")
        if not value:
            self.reasons.append("phone is empty")
            return ""
        try:
            return parse_phone(value, region)
        except BadPhone as error:
            # The number itself is not repeated: what is said here may be logged.
            self.reasons.append(f"phone {error}")
            return ""

    def _consent(self) -> Consent:
        value = self._cell("opted_out").lower()
        if value not in _YES | _NO:
            self.reasons.append("opted_out must be yes or no")
        return Consent.OPTED_OUT if value in _YES else Consent.OPEN
