"""Handlers: plain and async, in every world, and what they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns.offline_queue import (
    Done,
    OfflineQueue,
)
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.surface import Crm, Update, World


@pytest.mark.parametrize("kind", ["plain", "async", "around"])
@pytest.mark.parametrize("way", ["call", "drain"])
def test_any_handler_in_any_world(
    make: Callable[..., OfflineQueue], kind: str, way: str, world: World
) -> None:
    """A loop is never blocked by a plain one, a thread awaits an async one."""
    queue = make()
    threads: list[int] = []

    async def answer(payload: int) -> int:
        threads.append(threading.get_ident())
        await anyio.lowlevel.checkpoint()
        return payload + 1

    if kind == "plain":

        @queue.handler("n.inc")
        def plain(payload: int) -> int:
            threads.append(threading.get_ident())
            return payload + 1

    elif kind == "async":
        queue.handler("n.inc")(answer)
    else:

        @queue.handler("n.inc")
        def around(payload: int) -> Any:
            return answer(payload)

    if way == "call":
        out = world(queue, "call", "n.inc", 1)
    else:
        receipt = world(queue, "enqueue", "n.inc", 1)
        world.flush(queue)
        out = world(receipt, "wait", 0)

    assert isinstance(out, Done)
    assert out.value == 2
    here = threading.get_ident()
    on_loop = world.name != "sync"
    # A plain handler leaves the loop's thread; an async one leaves a thread.
    assert (threads[0] == here) is (on_loop is (kind != "plain"))


def test_an_async_handler_awaits_in_trio_too(make: Callable[..., OfflineQueue]) -> None:
    """The portal is asyncio's, whatever the caller's thread had run before."""
    queue = make()

    @queue.handler("n.inc")
    async def inc(payload: int) -> int:
        with anyio.fail_after(120):
            await anyio.to_thread.run_sync(lambda: None)
        return payload + 1

    async def main() -> Any:
        return await anyio.to_thread.run_sync(lambda: queue.call(inc, 1))

    assert anyio.run(main, backend="trio").value == 2


def test_a_handler_knows_its_item(
    queue: OfflineQueue, crm: Crm, clock: FakeClock, world: World
) -> None:
    """Key, scope, counts and times; what it shows holds no key."""
    start = clock.time()
    crm.script = [ValueError("500"), TimeoutError()]
    receipt = queue.enqueue(
        "leads.update",
        Update(7, "won"),
        key="secret",
        scope="acme",
        headers={"trace": "t1"},
    )
    world.flush(queue)
    clock.advance(10)
    world.flush(queue)
    clock.advance(60)
    world.flush(queue)
    first, second, third = (ctx for _, ctx in crm.calls)

    assert (first.key, first.scope, first.id) == ("secret", "acme", receipt.id)
    assert [ctx.attempt for ctx in (first, second, third)] == [1, 2, 2]
    assert [ctx.deliveries for ctx in (first, second, third)] == [1, 2, 3]
    assert [ctx.age for ctx in (first, second, third)] == [0.0, 10.0, 70.0]
    assert first.token < second.token < third.token
    assert first.enqueued_at == start
    assert dict(first.headers) == {"trace": "t1"}
    assert first.key_hash == receipt.key_hash
    assert "secret" not in repr(first)
    assert first.remaining() == 30.0


def test_a_handler_without_context_is_called_without(
    make: Callable[..., OfflineQueue],
) -> None:
    """A second parameter with a default is the handler's own business."""
    queue = make()

    @queue.handler("n.add")
    def add(payload: int, more: int = 5) -> int:
        return payload + more

    out = queue.call(add, 1)

    assert isinstance(out, Done)
    assert out.value == 6


def test_methods_and_partials_can_be_handlers(
    make: Callable[..., OfflineQueue],
) -> None:
    """A bound method is a new object each time it is named."""
    queue = make()

    class Client:
        def send(self, payload: int) -> int:
            return payload * 2

    client = Client()
    queue.handler("n.double")(client.send)
    out = queue.call(client.send, 4)

    assert isinstance(out, Done)
    assert out.value == 8
