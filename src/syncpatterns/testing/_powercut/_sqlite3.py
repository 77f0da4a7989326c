"""apsw behind the interface of the standard library's ``sqlite3``.

Code that was written for ``sqlite3`` can so run, unchanged, on a disk that
loses power: only its call of ``sqlite3.connect`` has to be replaced. What is
there is what such code uses in autocommit mode (``isolation_level=None``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import apsw

__all__ = ["ApswConnection", "ApswCursor", "as_sqlite3_errors"]

_Parameters = Sequence[Any] | Mapping[str, Any]

#: sqlite3's class for a primary result code; all others are operational.
_CLASSES: dict[int, type[sqlite3.Error]] = {
    apsw.SQLITE_AUTH: sqlite3.DatabaseError,
    apsw.SQLITE_CONSTRAINT: sqlite3.IntegrityError,
    apsw.SQLITE_CORRUPT: sqlite3.DatabaseError,
    apsw.SQLITE_MISMATCH: sqlite3.IntegrityError,
    apsw.SQLITE_MISUSE: sqlite3.ProgrammingError,
    apsw.SQLITE_NOTADB: sqlite3.DatabaseError,
    apsw.SQLITE_RANGE: sqlite3.InterfaceError,
    apsw.SQLITE_TOOBIG: sqlite3.DataError,
}


class ApswConnection:
    """Stands in for a `sqlite3.Connection` in autocommit mode.

    Args:
        connection: The apsw connection that does the work.
    """

    isolation_level: str | None = None
    row_factory: Any = None
    text_factory: Any = str

    def __init__(self, connection: apsw.Connection) -> None:
        self._apsw: Any = connection  # apsw's stubs know no type for blobs

    def cursor(self) -> ApswCursor:
        """Return a new cursor."""
        return ApswCursor(self._apsw)

    def execute(self, sql: str, parameters: _Parameters = (), /) -> ApswCursor:
        """Run one statement."""
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[_Parameters], /) -> ApswCursor:
        """Run one statement for each set of parameters."""
        return self.cursor().executemany(sql, parameters)

    def executescript(self, script: str, /) -> ApswCursor:
        """Run several statements."""
        return self.cursor().execute(script)

    def commit(self) -> None:
        """Commit the open transaction, if there is one."""
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        """Undo the open transaction, if there is one."""
        if self.in_transaction:
            self.execute("ROLLBACK")

    def interrupt(self) -> None:
        """Stop what other threads run; a cursor here has always read all its rows."""
        self._apsw.interrupt()

    def close(self) -> None:
        """Close; on a disk without power this does nothing but that."""
        self._apsw.close(True)  # noqa: FBT003 - apsw takes it by position

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._apsw.in_transaction)

    @property
    def total_changes(self) -> int:
        """Rows changed since the connection was opened."""
        return int(self._apsw.total_changes())

    def set_authorizer(self, authorizer: Callable[..., int] | None) -> None:
        """Ask *authorizer* about each action of each statement prepared."""
        self._apsw.authorizer = authorizer

    def create_function(
        self,
        name: str,
        narg: int,
        func: Callable[..., Any] | None,
        *,
        deterministic: bool = False,
    ) -> None:
        """Let SQL call *func* by *name*."""
        self._apsw.create_scalar_function(name, func, narg, deterministic=deterministic)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        (self.commit if error is None else self.rollback)()


class ApswCursor:
    """Stands in for a `sqlite3.Cursor`; reads all rows when it executes."""

    arraysize = 1

    def __init__(self, connection: Any) -> None:
        self._apsw = connection
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, sql: str, parameters: _Parameters = (), /) -> ApswCursor:
        """Run *sql* and take up its rows."""
        self._run(lambda cursor: cursor.execute(sql, parameters))
        return self

    def executemany(self, sql: str, parameters: Iterable[_Parameters], /) -> ApswCursor:
        """Run *sql* for each set of parameters."""
        self._run(lambda cursor: cursor.executemany(sql, parameters))
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """Return up to *size* rows."""
        wanted = range(self.arraysize if size is None else size)
        return [row for _, row in zip(wanted, self._rows, strict=False)]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows that are left."""
        return list(self._rows)

    def close(self) -> None:
        """Forget the rows."""
        self._rows = iter(())

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def _run(self, start: Callable[[Any], Iterable[tuple[Any, ...]]]) -> None:
        before = self._apsw.total_changes()
        cursor = self._apsw.cursor()
        columns: list[str] = []
        reads_only = True

        def about_to_run(running: apsw.Cursor, _sql: str, _parameters: Any) -> bool:
            nonlocal reads_only
            columns[:] = [column[0] for column in running.get_description()]
            reads_only = running.is_readonly
            return True

        cursor.exec_trace = about_to_run
        with as_sqlite3_errors():
            rows = list(start(cursor))
        self._rows = iter(rows)
        self.description = tuple((n, *(None,) * 6) for n in columns) or None
        self.rowcount = -1 if reads_only else self._apsw.total_changes() - before
        self.lastrowid = self._apsw.last_insert_rowid()


@contextmanager
def as_sqlite3_errors() -> Generator[None, None, None]:
    """Raise what sqlite3 would, with its result code and name."""
    try:
        yield
    except apsw.Error as error:
        code = getattr(error, "extendedresult", apsw.SQLITE_MISUSE)
        kind = _CLASSES.get(code & 0xFF, sqlite3.OperationalError)
        translated = kind(str(error))
        translated.sqlite_errorcode = code
        names = apsw.mapping_extended_result_codes | apsw.mapping_result_codes
        translated.sqlite_errorname = str(names.get(code, "SQLITE_ERROR"))
        raise translated from error
