"""Only the engine begins and ends transactions; an effect may not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import ConfigurationError
from tests.unit.engines.conftest import insert, names, on_disk

Work = Callable[[SqliteTransaction], object]


def saying(sql: str) -> Work:
    """Return work that inserts a row and then says *sql*."""

    def work(tx: SqliteTransaction) -> object:
        tx.connection.execute("INSERT INTO item VALUES ('torn')")
        return tx.connection.execute(sql)

    return work


def driver(name: str) -> Work:
    """Return work that inserts a row and calls a method of the driver."""

    def work(tx: SqliteTransaction) -> object:
        tx.connection.execute("INSERT INTO item VALUES ('torn')")
        return getattr(tx.connection, name)()

    return work


def with_block(tx: SqliteTransaction) -> None:
    """Use the connection as the driver's manual shows it."""
    with tx.connection:
        tx.connection.execute("INSERT INTO item VALUES ('torn')")


def script(tx: SqliteTransaction) -> None:
    """Run a script, which the driver begins with a COMMIT."""
    tx.connection.execute("INSERT INTO item VALUES ('torn')")
    tx.connection.executescript("INSERT INTO item VALUES ('script');")


def autocommit(tx: SqliteTransaction) -> None:
    """Set the mode that makes the driver commit at once."""
    tx.connection.execute("INSERT INTO item VALUES ('torn')")
    tx.connection.isolation_level = None


FORBIDDEN = {
    "COMMIT": saying("COMMIT"),
    "commit in small letters": saying("commit"),
    "END": saying("END"),
    "ROLLBACK": saying("ROLLBACK"),
    "ROLLBACK of the engine's savepoint": saying("ROLLBACK TO syncpatterns_job"),
    "RELEASE of the engine's savepoint": saying("release SYNCPATTERNS_JOB"),
    "a savepoint of the engine's name": saying("SAVEPOINT syncpatterns_mine"),
    "connection.commit()": driver("commit"),
    "connection.rollback()": driver("rollback"),
    "with connection": with_block,
    "executescript": script,
    "isolation_level = None": autocommit,
    "ATTACH": saying("ATTACH ':memory:' AS other"),
    "DETACH": saying("DETACH main"),
    "PRAGMA synchronous": saying("PRAGMA synchronous=OFF"),
    "PRAGMA main.synchronous": saying("PRAGMA main.synchronous(0)"),
    "PRAGMA journal_mode": saying("PRAGMA journal_mode=DELETE"),
    "PRAGMA locking_mode": saying("PRAGMA locking_mode=EXCLUSIVE"),
    "PRAGMA query_only": saying("PRAGMA query_only=ON"),
    "PRAGMA busy_timeout": saying("PRAGMA busy_timeout=0"),
    "PRAGMA writable_schema": saying("PRAGMA writable_schema=ON"),
    "PRAGMA foreign_keys": saying("PRAGMA foreign_keys=ON"),
    "PRAGMA application_id": saying("PRAGMA application_id=1"),
}


@pytest.mark.parametrize("work", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_an_effect_that_takes_over_is_refused(
    engine: SqliteEngine, path: Path, work: Work
) -> None:
    """Its rows would part from the stored answer; nothing of it is kept.

    The engine has said each of its own statements before, so the driver holds
    them prepared: what it finds by its text it does not ask about again.
    """
    engine.transact(insert("before"), undoable=True)

    with pytest.raises(ConfigurationError, match="use a SAVEPOINT of your own"):
        engine.transact(work)

    engine.transact(insert("after"), undoable=True)
    assert on_disk(path) == ["after", "before"]


@pytest.mark.parametrize("sql", ["COMMIT", "ROLLBACK", "BEGIN IMMEDIATE"])
async def test_it_is_refused_among_others_too(engine: SqliteEngine, sql: str) -> None:
    """In a shared commit it would tear everybody's rows."""
    import anyio

    refused: list[str] = []

    async def bad() -> None:
        try:
            await engine.atransact(saying(sql))
        except (ConfigurationError, sqlite3.OperationalError) as error:
            refused.append(str(error))

    async def good(n: int) -> None:
        await engine.atransact(insert(f"good {n}"))

    async with anyio.create_task_group() as tasks:
        for n in range(5):
            tasks.start_soon(good, n)
            tasks.start_soon(bad)

    assert len(refused) == 5
    assert names(engine) == [f"good {n}" for n in range(5)]


def test_a_savepoint_of_one_s_own_is_a_part(engine: SqliteEngine) -> None:
    """Rolled back to, only that part is gone; left open, it is kept."""

    def work(tx: SqliteTransaction) -> None:
        tx.connection.execute("SAVEPOINT mine")
        tx.connection.execute("INSERT INTO item VALUES ('gone')")
        tx.connection.execute("ROLLBACK TO mine")
        tx.connection.execute("RELEASE mine")
        tx.connection.execute("SAVEPOINT open")
        tx.connection.execute("INSERT INTO item VALUES ('kept')")

    engine.transact(work)

    assert names(engine) == ["kept"]


@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA table_info(item)",
        "PRAGMA main.index_list('item')",
        "PRAGMA user_version",
        "PRAGMA user_version=7",
        "PRAGMA defer_foreign_keys=ON",
        "PRAGMA synchronous",
        "SELECT * FROM pragma_table_info('item')",
        "CREATE TABLE other (a)",
        "ALTER TABLE item ADD COLUMN more",
        "CREATE INDEX i ON item (name)",
        "DROP TABLE item",
    ],
)
def test_what_ends_with_the_transaction_is_allowed(
    engine: SqliteEngine, sql: str
) -> None:
    """Asking, and changing tables: a rollback takes it back."""
    schema = "SELECT sql FROM sqlite_master ORDER BY 1"
    before = engine.read(lambda c: c.execute(schema).fetchall())

    def fails(tx: SqliteTransaction) -> None:
        tx.connection.execute(sql)
        raise LookupError

    with pytest.raises(LookupError):
        engine.transact(fails)

    assert engine.read(lambda c: c.execute(schema).fetchall()) == before
    engine.transact(lambda tx: tx.connection.execute(sql).fetchall())
    engine.transact(lambda tx: tx.connection.execute("SELECT 1").fetchall())


