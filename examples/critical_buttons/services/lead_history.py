"""What was done to a lead, and all leads as a table."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

from examples.critical_buttons.data.csv_out import csv_lines
from examples.critical_buttons.domain.sms_refusals import lead_not_found
from examples.critical_buttons.domain.times import iso_utc
from examples.critical_buttons.repo import audit, leads
from examples.critical_buttons.repo.audit import AuditEntry
from examples.critical_buttons.repo.leads import LeadEntry
from examples.critical_buttons.services.lead_views import lead_view
from syncpatterns.engines.sqlite import Snapshot, SqliteEngine

COLUMNS: Final = (
    "id",
    "name",
    "phone",
    "status",
    "opted_out",
    "under_review",
    "version",
    "updated_at",
    "last_sms_status",
    "last_sms_at",
)
#: Leads of a table that are read at once; what it holds in memory.
PAGE: Final = 500


class LeadHistory:
    """Reads for one engine; every method answers for one tenant.

    Args:
        engine: The app's database.
        page: How many leads of a table are read at once.
    """

    def __init__(self, engine: SqliteEngine, *, page: int = PAGE) -> None:
        self._engine = engine
        self._size = page

    async def audit(
        self, tenant: str, lead_id: str, *, limit: int
    ) -> list[dict[str, Any]]:
        """Return the newest *limit* audit lines of one lead, newest first.

        Raises:
            LeadNotFound: Not there, or another tenant's.
        """

        def read(snapshot: Snapshot) -> list[AuditEntry] | None:
            connection = snapshot.sqlalchemy()
            if leads.find(connection, tenant, lead_id) is None:
                return None
            return audit.of_lead(connection, tenant, lead_id, limit=limit)

        found = await self._engine.aview(read)
        if found is None:
            raise lead_not_found()
        return [_line(entry) for entry in found]

    async def table(self, tenant: str) -> AsyncGenerator[bytes]:
        """Return the tenant's leads as CSV, page by page, by id.

        The first page is read before anything is sent, so that a database that
        cannot be read is a 503 and not half a table. Each page is a snapshot of
        its own: every lead that was there all the time is in it once.
        """
        first = await self._page(tenant, "")

        async def pages() -> AsyncGenerator[bytes]:
            yield csv_lines([COLUMNS])
            page = first
            while page:
                yield csv_lines(map(_row, page))
                page = await self._page(tenant, page[-1].lead.id)

        return pages()

    async def _page(self, tenant: str, after: str) -> list[LeadEntry]:
        return await self._engine.aview(
            lambda snapshot: leads.list_leads(
                snapshot.sqlalchemy(), tenant, limit=self._size, after=after
            )
        )


def _row(entry: LeadEntry) -> list[object]:
    view = lead_view(entry)
    last = view["last_sms"]
    return [
        view["id"],
        view["name"],
        view["phone"],
        view["status"],
        "yes" if view["opted_out"] else "no",
        "yes" if view["under_review"] else "no",
        view["version"],
        view["updated_at"],
        None if last is None else last["status"],
        None if last is None else last["at"],
    ]


def _line(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": iso_utc(entry.at),
        "actor": entry.actor_id,
        "source": entry.source,
        "action": entry.action,
        "from": entry.from_state,
        "to": entry.to_state,
        "reason": entry.reason,
        "version_from": entry.version_from,
        "version_to": entry.version_to,
        "key_hash": entry.key_hash,
        "bulk_id": entry.bulk_id,
        "client_at": None if entry.client_at is None else iso_utc(entry.client_at),
    }
