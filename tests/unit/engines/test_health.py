"""What an operator is told about the database and who writes it."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import Health, SqliteEngine
from syncpatterns.engines.sqlite._writing import _session
from syncpatterns.testing import FakeClock
from tests.unit.engines.conftest import create, insert

OpenEngine = Callable[..., SqliteEngine]


@pytest.mark.parametrize(
    ("version", "bug"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 54, 1), False),
        ((4, 0, 0), False),
    ],
)
def test_the_releases_with_the_bug_are_known(
    version: tuple[int, int, int], bug: bool
) -> None:
    """Two old lines were mended too."""
    assert _session.wal_reset_bug(version) is bug


def test_a_database_in_order(engine: SqliteEngine) -> None:
    """Writable, by us alone."""
    expected = Health(
        writable=True,
        detail="",
        sqlite_version=sqlite3.sqlite_version,
        shared=False,
        wal_reset_bug=_session.wal_reset_bug(),
    )

    assert engine.health() == expected


def test_a_database_that_cannot_be_opened(
    open_engine: OpenEngine, tmp_path: Path
) -> None:
    """The report says why; a health check that raised would say nothing."""
    health = open_engine(tmp_path / "no" / "app.db").health()

    assert not health.writable
    assert "does not exist" in health.detail


def test_a_database_that_others_hold(open_engine: OpenEngine, path: Path) -> None:
    """For longer than the time-out."""
    engine = open_engine(busy_timeout=0.01)
    engine.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        health = engine.health()

    assert not health.writable
    assert "stayed locked" in health.detail


@pytest.mark.parametrize("bug", [True, False])
def test_another_writing_process_is_noticed_and_told_once(
    open_engine: OpenEngine,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    bug: bool,
) -> None:
    """Within a second of work; a warning only where SQLite has the bug."""
    monkeypatch.setattr(_session, "wal_reset_bug", lambda: bug)
    clock = FakeClock()
    engine = open_engine(clock=clock)
    engine.transact(create)
    alone = []

    with (
        caplog.at_level(logging.WARNING, "syncpatterns.sqlite"),
        closing(sqlite3.connect(path)) as other,
    ):
        for n in range(3):
            alone.append(engine.health().shared)
            with other:
                other.execute("INSERT INTO item VALUES (?)", (f"other {n}",))
            clock.advance(1.5)
            engine.transact(insert(f"ours {n}"))

    assert alone[0] is False
    assert engine.health().shared
    assert len(caplog.records) == int(bug)


def test_a_process_that_only_reads_is_no_writer(
    open_engine: OpenEngine, path: Path
) -> None:
    """Nor are our own readers and sweeps."""
    clock = FakeClock()
    engine = open_engine(clock=clock)
    engine.transact(create)
    with closing(sqlite3.connect(path)) as other:
        for n in range(3):
            other.execute("SELECT * FROM item").fetchall()
            engine.read(lambda c: c.execute("SELECT * FROM item").fetchall())
            engine.sweep()
            clock.advance(1.5)
            engine.transact(insert(str(n)))

    assert not engine.health().shared


def test_only_a_write_that_was_committed_is_writable(
    engine: SqliteEngine, path: Path
) -> None:
    """An empty one would do on a full disk; a look at what lapsed needs none."""
    engine.open()
    with closing(sqlite3.connect(path)) as other:

        def commits() -> int:
            return int(other.execute("PRAGMA data_version").fetchone()[0])

        before = commits()
        engine.idempotency_store().lapsed()
        looked = commits()
        writable = engine.health().writable

        assert (before, writable) == (looked, True)
        assert commits() > looked