def test_a_transaction_that_sqlite_ends_is_told(engine: SqliteEngine) -> None:
    """OR ROLLBACK undoes everything, also what came before it."""
    engine.transact(insert("x"))

    def work(tx: SqliteTransaction) -> None:
        tx.connection.execute("INSERT INTO item VALUES ('early')")
        try:
            tx.connection.execute("INSERT OR ROLLBACK INTO item VALUES ('x')")
        except sqlite3.IntegrityError:
            tx.connection.execute("INSERT INTO item VALUES ('alone')")

    with pytest.raises(ConfigurationError, match="OR ROLLBACK"):
        engine.transact(work)

    assert names(engine) == ["x"]


def test_a_constraint_that_fails_undoes_its_statement_only(
    engine: SqliteEngine,
) -> None:
    """SQLite's default, ABORT, lets the effect decide."""
    engine.transact(insert("x"))

    def work(tx: SqliteTransaction) -> None:
        with pytest.raises(sqlite3.IntegrityError):
            tx.connection.execute("INSERT INTO item VALUES ('x')")
        tx.connection.execute("INSERT INTO item VALUES ('y')")

    engine.transact(work)

    assert names(engine) == ["x", "y"]


def test_a_statement_left_unfinished_is_told(engine: SqliteEngine) -> None:
    """SQLite calls that "locked", and waiting for others would not end it."""
    left: list[sqlite3.Cursor] = []

    def work(tx: SqliteTransaction) -> None:
        sql = "INSERT INTO item VALUES ('a'), ('b') RETURNING name"
        left.append(tx.connection.execute(sql))

    with pytest.raises(ConfigurationError, match="left a statement unfinished"):
        engine.transact(work)

    engine.transact(insert("after"))
    assert names(engine) == ["after"]


def test_a_transaction_kept_after_its_effect_is_refused(engine: SqliteEngine) -> None:
    """Whatever it wrote then would belong to somebody else's commit."""
    kept: list[SqliteTransaction] = []
    engine.transact(kept.append)
    tx = kept[0]

    for use in (lambda: tx.connection, tx.sqlalchemy, tx.publish):
        with pytest.raises(ConfigurationError, match="this transaction has ended"):
            use()


def test_undoing_takes_back_everything_but_the_transaction(
    engine: SqliteEngine,
) -> None:
    """What a refusal needs: the rows go, the stored answer stays."""

    def work(tx: SqliteTransaction) -> None:
        insert("gone")(tx)
        tx.undo()
        insert("kept")(tx)

    engine.transact(work, undoable=True)

    assert names(engine) == ["kept"]


def test_what_an_effect_changed_on_the_driver_is_put_back(
    engine: SqliteEngine,
) -> None:
    """With one caller's row factory the library could not read its own rows."""

    def work(tx: SqliteTransaction) -> None:
        tx.connection.row_factory = lambda _cursor, row: {"row": row}
        tx.connection.text_factory = bytes

    engine.transact(work)
    rows = engine.transact(lambda tx: tx.connection.execute("SELECT 'a'").fetchall())
    engine.read(lambda c: setattr(c, "row_factory", sqlite3.Row))
    read = engine.read(lambda c: c.execute("SELECT 'a'").fetchall())

    assert rows == read == [("a",)]
    assert type(read[0]) is tuple


def test_a_connection_that_an_effect_closed_is_opened_again(
    engine: SqliteEngine,
) -> None:
    """The mistake is that caller's; the next one is served."""
    with pytest.raises(sqlite3.ProgrammingError):
        engine.transact(lambda tx: tx.connection.close())

    engine.transact(insert("x"))
    assert names(engine) == ["x"]
