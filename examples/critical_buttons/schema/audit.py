"""The audit log, which nothing can rewrite."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, String, Table

from examples.critical_buttons.schema.types import Instant, metadata

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
    Column("bulk_id", String(64)),
    Column("client_at", Instant),
    sqlite_autoincrement=True,
)

audit_by_entity: Final = Index(
    "audit_by_entity", audit.c.tenant, audit.c.entity_id, audit.c.id
)

#: Which changes came as one batch, for who looks into one later.
audit_by_bulk: Final = Index(
    "audit_by_bulk",
    audit.c.bulk_id,
    sqlite_where=audit.c.bulk_id.is_not(None),
    postgresql_where=audit.c.bulk_id.is_not(None),
)

#: What was written to the log stays as it was written.
APPEND_ONLY: Final = tuple(
    f"CREATE TRIGGER IF NOT EXISTS audit_no_{verb.lower()} BEFORE {verb} ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)
