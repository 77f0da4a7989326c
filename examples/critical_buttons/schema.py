"""The tables of the app, and how they come to be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    text,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from examples.critical_buttons.domain.bookings import OCCUPYING, Status

metadata: Final = MetaData()


class Instant(TypeDecorator[datetime]):
    """An aware instant as UTC text of fixed width, so that text order is time order."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        """Write ``2026-03-29T01:00:00.000000Z``."""
        if value is None:
            return None
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """Read it back."""
        return None if value is None else datetime.fromisoformat(value)


def _one_of(states: tuple[Status, ...] | type[Status]) -> str:
    return ", ".join(f"'{state.value}'" for state in states)


bookings: Final = Table(
    "bookings",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("resource", String(100), nullable=False),
    Column("customer", String(200), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("expires_at", Instant),
    Column("version", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("updated_by", String(64), nullable=False),
    CheckConstraint(f"status IN ({_one_of(Status)})", name="known_status"),
    CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    CheckConstraint("version >= 1", name="versions_from_one"),
    CheckConstraint("status <> 'held' OR expires_at IS NOT NULL", name="holds_expire"),
)

#: No slot is given twice: the database itself refuses the second booking.
one_per_slot: Final = Index(
    "one_booking_per_slot",
    bookings.c.tenant,
    bookings.c.resource,
    bookings.c.starts_at,
    unique=True,
    sqlite_where=text(f"status IN ({_one_of(OCCUPYING)})"),
    postgresql_where=text(f"status IN ({_one_of(OCCUPYING)})"),
)

#: Serves the list of a tenant, in the order of the page.
by_start: Final = Index(
    "bookings_by_start", bookings.c.tenant, bookings.c.starts_at, bookings.c.id
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor_type", String(16), nullable=False),
    Column("actor_id", String(64), nullable=False),
    Column("source", String(16), nullable=False),
    Column("entity_type", String(16), nullable=False),
    Column("entity_id", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16)),
    Column("reason", String(200)),
    Column("version_from", Integer),
    Column("version_to", Integer),
    Column("request_id", String(64)),
    Column("key_hash", String(8)),
    sqlite_autoincrement=True,
)

audit_by_entity: Final = Index(
    "audit_by_entity", audit.c.tenant, audit.c.entity_id, audit.c.id
)

#: What was written to the log stays as it was written.
_APPEND_ONLY: Final = tuple(
    f"CREATE TRIGGER IF NOT EXISTS audit_no_{verb.lower()} BEFORE {verb} ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)

#: Stored in the file as user_version; grows when the tables change.
VERSION: Final = 1


def create(connection: Connection) -> None:
    """Create what is missing, inside the caller's write transaction.

    Two processes that start on one new file take the database's write lock in
    turn; the second finds everything there.
    """
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
    for index in (one_per_slot, by_start, audit_by_entity):
        connection.execute(CreateIndex(index, if_not_exists=True))
    for trigger in _APPEND_ONLY:
        connection.exec_driver_sql(trigger)
    if connection.exec_driver_sql("PRAGMA user_version").scalar_one() != VERSION:
        connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
