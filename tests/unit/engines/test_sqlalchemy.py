"""SQLAlchemy on the engine's connection, inside the engine's transaction."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import ConfigurationError
from tests.unit.engines.conftest import names

Work = Callable[[Connection], object]


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "item"
    name: Mapped[str] = mapped_column(primary_key=True)


def run(engine: SqliteEngine, work: Work) -> object:
    """Run *work* with the transaction's SQLAlchemy connection."""
    return engine.transact(lambda tx: work(tx.sqlalchemy()))


def add(name: str) -> Work:
    """Return work that inserts *name*."""
    return lambda connection: connection.execute(insert(Item).values(name=name))


def test_rows_are_part_of_the_transaction(engine: SqliteEngine) -> None:
    """Written with SQLAlchemy or with the driver, it is one commit."""

    def work(tx: SqliteTransaction) -> list[str]:
        tx.connection.execute("INSERT INTO item VALUES ('driver')")
        add("sqlalchemy")(tx.sqlalchemy())
        return list(tx.sqlalchemy().scalars(select(Item.name)))

    assert sorted(engine.transact(work)) == ["driver", "sqlalchemy"]
    assert names(engine) == ["driver", "sqlalchemy"]


def test_getting_to_know_the_connection_undoes_nothing(engine: SqliteEngine) -> None:
    """SQLAlchemy rolls back once when it sees a connection for the first time."""

    def work(tx: SqliteTransaction) -> None:
        tx.connection.execute("INSERT INTO item VALUES ('before')")
        tx.sqlalchemy().execute(text("SELECT 1"))

    engine.transact(work)

    assert names(engine) == ["before"]


def test_an_error_undoes_everything(engine: SqliteEngine) -> None:
    """Raising is how an effect rolls back."""

    def work(connection: Connection) -> None:
        add("gone")(connection)
        raise LookupError

    with pytest.raises(LookupError):
        run(engine, work)

    assert names(engine) == []


def ending(name: str) -> Work:
    """Return work that inserts a row and calls a method of the connection."""

    def work(connection: Connection) -> None:
        add("torn")(connection)
        getattr(connection, name)()

    return work


@pytest.mark.parametrize("method", ["commit", "rollback", "begin"])
def test_beginning_and_ending_are_refused(engine: SqliteEngine, method: str) -> None:
    """And the next caller finds a connection in good order."""
    run(engine, add("before"))

    with pytest.raises(ConfigurationError, match="The engine ends this transaction"):
        run(engine, ending(method))

    run(engine, add("after"))
    assert names(engine) == ["after", "before"]


def test_closing_ends_nothing(engine: SqliteEngine) -> None:
    """`with` and close() are natural to write, and harmless."""

    def work(connection: Connection) -> None:
        with connection as same:
            add("x")(same)
        connection.close()
        add("y")(connection)

    run(engine, work)

    assert names(engine) == ["x", "y"]


@pytest.mark.parametrize("sql", ["COMMIT", "ROLLBACK", "PRAGMA synchronous=OFF"])
def test_a_forbidden_statement_is_refused(engine: SqliteEngine, sql: str) -> None:
    """SQLAlchemy wraps the driver's error; what it means stays the same."""
    with pytest.raises(ConfigurationError, match="use a SAVEPOINT"):
        run(engine, lambda connection: connection.exec_driver_sql(sql))


def test_a_nested_transaction_is_a_part(engine: SqliteEngine) -> None:
    """Its rollback takes back that part only."""

    def work(connection: Connection) -> None:
        add("outer")(connection)
        nested = connection.begin_nested()
        add("inner")(connection)
        with pytest.raises(IntegrityError):
            add("outer")(connection)
        nested.rollback()
        with connection.begin_nested():
            add("second")(connection)
        connection.begin_nested().rollback()

    run(engine, work)

    assert names(engine) == ["outer", "second"]


def test_an_error_inside_a_nested_transaction_leaves_nothing_behind(
    engine: SqliteEngine,
) -> None:
    """Neither rows nor a state that would trip up the next caller."""

    def work(connection: Connection) -> None:
        with connection.begin_nested():
            add("gone")(connection)
            raise LookupError

    with pytest.raises(LookupError):
        run(engine, work)

    run(engine, add("after"))
    assert names(engine) == ["after"]


def test_a_nested_transaction_left_open_leaves_nothing_behind(
    engine: SqliteEngine,
) -> None:
    """Begun and forgotten, it ends with the transaction."""

    def work(connection: Connection) -> Connection:
        connection.begin_nested()
        add("kept")(connection)
        return connection

    first = run(engine, work)
    second = run(engine, lambda connection: connection)
    run(engine, lambda connection: connection.begin_nested().commit())

    assert first is not second
    assert names(engine) == ["kept"]


def test_a_connection_in_good_order_is_used_again(engine: SqliteEngine) -> None:
    """Making one takes longer than the rest of a call."""
    first = run(engine, lambda connection: connection)

    assert run(engine, lambda connection: connection) is first


def test_a_session_joins_the_transaction(engine: SqliteEngine) -> None:
    """Its commit flushes; the engine's commit counts."""

    def work(connection: Connection) -> None:
        with Session(connection) as session:
            session.add(Item(name="orm"))
            session.commit()
        raise LookupError

    with pytest.raises(LookupError):
        run(engine, work)

    assert names(engine) == []


def test_a_view_reads_one_snapshot(engine: SqliteEngine) -> None:
    """Also through SQLAlchemy, and it cannot write."""
    run(engine, add("x"))

    def count(connection: Connection) -> int:
        return len(connection.execute(select(Item.name)).all())

    def look(snapshot_sqlalchemy: Connection) -> tuple[int, int]:
        before = count(snapshot_sqlalchemy)
        run(engine, add("y"))
        return before, count(snapshot_sqlalchemy)

    seen = engine.view(lambda snapshot: look(snapshot.sqlalchemy()))

    assert seen == (1, 1)
    assert engine.view(lambda snapshot: count(snapshot.sqlalchemy())) == 2
    with pytest.raises(ConfigurationError, match="a view can only read"):
        engine.view(lambda snapshot: add("z")(snapshot.sqlalchemy()))


def test_without_sqlalchemy_it_says_what_to_install(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra; the driver's connection is always there."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)

    with pytest.raises(ConfigurationError, match="pip install"):
        engine.transact(lambda tx: tx.sqlalchemy())
