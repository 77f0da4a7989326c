"""An operation that writes a row, an audit line and an event."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import EngineBusy, OutcomeUnknown, Refusal
from syncpatterns.operation import Operation, Transaction
from syncpatterns.realtime import Event
from syncpatterns.retry import Retry
from syncpatterns.testing import FakeClock
from tests.unit.operation.fenced_kit import Desk, open_memory, open_sqlite

CHANNEL = "tenant.acme.bookings"


@dataclass(frozen=True, slots=True)
class Confirm:
    """What the tests ask for."""

    booking: str


@dataclass(frozen=True, slots=True)
class Booking:
    """What they get."""

    booking: str
    number: int


class SlotTaken(Refusal):
    """A refusal that the operation declares."""

    status = 409
    problem = "slot-taken"


class Bug(Exception):
    """An error that it does not declare."""


def confirm(tx: Transaction, command: Confirm) -> Booking:
    """Write a row, an audit line and an event; fail if the name says so."""
    connection: sqlite3.Connection = tx.connection
    row = connection.execute("INSERT INTO booking VALUES (?)", (command.booking,))
    connection.execute("INSERT INTO audit VALUES (?)", (tx.key_hash,))
    tx.publish(Event(CHANNEL, "booking.changed", {"booking": command.booking}))
    if command.booking == "taken":
        raise SlotTaken("The slot is taken.", free=["10:00", "11:00"])
    if command.booking == "bug":
        raise Bug
    return Booking(command.booking, row.lastrowid or 0)


@pytest.fixture
def clock() -> FakeClock:
    """Stand still until the test moves it; sleeps return at once."""
    return FakeClock(auto_advance=True)


@pytest.fixture
def engine(tmp_path: Path, clock: FakeClock) -> Iterator[SqliteEngine]:
    """Open a database with two business tables."""
    engine = SqliteEngine(tmp_path / "app.db", clock=clock)
    for sql in ("CREATE TABLE booking (name)", "CREATE TABLE audit (key_hash)"):
        engine.transact(lambda tx, sql=sql: tx.connection.execute(sql))  # type: ignore[misc]  # a default binds sql
    yield engine
    engine.close()


@pytest.fixture
def retry(clock: FakeClock) -> Retry:
    """Try again as an operation does, without waiting."""
    on = (EngineBusy, OutcomeUnknown)
    return Retry(on=on, attempts=3, clock=clock, budget=None)


MakeOperation = Callable[..., Operation[Confirm, Booking]]


@pytest.fixture
def make(engine: SqliteEngine, retry: Retry) -> MakeOperation:
    """Declare operations on the engine."""

    def make(**options: Any) -> Operation[Confirm, Booking]:
        effect: Callable[[Transaction, Confirm], Booking]
        effect = options.pop("effect", confirm)
        options = {"refusals": (SlotTaken,), "retry": retry, **options}
        return Operation("bookings.confirm", engine, effect=effect, **options)

    return make


@pytest.fixture
def operation(make: MakeOperation) -> Operation[Confirm, Booking]:
    """Declare the operation."""
    return make()


@dataclass(frozen=True)
class Counts:
    """How much of each kind is in the database."""

    bookings: int
    audits: int
    events: int
    records: int


def counts(engine: SqliteEngine) -> Counts:
    """Count everything in one view."""
    tables = ("booking", "audit", "syncpatterns_outbox", "syncpatterns_record")

    def look(connection: sqlite3.Connection) -> list[int]:
        return [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in tables
        ]

    return Counts(*engine.read(look))


ONCE = Counts(1, 1, 1, 1)
NOTHING = Counts(0, 0, 0, 0)
REFUSED = Counts(0, 0, 0, 1)


class Caller:
    """Calls an operation blocking or from a task, so that one test proves both."""

    def __init__(self, how: str) -> None:
        self.how = how

    async def __call__(
        self,
        operation: Operation[Any, Any],
        command: object = Confirm("b1"),
        *,
        key: Any = "k1",
        scope: Any = "acme",
    ) -> Any:
        if self.how == "call":
            return operation.call(command, key=key, scope=scope)
        return await operation.acall(command, key=key, scope=scope)


@pytest.fixture(params=["blocking", "asyncio", "trio"])
def way(request: pytest.FixtureRequest) -> str:
    """Every rule holds for every way to call."""
    return str(request.param)


@pytest.fixture
def anyio_backend(way: str) -> str:
    """A blocking call runs anywhere; once is enough."""
    return "trio" if way == "trio" else "asyncio"


@pytest.fixture
def call(way: str) -> Caller:
    """Call an operation in one of the ways."""
    return Caller("call" if way == "blocking" else "acall")


# ------------------------------------------------------------------- mode fenced


@pytest.fixture(params=["sqlite-plain", "sqlite-async", "memory-async"])
def desk(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock
) -> Iterator[Desk]:
    """An operation that sends, on each engine, with each form of call=."""
    store, form = str(request.param).split("-")
    made = (
        open_sqlite(tmp_path / "fenced.db", clock)
        if store == "sqlite"
        else open_memory(clock)
    )
    with made as engine:
        yield Desk(engine, clock, form)


@pytest.fixture
def sqlite_desk(tmp_path: Path, clock: FakeClock) -> Iterator[Desk]:
    """The same on SQLite, with plain functions."""
    with open_sqlite(tmp_path / "fenced.db", clock) as engine:
        yield Desk(engine, clock, "plain")
