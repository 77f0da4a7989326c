"""The tables of the app, and how they come to be."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection
from sqlalchemy.schema import CreateIndex, CreateTable

from examples.critical_buttons.schema.audit import APPEND_ONLY, audit_by_entity
from examples.critical_buttons.schema.bookings import by_start, one_per_slot
from examples.critical_buttons.schema.sms import INDEXES
from examples.critical_buttons.schema.types import metadata

__all__ = ["VERSION", "create", "metadata"]

#: Stored in the file as user_version; grows when the tables change. Version 2
#: added the tables of leads and messages, and changed none that was there.
VERSION: Final = 2


def create(connection: Connection) -> None:
    """Create what is missing, inside the caller's write transaction.

    Two processes that start on one new file take the database's write lock in
    turn; the second finds everything there.
    """
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
    for index in (one_per_slot, by_start, audit_by_entity, *INDEXES):
        connection.execute(CreateIndex(index, if_not_exists=True))
    for trigger in APPEND_ONLY:
        connection.exec_driver_sql(trigger)
    if connection.exec_driver_sql("PRAGMA user_version").scalar_one() != VERSION:
        connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
