"""A queue over an operation that counts: what was delivered, and what it did.

The handler notes each delivery in a ledger beside the database, and then asks
the operation, which does each key once. So the ledger tells duplicates, and
the table tells effects.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncpatterns import Operation
from syncpatterns._transaction import Transaction
from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue import Action, ItemContext, OfflineQueue
from syncpatterns.testing import EffectsLedger
from tests.crash.bookings import DATABASE

QUEUE = "field"
SCOPE = "acme"
#: Short, so that what a killed process held comes back within the proof.
LEASE = 1.5
COUNT = """
INSERT INTO sent VALUES (?1, 1) ON CONFLICT (number) DO UPDATE SET times = times + 1
"""


@dataclass(frozen=True, slots=True)
class Send:
    """The command."""

    number: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The answer."""

    number: int


def engine_for(folder: Path, clock: Clock | None = None) -> SqliteEngine:
    """Return the engine of one process."""
    return SqliteEngine(folder / DATABASE, clock=clock)


def create(tx: Transaction) -> None:
    """Make the table of effects."""
    tx.connection.execute(
        "CREATE TABLE IF NOT EXISTS sent (number INTEGER PRIMARY KEY, times INTEGER)"
    )


def count(tx: Transaction, command: Send) -> Sent:
    """Do it: the effect. It counts, so that a second one shows."""
    tx.connection.execute(COUNT, (command.number,))
    return Sent(command.number)


def queue_for(
    engine: SqliteEngine,
    folder: Path,
    *,
    before: Callable[[Send], object] = lambda _: None,
    after: Callable[[Send], object] = lambda _: None,
    **options: Any,
) -> OfflineQueue:
    """Return the queue, with its one handler.

    Args:
        engine: Where the items are, and the effects.
        folder: Where the ledger is.
        before: Called in the handler before the effect.
        after: Called in the handler after the effect.
        **options: Of the queue.
    """
    options = {"lease": LEASE, "max_items": 10**7} | options
    queue = OfflineQueue(QUEUE, engine, **options)
    operation: Operation[Send, Sent] = Operation("sent", engine, effect=count)
    ledger = EffectsLedger(folder / "ledger")

    @queue.handler("send")
    def send(command: Send, ctx: ItemContext) -> Sent:
        ledger.record(str(command.number), ctx.token)
        before(command)
        answer = operation.call(command, key=ctx.key, scope=ctx.scope)
        after(command)
        return answer.value

    return queue


def enqueue(queue: OfflineQueue, numbers: range) -> None:
    """Store one action for each number, under a key of its own."""
    for first in numbers[::500]:
        queue.enqueue_many(
            Action("send", Send(number), {"key": f"send-{number}", "scope": SCOPE})
            for number in range(first, min(first + 500, numbers.stop))
        )


def effects(engine: SqliteEngine) -> dict[int, int]:
    """Return how often each was done."""
    return dict(engine.read(lambda c: c.execute("SELECT * FROM sent").fetchall()))


def deliveries(folder: Path) -> Counter[str]:
    """Return how often the handler was called for each."""
    return Counter(effect.key for effect in EffectsLedger(folder / "ledger").effects())


def tell_the_test(line: str) -> None:
    """Write *line* to the standard output, at once."""
    os.write(1, f"{line}\n".encode("ascii"))
