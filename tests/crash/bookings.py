"""The action that every crash proof takes: confirm a booking.

One operation with two business rows, a booking that counts how often it was
changed and an audit row, and one published event. A run of the effect leaves
the same random code in all of them and in the answer, so that a judge can tell
what came from one run and what was put together from two.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

from syncpatterns import Operation
from syncpatterns._transaction import Transaction
from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.idempotency._core import Record, storage_key
from syncpatterns.realtime import Event

NAME = "bookings.confirm"
SCOPE = "acme"
CHANNEL = "tenant.acme.bookings"
DATABASE = "app.db"

T = TypeVar("T")

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS booking (
        key TEXT PRIMARY KEY, changes INTEGER NOT NULL, code TEXT NOT NULL
    )""",
    # No constraint: a second row must be found by the judge, not refused here.
    "CREATE TABLE IF NOT EXISTS audit (key TEXT NOT NULL, code TEXT NOT NULL)",
)
# Counts on purpose instead of looking at a status: run twice, it shows.
CHANGE = """
INSERT INTO booking VALUES (?1, 1, ?2)
ON CONFLICT (key) DO UPDATE SET changes = changes + 1, code = ?2
"""


@dataclass(frozen=True, slots=True)
class Confirm:
    """The command."""

    booking: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The answer."""

    booking: str
    code: str


Confirmation: TypeAlias = Operation[Confirm, Confirmed]


def create(tx: Transaction) -> None:
    """Make the business tables, unless they are there."""
    for statement in SCHEMA:
        tx.connection.execute(statement)


def confirm(tx: Transaction, command: Confirm) -> Confirmed:
    """Confirm a booking: the effect."""
    key, code = command.booking, secrets.token_hex(8)
    tx.connection.execute(CHANGE, (key, code))
    tx.connection.execute("INSERT INTO audit VALUES (?, ?)", (key, code))
    tx.publish(Event(CHANNEL, "booking.confirmed", {"code": code}, key=key))
    return Confirmed(key, code)


def confirmation(engine: SqliteEngine, **options: Any) -> Confirmation:
    """Declare the operation on *engine*."""
    return Operation(NAME, engine, effect=confirm, **options)


def stored_as(key: str) -> bytes:
    """Return the primary key of the record of *key*."""
    return bytes.fromhex(storage_key("", SCOPE, NAME, key))


def engine_for(
    variant: str, folder: str | Path, clock: Clock | None = None
) -> SqliteEngine:
    """Return the engine of a folder: the library's, or one with a planted bug."""
    return VARIANTS[variant](Path(folder) / DATABASE, clock=clock)


# ------------------------------------------------------------ the planted bug


class TwoTransactions(SqliteEngine):
    """The planted bug: a record that is committed after its effect."""

    def transact(
        self,
        work: Callable[[SqliteTransaction], T],
        *,
        undoable: bool = False,
        relaxed: bool = False,
    ) -> T:
        """Commit what *work* did, then the record that it saved."""
        records: list[Record] = []

        def without_record(tx: SqliteTransaction) -> T:
            return work(cast("SqliteTransaction", _Postponing(tx, records)))

        value = super().transact(without_record, undoable=undoable, relaxed=relaxed)
        if records:
            self.between()
        for record in records:
            super().transact(partial(SqliteTransaction.save_record, record=record))
        return value

    def between(self) -> None:
        """Do nothing, and so be as hard to catch as can be."""


class FarApart(TwoTransactions):
    """The same with other work in between, for who can only try his luck."""

    def between(self) -> None:
        """Take as long as a call of another service would."""
        threading.Event().wait(0.005)


class _Postponing:
    """A transaction that keeps the record for later."""

    def __init__(self, tx: SqliteTransaction, records: list[Record]) -> None:
        self._tx = tx
        self.save_record = records.append

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


VARIANTS: dict[str, type[SqliteEngine]] = {
    "one-commit": SqliteEngine,
    "two-commits": TwoTransactions,
    "two-commits-far-apart": FarApart,
}
