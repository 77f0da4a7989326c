"""An operation that sends a message through a provider that can be made to fail."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import NotSent, Refusal
from syncpatterns.idempotency import Record
from syncpatterns.operation import FencedContext, Operation, Transaction
from syncpatterns.realtime import Event
from syncpatterns.retry import Retry
from syncpatterns.testing import FakeClock

CHANNEL = "tenant.acme.leads"


@dataclass(frozen=True, slots=True)
class Send:
    """What the tests ask for."""

    to: str = "lead-1"
    body: str = "hello"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider answers."""

    number: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What the caller gets."""

    to: str
    number: int


class Rejected(Refusal):
    """The provider says no to this message."""

    status = 502
    problem = "provider-rejected"


class OptedOut(Refusal):
    """Our own rows say no."""

    problem = "opted-out"


@dataclass(frozen=True, slots=True)
class Fault:
    """What the provider does instead of answering.

    Args:
        error: What its client raises.
        taken: Whether it took the message all the same.
        before: Called first.
    """

    error: BaseException | None = None
    taken: bool = False
    before: Callable[[], object] | None = None


def refused(retry_after: float | None = None) -> Fault:
    """The connection was refused."""
    return Fault(NotSent("connection refused", retry_after=retry_after))


def lost() -> Fault:
    """It took the message, and the answer got lost."""
    return Fault(TimeoutError("read timed out"), taken=True)


def dropped() -> Fault:
    """The request got lost; it looks the same from here."""
    return Fault(TimeoutError("read timed out"))


class Provider:
    """Holds messages; does what its scripts say, then what is right.

    Attributes:
        messages: Who got one, in order.
        calls: Contexts of all requests to send.
        looks: Contexts of all lookups.
        faults: What comes next when it is asked to send.
        blind: What comes next when it is looked at.
    """

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.calls: list[FencedContext] = []
        self.looks: list[FencedContext] = []
        self.faults: list[Fault] = []
        self.blind: list[Exception | None] = []
        self.down = False

    def send(self, command: Send, ctx: FencedContext) -> Receipt:
        """Take a message."""
        self.calls.append(ctx)
        fault = self.faults.pop(0) if self.faults else Fault(taken=True)
        if fault.before is not None:
            fault.before()
        if fault.taken or fault.error is None:
            self.messages.append(command.to)
        if fault.error is not None:
            raise fault.error
        return Receipt(len(self.messages))

    def find(self, command: Send, ctx: FencedContext) -> Receipt | None:
        """Look for a message."""
        self.looks.append(ctx)
        error = self.blind.pop(0) if self.blind else None
        if error is not None or self.down:
            raise error or ConnectionError("unreachable")
        if command.to not in self.messages:
            return None
        return Receipt(self.messages.index(command.to) + 1)

    async def asend(self, command: Send, ctx: FencedContext) -> Receipt:
        """Do `send`."""
        return self.send(command, ctx)

    async def afind(self, command: Send, ctx: FencedContext) -> Receipt | None:
        """Do `find`."""
        return self.find(command, ctx)


@dataclass
class Desk:
    """The operation and everything around it.

    Attributes:
        engine: Where its records are.
        clock: Its time.
        form: ``plain`` or ``async``: what call= and lookup= are.
        provider: The other side.
        rows: What was committed: the database's table, or this list.
        heard: What the hooks were told.
    """

    engine: Any
    clock: FakeClock
    form: str
    provider: Provider = field(default_factory=Provider)
    rows: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    heard: list[Any] = field(default_factory=list[Any])

    def retry(self, on: Any = NotSent, **options: Any) -> Retry:
        """Try again without waiting, by dice that fall the same each time."""
        chosen: dict[str, Any] = {
            "clock": self.clock,
            "budget": None,
            "rng": random.Random(7),
            "hooks": [self.heard.append],
            **options,
        }
        return Retry(on=on, **chosen)

    def commit(self, tx: Transaction, command: Send, receipt: Receipt) -> Sent:
        """Write the row, an audit line and an event."""
        self._write(tx, command, receipt)
        return Sent(command.to, receipt.number)

    def _write(self, tx: Transaction, command: Send, receipt: Receipt) -> None:
        if not isinstance(self.engine, SqliteEngine):
            self.rows.append((command.to, receipt.number))
            return
        connection: sqlite3.Connection = tx.connection
        row = (command.to, receipt.number)
        connection.execute("INSERT INTO sms VALUES (?, ?)", row)
        connection.execute("INSERT INTO audit VALUES (?)", (tx.key_hash,))
        tx.publish(Event(CHANNEL, "sms.changed", {"to": command.to}))

    def operation(self, **options: Any) -> Operation[Send, Sent]:
        """Declare the operation."""
        plain = self.form == "plain"
        provider = self.provider
        declared: dict[str, Any] = {
            "call": provider.send if plain else provider.asend,
            "lookup": provider.find if plain else provider.afind,
            "commit": self.commit,
            "refusals": (Rejected, OptedOut),
            "retry": self.retry(),
            "lookup_retry": None,
            "hooks": [self.heard.append],
            **options,
        }
        return Operation("sms.send", self.engine, **declared)

    def written(self) -> list[tuple[str, int]]:
        """Return the committed rows."""
        if not isinstance(self.engine, SqliteEngine):
            return list(self.rows)
        sql = "SELECT * FROM sms"
        return self.engine.read(lambda c: c.execute(sql).fetchall())

    def counted(self, table: str) -> int:
        """Return how many rows *table* has."""
        sql = f"SELECT count(*) FROM {table}"
        return int(self.engine.read(lambda c: c.execute(sql).fetchone()[0]))

    def record(
        self, operation: Operation[Any, Any], key: str = "k1", scope: str = "acme"
    ) -> Record | None:
        """Return what is stored under the key."""
        stored: Record | None = self.engine.idempotency_store().inspect(
            operation.storage_key(key, scope=scope)
        )
        return stored

    def state(self, operation: Operation[Any, Any], key: str = "k1") -> str:
        """Return the state of the key."""
        record = self.record(operation, key)
        return "absent" if record is None else str(record.state)

    def told(self) -> list[str]:
        """Return the names of the facts that the hooks were told, in order."""
        return [type(fact).__name__ for fact in self.heard]


def open_sqlite(path: Any, clock: FakeClock) -> SqliteEngine:
    """Return an engine on a database with the business tables."""
    engine = SqliteEngine(path, clock=clock)
    for sql in (
        "CREATE TABLE IF NOT EXISTS sms (recipient, number)",
        "CREATE TABLE IF NOT EXISTS audit (key_hash)",
    ):
        engine.transact(lambda tx, sql=sql: tx.connection.execute(sql))  # type: ignore[misc]  # a default binds sql
    return engine


def open_memory(clock: FakeClock) -> MemoryEngine:
    """Return an engine without transactions."""
    return MemoryEngine(clock=clock)
