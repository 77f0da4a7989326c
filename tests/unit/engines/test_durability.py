"""Acknowledged is on the disk; the log beside the file stays small."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.engines.sqlite._connection import LOG_LIMIT
from syncpatterns.engines.sqlite._readers import Snapshot
from tests.timing import NeverTwice
from tests.unit.engines.conftest import create, files, insert, names

OpenEngine = Callable[..., SqliteEngine]


@pytest.fixture
def engine(path: Path) -> Iterator[SqliteEngine]:
    """Open an engine that looks at its log in every transaction."""
    with SqliteEngine(path, clock=NeverTwice()) as engine:
        engine.transact(create)
        yield engine


def log_size(path: Path) -> int:
    """Return the size of the write-ahead log."""
    return Path(f"{path}-wal").stat().st_size


def write(megabytes: float) -> Callable[[SqliteTransaction], object]:
    """Return work that writes so much and takes it away again."""
    size = int(megabytes * 1024 * 1024)
    return lambda tx: tx.connection.execute(
        "INSERT OR REPLACE INTO item (rowid, name) VALUES (1, zeroblob(?))", (size,)
    )


def test_every_commit_is_synced_and_only_the_writer_checkpoints(
    engine: SqliteEngine, path: Path
) -> None:
    """NORMAL would lose acknowledged commits when the power goes."""

    def asked(tx: SqliteTransaction) -> list[object]:
        ask = ("synchronous", "journal_mode", "wal_autocheckpoint")
        return [tx.connection.execute(f"PRAGMA {x}").fetchone()[0] for x in ask]

    settings = engine.transact(asked)
    reader = engine.read(lambda c: c.execute("PRAGMA wal_autocheckpoint").fetchone())

    assert settings == [2, "wal", 0]
    assert reader == (0,)


def test_a_commit_is_in_the_file_or_its_log_when_it_returns(
    engine: SqliteEngine, path: Path, tmp_path: Path
) -> None:
    """A copy of the two files, taken now, holds it."""
    engine.transact(insert("x"))
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    Path(f"{copy}-wal").write_bytes(Path(f"{path}-wal").read_bytes())

    with closing(sqlite3.connect(copy)) as connection:
        rows = connection.execute("SELECT name FROM item").fetchall()

    assert rows == [("x",)]


def test_the_log_starts_over(engine: SqliteEngine, path: Path) -> None:
    """Small commits by the thousand, or big ones: never far above its limit."""
    for _ in range(30):
        engine.transact(write(1))

    assert LOG_LIMIT / 2 < log_size(path) < 3 * LOG_LIMIT


def test_many_small_commits_are_checkpointed(engine: SqliteEngine, path: Path) -> None:
    """After 256 of them the file itself holds most, whatever their size."""
    connection = engine._opened().session.connection
    connection.execute("PRAGMA synchronous=OFF")  # only here: no power is cut
    # Not "later than now": the times of a file are as coarse as the system's ticks.
    os.utime(path, (0, 0))

    for n in range(300):
        engine.transact(insert(str(n)))

    assert path.stat().st_mtime > 0
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as alone:
        (found,) = alone.execute("SELECT count(*) FROM item").fetchone()
    assert 200 < found <= 300


def test_a_long_reader_holds_the_log_only_while_it_reads(
    engine: SqliteEngine, path: Path
) -> None:
    """Its view cannot be overwritten; afterwards the log is cut back."""
    sizes: list[int] = []

    def view(snapshot: Snapshot) -> list[tuple[str]]:
        before = snapshot.connection.execute("SELECT count(*) FROM item").fetchall()
        for _ in range(12):
            engine.transact(write(1))
        sizes.append(log_size(path))
        after = snapshot.connection.execute("SELECT count(*) FROM item").fetchall()
        assert before == after
        return after

    engine.view(view)
    for _ in range(12):
        engine.transact(write(1))

    assert sizes[0] > 12 * 1024 * 1024
    assert log_size(path) < 3 * LOG_LIMIT


def test_a_log_held_by_a_reader_is_not_checkpointed_after_every_commit(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try would read the whole log; it is tried as it grows."""
    session = engine._opened().session
    tried: list[str] = []
    real = session.checkpoint

    def checkpoint() -> None:
        tried.append("checkpoint")
        real()

    monkeypatch.setattr(session, "checkpoint", checkpoint)

    def view(snapshot: Snapshot) -> None:
        snapshot.connection.execute("SELECT count(*) FROM item").fetchall()
        engine.transact(write(5))
        for n in range(50):
            engine.transact(insert(str(n)))

    engine.view(view)

    assert tried == ["checkpoint"]


def test_closing_leaves_one_file(engine: SqliteEngine, path: Path) -> None:
    """No log and no shared memory: the file can be copied as it is."""
    engine.transact(insert("x"))
    engine.read(lambda c: c.execute("SELECT 1").fetchall())
    engine.data_version()

    engine.close()

    assert files(path.parent) == ["app.db"]


def test_a_second_engine_in_the_process_keeps_the_first_one_s_locks(
    engine: SqliteEngine, open_engine: OpenEngine, path: Path
) -> None:
    """Looking at a file by hand would drop every lock the process has on it.

    The other program would then find the database unused, clear its log away
    and leave the first engine writing to a file that is no more.
    """
    import subprocess
    import sys

    code = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1])\n"
        "print(c.execute('SELECT count(*) FROM item').fetchone()[0])\n"
        "c.close()\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    engine.transact(insert("before"))
    second = open_engine().open()
    second.transact(insert("second"))
    second.close()

    subprocess.run(command, check=True, capture_output=True)
    engine.transact(insert("after"))
    seen = subprocess.run(command, check=True, capture_output=True, text=True)

    assert seen.stdout == "3\n"
    assert names(engine) == ["after", "before", "second"]
