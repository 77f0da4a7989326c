"""Requests that meet while the writer is busy, for the tests of crowds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import anyio

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._queue._store import SqliteQueueStore
from syncpatterns.offline_queue._core import NewItem
from syncpatterns.offline_queue._ports import EnqueueRequest
from tests.unit.engines.queues import QUEUE
from tests.unit.engines.test_shared_commits import Statements, held


def waiting(store: SqliteQueueStore) -> int:
    """Return how many requests wait for the writer, and have not withdrawn."""
    crowds = list(store._office.crowd._open.values())
    members = [each for crowd in crowds for each in list(crowd.members)]
    return sum(not each._taken.locked() for each in members)


async def until_waiting(store: SqliteQueueStore, n: int) -> None:
    """Wait until *n* requests wait."""
    with anyio.fail_after(120):
        while waiting(store) < n:
            await anyio.lowlevel.checkpoint()


async def together(
    store: SqliteQueueStore, requests: Sequence[EnqueueRequest]
) -> list[Any]:
    """Have *requests* wait for one commit, in their order; return what came of each."""
    awaited = store._engine.async_queue_store()
    outcomes: list[Any] = [None] * len(requests)

    async def ask(n: int, request: EnqueueRequest) -> None:
        try:
            outcomes[n] = await awaited.enqueue(request)
        except Exception as error:  # noqa: BLE001 - it is what is looked at
            outcomes[n] = error

    async with anyio.create_task_group() as tasks:
        with held(store._engine):
            for n, request in enumerate(requests):
                tasks.start_soon(ask, n, request)
                await until_waiting(store, n + 1)
    return outcomes


def alone(store: SqliteQueueStore, requests: Sequence[EnqueueRequest]) -> list[Any]:
    """Make *requests* one after the other, and return what came of each."""
    outcomes: list[Any] = []
    for request in requests:
        try:
            outcomes.append(store.enqueue(request))
        except Exception as error:  # noqa: BLE001 - it is what is looked at
            outcomes.append(error)
    return outcomes


def shown(outcomes: list[Any]) -> list[Any]:
    """Return outcomes as they can be compared."""
    return [
        f"{type(each).__name__}: {each}" if isinstance(each, Exception) else each
        for each in outcomes
    ]


def one(*items: NewItem, **more: Any) -> EnqueueRequest:
    """Return a request."""
    return EnqueueRequest(QUEUE, items, **more)


@contextmanager
def counted(engine: SqliteEngine) -> Iterator[Statements]:
    """Count what the writing connection runs."""
    statements = Statements(engine)
    yield statements
    statements.connection.set_trace_callback(None)
