"""The backends that the realtime conformance suite runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from syncpatterns.engines import connect
from syncpatterns.realtime import Event, Hub, OutboxPublisher, Relay


class MemoryBackend:
    """A hub alone."""

    def __init__(self) -> None:
        self.hub = Hub(ring=10)

    async def publish(self, *events: Event) -> None:
        """Publish to the hub."""
        await self.hub.apublish_many(events)

    async def restart(self) -> None:
        """Begin with an empty hub, as a new process does."""
        self.hub.close()
        self.hub = Hub(ring=10)


class SqliteBackend:
    """A hub over the outbox of a database, with a relay between them."""

    def __init__(self, path: Path, tasks: anyio.abc.TaskGroup) -> None:
        self._path = path
        self._tasks = tasks

    async def start(self) -> None:
        """Open the database and start the relay."""
        self.engine: Any = connect(f"sqlite:///{self._path}")
        await self.engine.aopen()
        self.hub = Hub(self.engine, ring=10)
        self.relay = Relay(self.engine, self.hub)
        self._scope = await self._tasks.start(self._relay)

    async def publish(self, *events: Event) -> None:
        """Commit to the outbox."""
        await OutboxPublisher(self.engine).apublish_many(events)

    async def restart(self) -> None:
        """Close everything and open it again."""
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        """Close everything."""
        self.hub.close()
        self._scope.cancel()
        await self.engine.aclose()

    async def _relay(self, *, task_status: Any) -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self.relay.run)
                task_status.started(scope)


@asynccontextmanager
async def memory_backend() -> AsyncIterator[MemoryBackend]:
    """Give a fresh hub."""
    yield MemoryBackend()


@asynccontextmanager
async def sqlite_backend(path: Path) -> AsyncIterator[SqliteBackend]:
    """Give a hub over a fresh database."""
    async with anyio.create_task_group() as tasks:
        backend = SqliteBackend(path, tasks)
        await backend.start()
        yield backend
        await backend.stop()


class _RollBack(Exception):
    """Undo the transaction."""


class SqliteOutboxBackend:
    """The outbox of a fresh database."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.outbox = engine.outbox()

    def commit(self, *events: Event) -> float:
        """Publish in a transaction of its own."""
        moment: float = self.engine.transact(partial(self._write, events))
        return moment

    def roll_back(self, *events: Event) -> None:
        """Publish, then undo."""

        def work(tx: Any) -> None:
            tx.publish(*events)
            raise _RollBack

        try:
            self.engine.transact(work)
        except _RollBack:
            return

    @staticmethod
    def _write(events: tuple[Event, ...], tx: Any) -> float:
        tx.publish(*events)
        return float(tx.clock)


@contextmanager
def sqlite_outbox(path: Path) -> Iterator[SqliteOutboxBackend]:
    """Give a fresh database."""
    with connect(f"sqlite:///{path}") as engine:
        yield SqliteOutboxBackend(engine)
