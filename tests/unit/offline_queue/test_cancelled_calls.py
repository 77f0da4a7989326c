"""Callers that are cancelled at the worst moment: their items wait for no lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns.offline_queue import ItemState, OfflineQueue


async def test_cancelled_while_it_is_stored_an_item_is_given_back(
    make: Callable[..., OfflineQueue], engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit has landed, and its answer not yet: nobody else knows the number."""
    queue = make()
    scope = anyio.CancelScope()
    called: list[int] = []

    @queue.handler("n.inc", lane=lambda _number: "one")
    async def inc(payload: int) -> None:
        called.append(payload)

    await queue.astats()  # what is opened once is open
    kind = type(engine.async_queue_store())
    enqueue = kind.enqueue

    async def landed(self: Any, request: Any) -> Any:
        answer = await enqueue(self, request)
        scope.cancel()
        await anyio.lowlevel.checkpoint()
        return answer

    monkeypatch.setattr(kind, "enqueue", landed)
    with scope:
        await queue.acall("n.inc", 1)
    (item,) = await queue.aitems()

    assert scope.cancelled_caught
    assert (item.state, item.sent_at) == (ItemState.READY, None)
    assert called == []


@pytest.mark.parametrize("method", ["enqueue", "settle"])
def test_a_time_out_of_asyncio_leaves_nothing_leased(
    make: Callable[..., OfflineQueue],
    engine: Any,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    """`asyncio.timeout` and `wait_for` know no shields, and are heard all the same."""
    queue = make()

    @queue.handler("n.inc", lane=lambda _number: "one")
    async def inc(payload: int) -> None:
        """Do it."""

    async def main() -> bool:
        await queue.astats()  # what is opened once is open
        kind = type(engine.async_queue_store())
        real = getattr(kind, method)
        task = asyncio.current_task()
        assert task is not None

        async def cancelled(self: Any, *args: Any) -> Any:
            task.cancel()
            await anyio.lowlevel.checkpoint()
            return await real(self, *args)

        monkeypatch.setattr(kind, method, cancelled)
        try:
            await queue.acall("n.inc", 1)
        except asyncio.CancelledError:
            return task.uncancel() == 0
        return False

    heard = asyncio.run(main())
    expected = {"enqueue": {ItemState.READY: 1}, "settle": {}}
    found = {state: count for state, count in queue.stats().states.items() if count}

    assert heard
    assert found == expected[method]
