"""Callers that are cancelled at the worst moment: their items wait for no lease."""

from __future__ import annotations

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
