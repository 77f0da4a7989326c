"""P-IDM-5: an operation in mode single on SQLite, against its bare rows.

The reference writes the same two business rows in one commit at FULL, by hand
on a connection of its own: what an application without this library does. Ours
adds the idempotency record, the serialised answer and one outbox event.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import anyio

from benchmarks._harness import DISK_PAIRS, Paired, Row, paired, row, summary
from syncpatterns import Event, Operation, connect
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.operation import Transaction

_TASKS = 32
_ROUNDS = 60
_EACH = 4
_SCHEMA = (
    "CREATE TABLE booking (id INTEGER PRIMARY KEY, name TEXT, detail TEXT)",
    "CREATE TABLE audit (id INTEGER PRIMARY KEY, action TEXT)",
)
_BOOKING = "INSERT INTO booking (name, detail) VALUES (?, ?)"
_AUDIT = "INSERT INTO audit (action) VALUES (?)"
_DETAIL = "x" * 50


@dataclass(frozen=True, slots=True)
class Confirm:
    booking_id: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    booking_id: str
    status: str


def confirm(tx: Transaction, command: Confirm) -> Confirmed:
    """Write two rows and one event."""
    tx.connection.execute(_BOOKING, (command.booking_id, _DETAIL))
    tx.connection.execute(_AUDIT, ("confirmed",))
    tx.publish(
        Event("tenant.acme.bookings", "booking.changed", {"id": command.booking_id})
    )
    return Confirmed(command.booking_id, "confirmed")


def rows() -> Iterator[Row]:
    """Measure one blocking caller, then 32 tasks that share commits."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        path = Path(folder)
        with closing(_bare(path / "bare.db")) as bare:
            yield row(
                "P-IDM-5.one",
                "SQLite FULL, one caller: operation vs. its two rows alone, us",
                _one_caller(path / "one.db", bare),
                target=1.25,
            )
            yield row(
                "P-IDM-5.tasks",
                "SQLite FULL, each of 32 tasks vs. one caller's two rows, us",
                anyio.run(_tasks, path / "tasks.db", bare),
                target=0.35,
            )


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    for statement in _SCHEMA:
        connection.execute(statement)
    return connection


def _by_hand(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_BOOKING, ("b", _DETAIL))
    connection.execute(_AUDIT, ("confirmed",))
    connection.execute("COMMIT")


def _operation(path: Path) -> tuple[SqliteEngine, Operation[Confirm, Confirmed]]:
    engine: SqliteEngine = connect(f"sqlite:///{path}")
    engine.transact(_create)
    return engine, Operation("bench.confirm", engine, effect=confirm)


def _create(tx: Transaction) -> None:
    for statement in _SCHEMA:
        tx.connection.execute(statement)


def _one_caller(path: Path, bare: sqlite3.Connection) -> Paired:
    engine, operation = _operation(path)
    numbers = count()

    def ours() -> None:
        number = str(next(numbers))
        operation.call(Confirm(number), key=number, scope="acme")

    with closing(engine):
        for _ in range(50):
            ours()
            _by_hand(bare)
        return paired(ours, lambda: _by_hand(bare), pairs=3 * DISK_PAIRS, number=1)


async def _tasks(path: Path, bare: sqlite3.Connection) -> Paired:
    engine, operation = _operation(path)
    numbers = count()
    samples: list[tuple[float, float]] = []

    async def caller() -> None:
        for _ in range(_EACH):
            number = str(next(numbers))
            await operation.acall(Confirm(number), key=number, scope="acme")

    with closing(engine):
        for _ in range(_ROUNDS):
            start = time.perf_counter()
            async with anyio.create_task_group() as group:
                for _ in range(_TASKS):
                    group.start_soon(caller)
            mine = (time.perf_counter() - start) / (_TASKS * _EACH)
            start = time.perf_counter()
            for _ in range(_TASKS):
                _by_hand(bare)
            samples.append((mine, (time.perf_counter() - start) / _TASKS))
    return summary(samples)
