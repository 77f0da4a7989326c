"""The tables of the app, and how they come to be."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection
from sqlalchemy.schema import CreateIndex, CreateTable

from examples.critical_buttons.schema.audit import (
    APPEND_ONLY,
    audit_by_bulk,
    audit_by_entity,
)
from examples.critical_buttons.schema.bookings import by_start, one_per_slot
from examples.critical_buttons.schema.sms import INDEXES
from examples.critical_buttons.schema.types import metadata
from examples.critical_buttons.schema.upgrades import known_shapes, upgrade

__all__ = ["VERSION", "create", "known_shapes", "metadata"]

#: Stored in the file as user_version; grows when the tables change. Version 2
#: added the tables of leads and messages; version 3 the audit log's columns for
#: batches and for what was done offline.
VERSION: Final = 3


def create(connection: Connection) -> None:
    """Create what is missing, inside the caller's write transaction.

    Two processes that start on one new file take the database's write lock in
    turn; the second finds everything there.
    """
    version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
    upgrade(connection, version)
    for index in (
        one_per_slot,
        by_start,
        audit_by_entity,
        audit_by_bulk,
        *INDEXES,
    ):
        connection.execute(CreateIndex(index, if_not_exists=True))
    for trigger in APPEND_ONLY:
        connection.exec_driver_sql(trigger)
    if version != VERSION:
        connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
