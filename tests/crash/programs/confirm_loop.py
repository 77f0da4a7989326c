"""Confirm one booking after the other until killed, and note what is told.

Arguments: the folder, the engine's variant, the first number, "blocking" or
"tasks". All workers go through the same keys, so that they meet on each.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

import anyio

from syncpatterns.testing import EffectsLedger
from tests.crash import bookings

AT_ONCE = 6


class Worker:
    """One process's share of the work."""

    def __init__(self, folder: str, variant: str) -> None:
        self.ledger = EffectsLedger(Path(folder) / "ledger")
        self.engine = bookings.engine_for(variant, folder)
        self.engine.busy_timeout = 30.0  # others are slow here, not stuck
        self.engine.transact(bookings.create)
        self.operation = bookings.confirmation(self.engine)

    def block(self, first: int) -> None:
        """Confirm one at a time."""
        for n in count(first):
            key = f"k{n}"
            command = bookings.Confirm(key)
            answer = self.operation.call(command, key=key, scope=bookings.SCOPE)
            self.ledger.ack(key, answer.body)

    async def await_(self, first: int) -> None:
        """Confirm several at once, each twice."""
        for n in count(first, AT_ONCE):
            async with anyio.create_task_group() as tasks:
                for i in range(2 * AT_ONCE):
                    tasks.start_soon(self._one, f"k{n + i % AT_ONCE}")

    async def _one(self, key: str) -> None:
        command = bookings.Confirm(key)
        answer = await self.operation.acall(command, key=key, scope=bookings.SCOPE)
        self.ledger.ack(key, answer.body)


def main(folder: str, variant: str, first: str, how: str) -> None:
    """Say that the work begins, and work."""
    worker = Worker(folder, variant)
    print("at work", flush=True)
    if how == "blocking":
        worker.block(int(first))
    else:
        anyio.run(worker.await_, int(first))


if __name__ == "__main__":
    main(*sys.argv[1:])
