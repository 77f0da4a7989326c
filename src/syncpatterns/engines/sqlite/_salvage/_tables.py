"""Which rows belong to which of the library's tables, by their shape.

The damaged file says itself how its tables are made; each statement is tried
out in an empty database in memory, which then tells the columns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final, NamedTuple

from syncpatterns.engines.sqlite._salvage._trees import Lost, Row, Trees

OURS: Final = "syncpatterns_"
SQLITES: Final = "sqlite_"

_ACCEPTS: Final[dict[str, tuple[type, ...]]] = {
    "INTEGER": (int,),
    "REAL": (int, float),  # whole numbers are stored as such
    "TEXT": (str,),
    "BLOB": (bytes,),
}
#: Orphaned leaves of narrower tables could be anybody's.
_TELLING: Final = 5


class Column(NamedTuple):
    """One column: its name, and what may stand in it."""

    name: str
    accepts: tuple[type, ...]
    nullable: bool


class Table(NamedTuple):
    """One table of the damaged file.

    Args:
        name: Its name.
        root: Its first page.
        columns: Its columns as they were declared.
        stored: Which column stands where in a stored row.
        number: Which column is the row's number; -1 for none.
        keyed: It is sorted by its keys; its rows have no numbers.
    """

    name: str
    root: int
    columns: tuple[Column, ...]
    stored: tuple[int, ...]
    number: int
    keyed: bool

    def fit(self, row: Row) -> tuple[Any, ...] | None:
        """Return the values of *row* as declared; None if they are not this table's."""
        if len(row.values) > len(self.stored):
            return None
        values: list[Any] = [None] * len(self.columns)
        for column, value in zip(self.stored, row.values, strict=False):
            values[column] = value
        if self.number >= 0:
            if values[self.number] is not None or row.number < 1:
                return None
            values[self.number] = row.number
        fits = all(
            isinstance(value, column.accepts) if value is not None else column.nullable
            for value, column in zip(values, self.columns, strict=True)
        )
        return tuple(values) if fits else None


class Schema(NamedTuple):
    """What the damaged file says it holds.

    Args:
        tables: Name, first page and statement of each table.
        indexes: Name and first page of each index.
        whole: Whether that list itself could be read to its end.
    """

    tables: tuple[tuple[str, int, str], ...]
    indexes: tuple[tuple[str, int], ...]
    whole: bool

    @property
    def foreign(self) -> tuple[str, ...]:
        """Tables that are somebody else's."""
        return tuple(
            name for name, _, _ in self.tables if not name.startswith((OURS, SQLITES))
        )


def schema_of(trees: Trees) -> Schema:
    """Read the list of tables, which is a table itself."""
    tables: list[tuple[str, int, str]] = []
    indexes: list[tuple[str, int]] = []
    whole = True
    for row in trees.rows(1):
        match row:
            case Row(values=("table", str(name), str(), int(root), str(sql))):
                tables.append((name, root, sql))
            case Row(values=("index", str(name), str(), int(root), _)):
                indexes.append((name, root))
            case Row(values=("view" | "trigger", *_)):
                pass
            case _:
                whole = False
    return Schema(tuple(tables), tuple(indexes), whole)


def described(schema: Schema) -> list[Table]:
    """Return the library's tables, with what may stand in their rows."""
    with closing(sqlite3.connect(":memory:")) as scratch:
        return [
            _describe(scratch, name, root, sql)
            for name, root, sql in schema.tables
            if name.startswith(OURS)
        ]


def _describe(scratch: sqlite3.Connection, name: str, root: int, sql: str) -> Table:
    if not sql.startswith(f"CREATE TABLE {name} (") and not sql.startswith(
        f'CREATE TABLE "{name}" ('  # as SQLite writes it when a table is renamed
    ):
        raise sqlite3.DatabaseError
    scratch.execute(sql)
    keyed = sql.rstrip().upper().endswith("WITHOUT ROWID")
    columns: list[Column] = []
    keys: dict[int, int] = {}
    number = -1
    for at, column, kind, required, _, key in scratch.execute(
        f"PRAGMA table_info({name})"
    ):
        columns.append(
            Column(column, _ACCEPTS.get(kind, (object,)), not (required or key))
        )
        if key and keyed:
            keys[key] = at
        elif key and kind == "INTEGER":
            number = at
    first = [keys[key] for key in sorted(keys)]
    rest = [at for at in range(len(columns)) if at not in first]
    return Table(name, root, tuple(columns), (*first, *rest), number, keyed)


class Reader:
    """Reads what is left of each table, and remembers what was not readable.

    Args:
        trees: The trees of the file.
        schema: What it says it holds.

    Attributes:
        tables: The library's tables.
        lost: What was not readable, for each table by its name.
    """

    def __init__(self, trees: Trees, schema: Schema) -> None:
        self._trees = trees
        self._indexes = dict(schema.indexes)
        self.tables = described(schema)
        self.lost: dict[str, list[Lost]] = {each.name: [] for each in self.tables}

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Return the rows to which the table's tree leads."""
        lost = self.lost[table.name]
        for row in self._trees.rows(table.root):
            if isinstance(row, Lost):
                lost.append(row)
                continue
            values = table.fit(row)
            if values is None:
                lost.append(Lost(row.number - 1, row.number))
            else:
                yield values

    def orphans(self) -> Iterator[tuple[Table, list[tuple[Any, ...]]]]:
        """Return the rows of leaves that no tree leads to; after all `rows`."""
        damaged = [each for each in self.tables if self.lost[each.name]]
        if not damaged:
            return
        for root in self._indexes.values():
            for _ in self._trees.rows(root):
                pass  # only to know whose pages these are
        for rows in self._trees.orphans():
            takers = [
                (table, [self._orphan(table, row) for row in rows])
                for table in damaged
                if len(table.columns) >= _TELLING
            ]
            fitting = [
                (table, [one for one in values if one is not None])
                for table, values in takers
                if values and None not in values
            ]
            if len(fitting) == 1:
                yield fitting[0]

    def progress(self) -> tuple[int, int]:
        """Return how many pages were read, and how many there are."""
        return self._trees.progress()

    def words(self, table: str) -> Iterator[tuple[str, int]]:
        """Return text and number of each row, from the index on its one text.

        For tables without which others mean nothing: the index is a second
        copy of it, on other pages.
        """
        root = self._indexes.get(f"sqlite_autoindex_{table}_1", 0)
        for row in self._trees.again().rows(root) if root else ():
            match row:
                case Row(values=(str(text), int(number))):
                    yield text, number
                case _:
                    pass

    def _orphan(self, table: Table, row: Row) -> tuple[Any, ...] | None:
        """Return the values of *row* if it was lost from this very place."""
        if not table.keyed and not any(
            gap.after < row.number <= gap.last for gap in self.lost[table.name]
        ):
            return None
        return table.fit(row)
