"""A full disk: what was acknowledged stays, the rest is told, and it goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import DiskFull, StoreUnavailable
from syncpatterns.testing import sqlite_integrity
from tests.unit.engines.conftest import insert, names

BIG = "x" * 200_000


def limit(engine: SqliteEngine, pages: int) -> None:
    """Have SQLite itself find the file full; an effect may not say so."""
    engine._opened().session.connection.execute(f"PRAGMA max_page_count={pages}")


def fill(tx: SqliteTransaction) -> None:
    """Write more than there is room for."""
    tx.connection.execute("INSERT INTO item VALUES (?)", (BIG,))


def test_a_full_database_says_what_to_do(engine: SqliteEngine, path: Path) -> None:
    """Nothing of the transaction is kept; small ones still get through."""
    engine.transact(insert("before"))
    limit(engine, 20)

    with pytest.raises(DiskFull, match="free space") as caught:
        engine.transact(fill)

    engine.transact(insert("small"))
    assert caught.value.retry_after == 30
    assert caught.value.status == 503
    assert names(engine) == ["before", "small"]
    assert sqlite_integrity(path) == "ok"


def test_room_made_is_room_used(engine: SqliteEngine) -> None:
    """Deleting frees pages, and the same work gets through."""
    limit(engine, 20)
    with pytest.raises(DiskFull):
        engine.transact(fill)

    limit(engine, 1000)
    engine.transact(fill)

    assert names(engine) == [BIG]


def swallowing(statement: str) -> Callable[[SqliteTransaction], None]:
    """Return an effect that ignores a full disk and goes on with *statement*."""

    def effect(tx: SqliteTransaction) -> None:
        try:
            fill(tx)
        except Exception:  # noqa: BLE001 - the mistake under test
            tx.connection.execute(statement)

    return effect


@pytest.mark.parametrize(
    "statement", ["INSERT INTO item VALUES ('torn')", "DELETE FROM item"]
)
def test_an_effect_that_ignores_it_writes_nothing(
    engine: SqliteEngine, statement: str
) -> None:
    """SQLite has rolled back by then; alone, its next statement would commit."""
    engine.transact(insert("before"))
    limit(engine, 20)

    with pytest.raises(Exception, match="SQLite ended the transaction"):
        engine.transact(swallowing(statement))

    assert names(engine) == ["before"]


def test_an_effect_that_ignores_it_and_does_nothing_more_is_told(
    engine: SqliteEngine,
) -> None:
    """It would be answered as done, though nothing of it is there."""
    limit(engine, 20)

    with pytest.raises(Exception, match="and the effect went on"):
        engine.transact(swallowing("SELECT 1"))


# A file-size limit makes the system refuse a write, as a quota does.
QUOTA = """
import json, resource, signal, sqlite3, sys
from contextlib import closing
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.testing import sqlite_integrity
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
engine = SqliteEngine(sys.argv[1])
engine.transact(lambda tx: tx.connection.execute("CREATE TABLE item (name)"))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
acked, errors = 0, []
for n in range(40):
    try:
        engine.transact(lambda tx: tx.connection.execute(
            "INSERT INTO item VALUES (?)", (str(n) * 10_000,)))
        acked += 1
    except Exception as error:
        errors.append(type(error).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
engine.transact(lambda tx: tx.connection.execute("INSERT INTO item VALUES ('after')"))
engine.close()
with closing(sqlite3.connect(sys.argv[1])) as connection:
    (rows,) = connection.execute("SELECT count(*) FROM item").fetchone()
print(json.dumps([acked, errors, rows, sqlite_integrity(sys.argv[1])]))
"""


def test_a_quota_keeps_every_acknowledged_row(path: Path) -> None:
    """The write that fails is told; it works again once there is room."""
    done = subprocess.run(
        [sys.executable, "-c", QUOTA, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    acked, errors, rows, integrity = json.loads(done.stdout)

    assert acked > 0
    assert set(errors) == {StoreUnavailable.__name__}
    assert rows == acked + 1
    assert integrity == "ok"
