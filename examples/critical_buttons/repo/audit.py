"""The statements about the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, insert, select

from examples.critical_buttons.schema.audit import audit

_write: Final = insert(audit)
_read: Final = (
    select(audit)
    .where(audit.c.tenant == bindparam("tenant"))
    .order_by(audit.c.id.desc())
    .limit(bindparam("limit"))
)
_read_of: Final = _read.where(audit.c.entity_id == bindparam("entity_id"))
# The same id may be that of a booking.
_read_of_lead: Final = _read_of.where(audit.c.entity_type == "lead")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log: who changed what, when and by which request.

    `at` is when it was applied; `client_at` when the button was pressed, where
    the request had to wait for a network. Lines of one batch share `bulk_id`.
    """

    tenant: str
    at: datetime
    actor_type: str
    actor_id: str
    source: str
    entity_type: str
    entity_id: str
    action: str
    from_state: str | None
    to_state: str | None
    reason: str | None
    version_from: int | None
    version_to: int | None
    request_id: str | None
    key_hash: str | None
    bulk_id: str | None = None
    client_at: datetime | None = None
    id: int | None = None


def write(connection: Connection, entry: AuditEntry) -> None:
    """Append *entry* to the log."""
    values = {name: getattr(entry, name) for name in AuditEntry.__slots__}
    del values["id"]
    connection.execute(_write, values)


def read(
    connection: Connection, tenant: str, *, limit: int, entity_id: str | None = None
) -> list[AuditEntry]:
    """Return the tenant's newest entries first, of one entity if asked."""
    parameters: dict[str, Any] = {"tenant": tenant, "limit": limit}
    statement = _read
    if entity_id is not None:
        statement = _read_of
        parameters["entity_id"] = entity_id
    return _entries(connection, statement, parameters)


def of_lead(
    connection: Connection, tenant: str, lead_id: str, *, limit: int
) -> list[AuditEntry]:
    """Return what was done to one lead, newest first."""
    parameters = {"tenant": tenant, "entity_id": lead_id, "limit": limit}
    return _entries(connection, _read_of_lead, parameters)


def _entries(
    connection: Connection, statement: Select[Any], parameters: dict[str, Any]
) -> list[AuditEntry]:
    return [
        AuditEntry(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
        for row in connection.execute(statement, parameters)
    ]
