"""Confirm bookings in commits that tasks share, until killed.

Arguments: the folder, the first number. All workers go through the same keys,
so that they meet on each; within a worker two tasks ask for each.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

import anyio

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.testing import EffectsLedger
from tests.crash import bookings

AT_ONCE = 8


async def work(
    operation: bookings.Confirmation, ledger: EffectsLedger, first: int
) -> None:
    """Confirm several at once, each twice, and note what is told.

    Says that it is at work when the first are done, so that a slow start is
    not what gets killed.
    """

    async def one(key: str) -> None:
        command = bookings.Confirm(key)
        answer = await operation.acall(command, key=key, scope=bookings.SCOPE)
        ledger.ack(key, answer.body)

    for n in count(first, AT_ONCE):
        async with anyio.create_task_group() as tasks:
            for i in range(2 * AT_ONCE):
                tasks.start_soon(one, f"k{n + i % AT_ONCE}")
        if n == first:
            print("at work", flush=True)


def main(folder: str, first: str) -> None:
    """Open the database and work."""
    # Others are slow here, not stuck.
    engine = SqliteEngine(Path(folder) / bookings.DATABASE, busy_timeout=30.0)
    engine.transact(bookings.create)
    operation = bookings.confirmation(engine)
    anyio.run(work, operation, EffectsLedger(Path(folder) / "ledger"), int(first))


if __name__ == "__main__":
    main(*sys.argv[1:])
