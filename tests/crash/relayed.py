"""A consumer of a channel, in a process of its own that may die at any moment.

It acts on each event through an `Operation` whose key is the event's id, and
then marks its place; the mark is always one event late, as with every consumer
that does not commit act and mark together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import anyio

from syncpatterns import Operation
from syncpatterns._transaction import Transaction
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.realtime import Delivered, Event, Hub, Position, Relay
from syncpatterns.testing import EffectsLedger
from tests.crash.bookings import CHANNEL, DATABASE, SCOPE

EVENTS = 3
END = "end"

Since = Mapping[str, Position] | Literal["live", "earliest"]


def create(tx: Transaction) -> None:
    """Make the consumer's table, unless it is there."""
    tx.connection.execute("CREATE TABLE IF NOT EXISTS notice (event_id TEXT)")


def notify(tx: Transaction, event_id: str) -> None:
    """Act on an event: the effect."""
    tx.connection.execute("INSERT INTO notice VALUES (?)", (event_id,))


class Consumer:
    """Reads the channel from its mark on, until the end of a run.

    Args:
        folder: Where database, ledger and mark are.
        resume: False is a planted bug: it begins with what is new.
    """

    def __init__(self, folder: Path, *, resume: bool = True) -> None:
        self._ledger = EffectsLedger(folder / "ledger")
        self._mark = folder / "mark"
        self._resume = resume
        self._late: Position | None = None
        self.engine = SqliteEngine(folder / DATABASE)

    async def run(self) -> None:
        """Publish what was not yet, handle what comes, stop at this run's end."""
        async with self.engine, anyio.create_task_group() as tasks:
            await self.engine.atransact(create)
            hub = Hub(self.engine)
            relay = Relay(self.engine, hub)
            await tasks.start(relay.run)
            async with hub.subscribe(CHANNEL, since=self._since()) as items:
                await self._publish_next()
                async for item in items:
                    assert isinstance(item, Delivered)
                    await self._handle(item)
                    if item.event.type == END and not item.replayed:
                        break
                    if not item.replayed:
                        await self._publish_next()
            hub.close()
            tasks.cancel_scope.cancel()

    def _since(self) -> Since:
        if not self._resume:
            return "live"
        if not self._mark.exists():
            return "earliest"
        return {CHANNEL: Position.parse(self._mark.read_text(encoding="ascii"))}

    async def _handle(self, item: Delivered) -> None:
        self._ledger.record(item.event.id, token=item.position.offset)
        notice = Operation("bookings.notify", self.engine, effect=notify)
        await notice.acall(item.event.id, key=item.event.id, scope=SCOPE)
        if self._late is not None:
            new = self._mark.with_suffix(".new")
            new.write_text(str(self._late), encoding="ascii")
            new.replace(self._mark)
        self._late = item.position

    async def _publish_next(self) -> None:
        def publish(tx: Transaction) -> None:
            tx.publish(event)

        kept = self.engine.outbox().bounds([CHANNEL])[CHANNEL]
        kind = "work" if kept.top < EVENTS else END
        event: Any = Event(CHANNEL, kind, {"number": kept.top + 1})
        await self.engine.atransact(publish)
