"""What holds an item while its handler runs, and what gives it back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns import connect
from syncpatterns.errors import LeaseLost
from syncpatterns.offline_queue import (
    Done,
    ItemContext,
    ItemState,
    OfflineQueue,
    Queued,
)
from syncpatterns.offline_queue._core import LIVE, Filter
from syncpatterns.offline_queue._delivering._invoking import THREADS
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.surface import Facts, World


def test_a_handler_can_extend_its_lease(
    make: Callable[..., OfflineQueue], clock: FakeClock, world: World
) -> None:
    """Held: later. Taken by another: told, and the result is dropped."""
    queue = make(lease=30)
    told: list[Any] = []

    @queue.handler("n.inc")
    def inc(payload: int, ctx: ItemContext) -> int:
        if ctx.deliveries == 1:
            ctx.extend(100)
            clock.advance(90)
            queue.flush()  # another worker finds nothing: it is still ours
            told.append(queue.get(ctx.id).token)  # type: ignore[union-attr]  # it is there
            ctx.check()
        return payload + ctx.deliveries

    out = world(queue, "call", inc, 1)

    assert told == [1]
    assert isinstance(out, Done)
    assert out.value == 2


def test_a_handler_that_lost_its_item_is_told(
    make: Callable[..., OfflineQueue], clock: FakeClock, facts: Facts
) -> None:
    """Somebody else has it: `extend` and `check` raise, the late result is dropped."""
    queue = make(lease=30)
    raised: list[type[BaseException]] = []
    store = queue._shared.ready()

    @queue.handler("n.inc")
    def inc(payload: int, ctx: ItemContext) -> int:
        if ctx.deliveries > 1:
            return 100
        clock.advance(0.5)
        store.settle("field", [_freed(ctx)])
        queue.flush()
        for method in (ctx.extend, ctx.check):
            with pytest.raises(LeaseLost, match="another worker"):
                method()
            raised.append(LeaseLost)
        return 1

    out = queue.call(inc, 1)

    assert raised == [LeaseLost] * 2
    assert isinstance(out, Queued)
    assert out.reason == "lease-lost"
    assert out.receipt.wait(0).value == 100
    assert facts.names.count("ItemLeaseLost") == 1


def _freed(ctx: ItemContext) -> Any:
    from syncpatterns.offline_queue._core import Hold, Release

    return Release(Hold(ctx.id, ctx.token))


@pytest.mark.parametrize("backend", ["sync", "asyncio"])
def test_a_call_that_takes_longer_than_its_lease_keeps_it(
    make: Callable[..., OfflineQueue], clock: FakeClock, backend: str
) -> None:
    """Renewed every third of it by one timer for all calls of the queue."""
    queue = make(lease=30)
    meanwhile: list[Any] = []

    @queue.handler("n.inc")
    def inc(payload: int, ctx: ItemContext) -> int:
        for _ in range(20):
            clock.advance(10)
        queue.flush()
        meanwhile.append(queue.items(states=["leased"]))
        return payload + 1

    out = World(backend)(queue, "call", inc, 1)

    assert out.value == 2
    assert [item.lapses for item in meanwhile[0]] == [0]
    assert [item.token for item in meanwhile[0]] == [1]


async def test_a_store_that_can_only_be_awaited_keeps_its_leases(
    clock: FakeClock,
) -> None:
    """A task of the loop renews where no thread can."""
    engine = connect("memory://", clock=clock)
    queue = OfflineQueue("field", engine.async_queue_store(), clock=clock, lease=30)
    begun = anyio.Event()

    @queue.handler("n.inc")
    async def inc(payload: int, ctx: ItemContext) -> int:
        begun.set()
        for _ in range(12):
            await clock.await_for_sleepers(1)
            clock.advance(10)
            await anyio.wait_all_tasks_blocked()
        return payload + 1

    with anyio.fail_after(120):
        out = await queue.acall(inc, 1)

    assert isinstance(out, Done)
    assert out.value == 2


@pytest.mark.case("QUE-55", part="call")
async def test_a_call_that_is_cancelled_gives_its_item_back() -> None:
    """Attempts unchanged; it may have been done, so it counts as sent."""
    queue = OfflineQueue("field", connect("memory://"))
    running = anyio.Event()

    @queue.handler("n.inc")
    async def inc(payload: int, ctx: ItemContext) -> int:
        running.set()
        await anyio.sleep_forever()
        return payload

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_called, queue)
        await running.wait()
        tasks.cancel_scope.cancel()
    (item,) = await queue.aitems()

    assert (item.state, item.attempts) == (ItemState.READY, 0)
    assert item.sent_at is not None


async def _called(queue: OfflineQueue) -> None:
    await queue.acall("n.inc", 1)


@pytest.mark.case("QUE-55", part="not begun")
async def test_a_call_that_had_no_thread_yet_was_never_sent() -> None:
    """Its plain handler waits for one, is cancelled, and is never called."""
    queue = OfflineQueue("field", connect("memory://"))
    free, calls = threading.Event(), list[int]()

    @queue.handler("n.inc")
    def inc(payload: int) -> None:
        calls.append(payload)
        free.wait(120)

    async with anyio.create_task_group() as tasks:
        for _ in range(THREADS):
            tasks.start_soon(queue.acall, inc, 1)
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as late:
            late.start_soon(queue.acall, inc, 2)
            while not any(each.payload == b"2" for each in await queue.aitems()):
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            late.cancel_scope.cancel()
        items = await queue.aitems(states=["ready"])
        free.set()

    assert 2 not in calls
    assert [(item.payload, item.sent_at) for item in items] == [(b"2", None)]


@pytest.mark.parametrize("way", ["call", "drain"])
def test_what_a_handler_waits_for_can_be_cancelled(
    make: Callable[..., OfflineQueue], way: str
) -> None:
    """A future that its owner cancels ends neither the caller nor the drain."""
    queue = make()

    @queue.handler("n.inc")
    async def inc(payload: int, ctx: ItemContext) -> int:
        if ctx.deliveries == 1:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
        return payload

    async def main() -> Any:
        if way == "call":
            return await queue.acall(inc, 1)
        receipt = await queue.aenqueue(inc, 1)
        await queue.aflush()
        return Queued(receipt, "no-answer")

    out = anyio.run(main)
    item = queue.get(out.receipt.id)

    assert out.reason == "no-answer"
    assert item is not None
    assert (item.state, item.attempts) == (ItemState.READY, 0)
    assert item.sent_at is not None


def test_a_call_that_is_interrupted_gives_its_item_back(
    make: Callable[..., OfflineQueue],
) -> None:
    """Ctrl-C ends the call and not the action."""
    queue = make()

    @queue.handler("n.inc")
    def inc(payload: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.call(inc, 1)
    which = Filter(states=LIVE)
    (item,) = queue._shared.ready().items("field", which)

    assert (item.state, item.attempts) == (ItemState.READY, 0)
    assert item.sent_at is not None


async def test_an_async_handler_extends_its_lease_too(
    make: Callable[..., OfflineQueue],
) -> None:
    """By as much as it says, counted from now."""
    queue = make(lease=30)
    later: list[float] = []

    @queue.handler("n.inc")
    async def inc(payload: int, ctx: ItemContext) -> int:
        before = await queue.aget(ctx.id)
        await ctx.aextend(100)
        after = await queue.aget(ctx.id)
        assert before is not None
        assert after is not None
        later.append(after.lease_until - before.lease_until)
        return payload + 1

    out = await queue.acall(inc, 1)

    assert isinstance(out, Done)
    assert later == [pytest.approx(70)]
