"""What a database of an earlier release lacks, and how it gets it.

A version that only added tables needs nothing here: `create` makes what is
missing. One that changes a table that is there adds its step below.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import Column, Connection, Table
from sqlalchemy.schema import CreateColumn

from examples.critical_buttons.schema.audit import audit

#: Columns that a table did not have from the start. Each may be NULL: lines of
#: the audit log that are there already cannot say what nobody wrote down.
_ADDED: Final[Mapping[str, tuple[Column[object], ...]]] = MappingProxyType(
    {audit.name: (audit.c.bulk_id, audit.c.client_at)}
)

#: Until version 3 a lead could be imported as do_not_contact while its number
#: was open. Now that state may be left once the number was opened by a START, so
#: "never closed" must not look like "opened again". What is known stays.
_CLOSE_NUMBERS: Final = """
INSERT INTO opt_outs (phone, state, at, source)
SELECT phone, 'opted_out', max(updated_at), 'upgrade' FROM leads
WHERE status = 'do_not_contact'
GROUP BY phone
ON CONFLICT (phone) DO NOTHING
"""


def known_shapes(table: Table) -> tuple[frozenset[str], ...]:
    """Return the sets of columns that *table* had in this and earlier releases."""
    now = frozenset(column.name for column in table.columns)
    added = frozenset(column.name for column in _ADDED.get(table.name, ()))
    return (now, now - added) if added else (now,)


def upgrade(connection: Connection, version: int) -> None:
    """Bring the tables of *version* to this one, inside the caller's transaction.

    Everything or nothing: a process that dies half way leaves the old version,
    and two that start at once take the write lock in turn. The append-only
    triggers stay, since adding a column touches no line.

    Args:
        connection: An open write transaction.
        version: The file's user_version; 0 is a new file.
    """
    for name, columns in _ADDED.items():
        found = {
            str(row[1])
            for row in connection.exec_driver_sql(f"PRAGMA table_info({name})")
        }
        for column in columns:
            if column.name not in found:
                clause = CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {clause}")
    if 0 < version < 3:  # noqa: PLR2004 - the version that brought the rule
        connection.exec_driver_sql(_CLOSE_NUMBERS)
