"""The stand-in for sqlite3 does what sqlite3 does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.testing import PowerCutVFS


@pytest.fixture(params=["sqlite3", "apsw"])
def connection(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[sqlite3.Connection]:
    """Give a connection of either, with a table of two rows."""
    if request.param == "sqlite3":
        path = tmp_path / "app.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as real:
            yield with_table(real)
    else:
        with PowerCutVFS(tmp_path) as vfs:
            yield with_table(vfs.connect_sqlite3())


def with_table(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Make the table."""
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB UNIQUE)")
    connection.executemany("INSERT INTO t (b) VALUES (?)", [(b"x",), (b"y",)])
    return connection


def test_rows_are_read_in_every_way(connection: sqlite3.Connection) -> None:
    """One, several, all, or in a loop."""
    cursor = connection.execute("SELECT a, b FROM t ORDER BY a")

    assert cursor.fetchone() == (1, b"x")
    assert cursor.fetchmany(5) == [(2, b"y")]
    assert cursor.fetchone() is None
    assert cursor.fetchall() == []
    assert list(connection.execute("SELECT a FROM t")) == [(1,), (2,)]


def test_columns_are_described_also_without_rows(
    connection: sqlite3.Connection,
) -> None:
    """A query tool sees the names of the columns."""
    cursor = connection.execute("SELECT a AS one, b FROM t WHERE a = 99")

    assert [column[0] for column in cursor.description] == ["one", "b"]
    assert connection.execute("DELETE FROM t").description is None


def test_changed_rows_are_counted(connection: sqlite3.Connection) -> None:
    """A compare-and-set reads its success off the count."""
    update = "UPDATE t SET b = ? WHERE a = ?"
    many = connection.executemany("DELETE FROM t WHERE a = ?", [(1,), (9,)])
    insert = connection.execute("INSERT INTO t (b) VALUES (:b)", {"b": b"z"})

    assert connection.execute(update, (b"q", 2)).rowcount == 1
    assert connection.execute(update, (b"q", 9)).rowcount == 0
    assert connection.execute("SELECT * FROM t").rowcount == -1
    assert many.rowcount == 1
    assert insert.lastrowid == 3


def test_returning_gives_rows(connection: sqlite3.Connection) -> None:
    """An upsert can say what it stored."""
    sql = "INSERT INTO t VALUES (1, ?) ON CONFLICT (a) DO UPDATE SET b = excluded.b"

    assert connection.execute(f"{sql} RETURNING b", (b"n",)).fetchone() == (b"n",)


def test_transactions_are_the_callers(connection: sqlite3.Connection) -> None:
    """BEGIN, SAVEPOINT and the rest are plain statements."""
    connection.execute("BEGIN IMMEDIATE")
    during = connection.in_transaction
    connection.execute("SAVEPOINT s")
    connection.execute("DELETE FROM t")
    connection.execute("ROLLBACK TO s")
    connection.commit()
    connection.commit()
    connection.execute("BEGIN")
    connection.execute("DELETE FROM t")
    connection.rollback()
    connection.rollback()

    assert (during, connection.in_transaction) == (True, False)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)


@pytest.mark.parametrize(
    ("sql", "parameters", "kind", "code"),
    [
        ("INSERT INTO t VALUES (1, 2)", (), sqlite3.IntegrityError, 1555),
        ("INSERT INTO t VALUES (9, ?)", (b"x",), sqlite3.IntegrityError, 2067),
        ("SELECT * FROM nothing", (), sqlite3.OperationalError, 1),
        ("SELECT ?", (), sqlite3.ProgrammingError, None),
        ("ROLLBACK", (), sqlite3.OperationalError, 1),
    ],
)
def test_errors_are_those_of_sqlite3(
    connection: sqlite3.Connection,
    sql: str,
    parameters: tuple[object, ...],
    kind: type[sqlite3.Error],
    code: int | None,
) -> None:
    """Class and result code are the same."""
    with pytest.raises(kind) as caught:
        connection.execute(sql, parameters)

    assert type(caught.value) is kind
    if code is not None:
        assert caught.value.sqlite_errorcode == code


def test_a_forbidden_statement_is_not_authorized(
    connection: sqlite3.Connection,
) -> None:
    """An authorizer is asked, and can be taken off."""

    def deny(action: int, *_: object) -> int:
        return 1 if action == sqlite3.SQLITE_TRANSACTION else 0

    connection.set_authorizer(deny)
    with pytest.raises(sqlite3.DatabaseError, match="not authorized") as caught:
        connection.execute("BEGIN")
    connection.set_authorizer(None)
    connection.execute("BEGIN")

    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_AUTH


def test_an_interrupt_with_nothing_running_does_nothing(
    connection: sqlite3.Connection,
) -> None:
    """An engine may say it after each transaction."""
    connection.interrupt()

    assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)
    assert connection.text_factory is str


def test_functions_can_be_added(connection: sqlite3.Connection) -> None:
    """SQLAlchemy adds one to every connection."""
    connection.create_function("twice", 1, lambda x: 2 * x, deterministic=True)

    assert connection.execute("SELECT twice(21)").fetchone() == (42,)


def test_a_power_cut_is_an_input_output_error(tmp_path: Path) -> None:
    """As a failing disk looks to code written for sqlite3."""
    with PowerCutVFS(tmp_path, cut_at=2) as vfs:
        connection = vfs.connect_sqlite3()
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("CREATE TABLE t (x)")
        with pytest.raises(sqlite3.OperationalError):
            vfs.connect_sqlite3().execute("SELECT * FROM t")
        connection.close()

    assert caught.value.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR
    assert caught.value.sqlite_errorname.startswith("SQLITE_IOERR")
