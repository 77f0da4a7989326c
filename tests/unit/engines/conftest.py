"""A database with one business table, and a clock that the test moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines import connect
from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.testing import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a database file that is not there yet."""
    return tmp_path / "app.db"


@pytest.fixture
def clock() -> FakeClock:
    """Stand still until the test moves it."""
    return FakeClock()


@pytest.fixture
def open_engine(path: Path) -> Iterator[Callable[..., SqliteEngine]]:
    """Make engines on *path* that are closed in the end."""
    opened: list[SqliteEngine] = []

    def make(file: Path = path, **options: object) -> SqliteEngine:
        engine = SqliteEngine(file, **options)  # type: ignore[arg-type]  # options by name
        opened.append(engine)
        return engine

    yield make
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(path: Path) -> Iterator[SqliteEngine]:
    """Open an engine on a file with the table ``item (name)``."""
    engine: SqliteEngine = connect(f"sqlite:///{path}?busy_timeout=5")
    engine.transact(create)
    yield engine
    engine.close()


def create(tx: SqliteTransaction) -> None:
    """Make the business table."""
    tx.connection.execute("CREATE TABLE item (name TEXT UNIQUE)")


def insert(name: str) -> Callable[[SqliteTransaction], str]:
    """Return work that inserts *name* and returns it."""

    def work(tx: SqliteTransaction) -> str:
        tx.connection.execute("INSERT INTO item VALUES (?)", (name,))
        return name

    return work


def names(engine: SqliteEngine) -> list[str]:
    """Return what an engine's readers see."""
    return engine.read(
        lambda c: [name for (name,) in c.execute("SELECT name FROM item ORDER BY 1")]
    )


def files(folder: Path) -> list[str]:
    """Return the names of what is in *folder*."""
    return sorted(file.name for file in folder.iterdir())


def on_disk(path: Path, sql: str = "SELECT name FROM item ORDER BY 1") -> list[Any]:
    """Return what any other program sees in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute(sql)]
