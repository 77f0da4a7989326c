"""The statements about leads, each read together with the consent of its number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.leads import Lead, LeadStatus
from examples.critical_buttons.domain.messages import Direction, SmsStatus
from examples.critical_buttons.schema.sms import leads, opt_outs, sms_messages

_newest: Final = (
    select(func.max(sms_messages.c.number))
    .where(
        sms_messages.c.tenant == leads.c.tenant,
        sms_messages.c.lead_id == leads.c.id,
        sms_messages.c.direction == Direction.OUTBOUND.value,
    )
    .correlate(leads)
    .scalar_subquery()
)
_listed: Final = (
    select(
        leads,
        opt_outs.c.state.label("consent"),
        sms_messages.c.status.label("sms_status"),
        sms_messages.c.updated_at.label("sms_at"),
    )
    .outerjoin(opt_outs, opt_outs.c.phone == leads.c.phone)
    .outerjoin(sms_messages, sms_messages.c.number == _newest)
)
_list: Final = (
    _listed.where(
        leads.c.tenant == bindparam("tenant"), leads.c.id > bindparam("after")
    )
    .order_by(leads.c.id)
    .limit(bindparam("limit"))
)
_find: Final = _listed.where(
    leads.c.tenant == bindparam("tenant"), leads.c.id == bindparam("id")
)
_find_many: Final = _listed.where(
    leads.c.tenant == bindparam("tenant"),
    leads.c.id.in_(bindparam("ids", expanding=True)),
).order_by(leads.c.id)
_with_phone: Final = _listed.where(leads.c.phone == bindparam("phone")).order_by(
    leads.c.tenant, leads.c.id
)
_touch: Final = (
    update(leads)
    .where(
        leads.c.tenant == bindparam("of_tenant"),
        leads.c.id == bindparam("of_id"),
        leads.c.version == bindparam("of_version"),
    )
    .values(
        version=bindparam("version"),
        updated_at=bindparam("updated_at"),
        updated_by=bindparam("updated_by"),
    )
)
_save: Final = _touch.values(status=bindparam("status"))
_insert: Final = insert(leads)
_ids: Final = select(leads.c.tenant, leads.c.id)
_count: Final = select(func.count()).select_from(leads)


@dataclass(frozen=True, slots=True)
class LeadEntry:
    """A lead with what became of the last message to it.

    Args:
        lead: The lead.
        sms_status: How far that message has come; None if there is none.
        sms_at: When it got there.
        consent_recorded: Whether somebody ever said anything about messages to its
            number; a number without a word is open, which is no consent.
    """

    lead: Lead
    sms_status: SmsStatus | None = None
    sms_at: datetime | None = None
    consent_recorded: bool = False

    @property
    def consented(self) -> bool:
        """Whether its number is open because the person said so, by START."""
        return self.consent_recorded and self.lead.consent is Consent.OPEN


def find(connection: Connection, tenant: str, lead_id: str) -> LeadEntry | None:
    """Return the tenant's lead, or None."""
    row = connection.execute(_find, {"tenant": tenant, "id": lead_id}).one_or_none()
    return _entry(row) if row else None


def find_many(
    connection: Connection, tenant: str, lead_ids: Iterable[str]
) -> dict[str, LeadEntry]:
    """Return those of the tenant's leads *lead_ids* that there are, by id."""
    values = {"tenant": tenant, "ids": list(lead_ids)}
    found = (_entry(row) for row in connection.execute(_find_many, values))
    return {entry.lead.id: entry for entry in found}


def list_leads(
    connection: Connection, tenant: str, *, limit: int, after: str = ""
) -> list[LeadEntry]:
    """Return up to *limit* of the tenant's leads by id, behind the id *after*."""
    values = {"tenant": tenant, "limit": limit, "after": after}
    return [_entry(row) for row in connection.execute(_list, values)]


def with_phone(connection: Connection, phone: str) -> list[LeadEntry]:
    """Return the leads of every tenant that have this number."""
    return [_entry(row) for row in connection.execute(_with_phone, {"phone": phone})]


def save(connection: Connection, before: Lead, after: Lead) -> bool:
    """Write *after* if *before* is still the current version; tell whether it was.

    Raises:
        sqlalchemy.exc.IntegrityError: The database does not take the row.
    """
    result = connection.execute(
        _save,
        {
            "of_tenant": before.tenant,
            "of_id": before.id,
            "of_version": before.version,
            "status": after.status.value,
            "version": after.version,
            "updated_at": after.updated_at,
            "updated_by": after.updated_by,
        },
    )
    return result.rowcount == 1


def touch(connection: Connection, entry: LeadEntry, now: datetime, by: str) -> None:
    """Count *entry* one version on, inside the transaction that read it."""
    before = entry.lead
    connection.execute(
        _touch,
        {
            "of_tenant": before.tenant,
            "of_id": before.id,
            "of_version": before.version,
            "version": before.version + 1,
            "updated_at": now,
            "updated_by": by,
        },
    )


def changed(entry: LeadEntry, consent: Consent, now: datetime, by: str) -> LeadEntry:
    """Return *entry* as `touch` leaves it, with its new consent."""
    lead = entry.lead
    return replace(
        entry,
        lead=replace(
            lead,
            consent=consent,
            version=lead.version + 1,
            updated_at=now,
            updated_by=by,
        ),
    )


def count(connection: Connection) -> int:
    """Return the number of leads of all tenants."""
    return int(connection.execute(_count).scalar_one())


def identities(connection: Connection) -> set[tuple[str, str]]:
    """Return tenant and id of every lead; for imports only."""
    return {(row.tenant, row.id) for row in connection.execute(_ids)}


def add(connection: Connection, new: Iterable[Lead]) -> None:
    """Insert *new* leads; the consent of their numbers is a row of its own."""
    rows = [_row(lead) for lead in new]
    if rows:
        connection.execute(_insert, rows)


def _entry(row: Any) -> LeadEntry:
    values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    status, at = values.pop("sms_status"), values.pop("sms_at")
    values["status"] = LeadStatus(values["status"])
    state = values["consent"]
    values["consent"] = Consent(state or Consent.OPEN)
    return LeadEntry(
        Lead(**values),
        SmsStatus(status) if status else None,
        at,
        consent_recorded=state is not None,
    )


def _row(lead: Lead) -> dict[str, Any]:
    values: dict[str, Any] = {
        column.name: getattr(lead, column.name) for column in leads.columns
    }
    values["status"] = lead.status.value
    return values
