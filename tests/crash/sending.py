"""A message sent through a provider that outlives every kill: a ledger's file.

One call leaves a line in the ledger (the message), and then a row, an audit row
and an event in one commit of the database.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from syncpatterns import Operation
from syncpatterns._transaction import Transaction
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import NotSent
from syncpatterns.operation import FencedContext
from syncpatterns.realtime import Event
from syncpatterns.retry import Retry, full_jitter
from syncpatterns.testing import EffectsLedger
from tests.crash.bookings import DATABASE

SCOPE = "acme"
CHANNEL = "tenant.acme.leads"
LEASE = 30.0


@dataclass(frozen=True, slots=True)
class Send:
    """The command."""

    to: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider answers."""

    to: str


Sending: TypeAlias = Operation[Send, str]


def database(folder: Path) -> Path:
    """Return where the rows are."""
    return folder / DATABASE


def create(tx: Transaction) -> None:
    """Make the business tables, unless they are there."""
    tx.connection.execute("CREATE TABLE IF NOT EXISTS sms (recipient)")
    tx.connection.execute("CREATE TABLE IF NOT EXISTS audit (recipient)")


def commit(tx: Transaction, command: Send, receipt: Receipt) -> str:
    """Write what was sent."""
    tx.connection.execute("INSERT INTO sms VALUES (?)", (receipt.to,))
    tx.connection.execute("INSERT INTO audit VALUES (?)", (receipt.to,))
    tx.publish(Event(CHANNEL, "sms.sent", {"to": receipt.to}))
    return f"sent to {command.to}"


class Provider:
    """The other side: its messages are lines of a file.

    Args:
        folder: Where the file is.
        dice: Decides what goes wrong; None: nothing does.
    """

    def __init__(self, folder: Path, dice: random.Random | None = None) -> None:
        self._ledger = EffectsLedger(folder / "provider")
        self._dice = dice

    def _falls(self) -> float:
        return 1.0 if self._dice is None else self._dice.random()

    def send(self, command: Send, ctx: FencedContext) -> Receipt:
        """Take the message; or refuse, or lose request or answer."""
        fallen = self._falls()
        if fallen < 0.1:
            raise NotSent("connection refused")
        if fallen < 0.2:
            raise TimeoutError("the request got lost")
        self._ledger.record(command.to, ctx.token)
        if fallen < 0.3:
            raise TimeoutError("the answer got lost")
        return Receipt(command.to)

    def find(self, command: Send, ctx: FencedContext) -> Receipt | None:
        """Say whether it has the message; or do not."""
        if self._falls() < 0.1:
            raise ConnectionError("unreachable")
        return Receipt(command.to) if self.messages()[command.to] else None

    def messages(self) -> Counter[str]:
        """Return how often each was sent."""
        return Counter(effect.key for effect in self._ledger.effects())


def sending(engine: SqliteEngine, provider: Provider, **options: Any) -> Sending:
    """Declare the operation on *engine*."""
    retry = Retry(on=NotSent, wait=full_jitter(0.001, 0.01), budget=None)
    declared: dict[str, Any] = {
        "call": provider.send,
        "lookup": provider.find,
        "commit": commit,
        "retry": retry,
        "lookup_retry": None,
        "look_pause": 0.0,
        "lease": LEASE,
        **options,
    }
    return Operation("sms.send", engine, **declared)


@dataclass(frozen=True, slots=True)
class Found:
    """What is there of each recipient."""

    messages: Counter[str]
    rows: Counter[str]
    audits: Counter[str]
    events: Counter[str]

    def of(self, name: str) -> tuple[int, int, int, int]:
        """Return how many of each there are of *name*."""
        kinds = (self.messages, self.rows, self.audits, self.events)
        return tuple(kind[name] for kind in kinds)  # type: ignore[return-value]  # four of them


def look(engine: SqliteEngine, provider: Provider) -> Found:
    """Count everything."""

    def read(connection: sqlite3.Connection) -> list[Counter[str]]:
        queries = (
            "SELECT recipient FROM sms",
            "SELECT recipient FROM audit",
            "SELECT json_extract(body, '$.data.to') FROM syncpatterns_outbox",
        )
        return [
            Counter(str(row[0]) for row in connection.execute(query))
            for query in queries
        ]

    return Found(provider.messages(), *engine.read(read))
