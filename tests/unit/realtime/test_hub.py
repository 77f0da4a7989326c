"""The hub in memory: threads, lag, limits, and what a subscriber is given."""

from __future__ import annotations

import gc
import logging
import threading
import tracemalloc
from typing import Any

import anyio
import pytest

from syncpatterns.errors import (
    EngineClosed,
    SubscriptionClosed,
)
from syncpatterns.realtime import (
    Delivered,
    Event,
    Gap,
    Hub,
    Position,
    Publisher,
    Subscriber,
)
from syncpatterns.testing import FakeClock
from syncpatterns.testing.conformance.realtime import event, events, numbers, read
from tests.timing import OwnTime, at_best_async

HARD_LIMIT = 10.0


def test_a_hub_is_a_publisher_and_a_subscriber() -> None:
    """By structure, as the ports have it."""
    assert isinstance(Hub(), Publisher)
    assert isinstance(Hub(), Subscriber)


async def test_publishing_from_any_thread_wakes_the_readers() -> None:
    """Effects run on an engine's thread; the reader waits on its loop."""
    hub = Hub(ring=10_000)
    async with hub.subscribe("a") as subscription:
        for _ in range(20):
            batch = events(1, 50)
            thread = threading.Thread(target=lambda: [hub.publish(e) for e in batch])  # noqa: B023 - joined at once
            thread.start()
            got = numbers(await read(subscription, 50))
            await anyio.to_thread.run_sync(thread.join)

            assert got == list(range(1, 51))


async def test_threads_that_publish_at_once_lose_nothing() -> None:
    """Each thread's events keep their order, and offsets stay dense."""
    hub = Hub(ring=10_000)
    batches = [events(1, 200, "a") for _ in range(4)]

    def publish(batch: list[Event]) -> None:
        for each in batch:
            hub.publish(each)

    async with hub.subscribe("a") as subscription:
        threads = [threading.Thread(target=publish, args=(b,)) for b in batches]
        for thread in threads:
            thread.start()
        items = await read(subscription, 800)
        for thread in threads:
            await anyio.to_thread.run_sync(thread.join)

    placed = [item for item in items if isinstance(item, Delivered)]
    assert [item.position.offset for item in placed] == list(range(1, 801))
    for batch in batches:
        mine = {each.id for each in batch}
        assert [i.event for i in placed if i.event.id in mine] == batch


async def test_readers_on_several_loops_are_all_woken() -> None:
    """A hub serves every event loop of its process."""
    hub = Hub()
    got: list[Any] = []
    ready = threading.Barrier(4)

    async def reader() -> None:
        async with hub.subscribe("a") as subscription:
            await anyio.to_thread.run_sync(ready.wait)
            got.extend(numbers(await read(subscription, 3)))

    threads = [
        threading.Thread(target=anyio.run, args=(reader,), kwargs={"backend": backend})
        for backend in ("asyncio", "trio", "asyncio")
    ]
    for thread in threads:
        thread.start()
    await anyio.to_thread.run_sync(ready.wait)
    hub.publish_many(events(1, 3))
    for thread in threads:
        await anyio.to_thread.run_sync(thread.join)

    assert sorted(got) == [1, 1, 1, 2, 2, 2, 3, 3, 3]


async def test_a_loop_that_is_gone_disturbs_nobody() -> None:
    """A subscription that was never closed belongs to a dead loop."""
    hub = Hub()
    parked = []

    async def abandon() -> None:
        subscription = hub.subscribe("a")
        await subscription.__aenter__()
        parked.append(subscription)
        with anyio.move_on_after(0):
            await subscription.batch()
        flag = subscription._park()
        assert flag is not None

    thread = threading.Thread(target=anyio.run, args=(abandon,))
    thread.start()
    await anyio.to_thread.run_sync(thread.join)
    async with hub.subscribe("a") as subscription:
        hub.publish(event(1))

        assert numbers(await read(subscription, 1)) == [1]


async def test_batch_returns_what_there_is_up_to_its_limit() -> None:
    """Neither one at a time nor without bound."""
    hub = Hub()
    async with hub.subscribe("a") as subscription:
        hub.publish_many(events(1, 10))
        sizes = [len(await subscription.batch(4)) for _ in range(3)]

        assert sizes == [4, 4, 2]
        with pytest.raises(ValueError, match="at least 1"):
            await subscription.batch(0)


async def test_linger_collects_more() -> None:
    """A reader may wait a moment so that it gets more at once."""
    clock = FakeClock()
    hub = Hub(clock=clock)
    async with hub.subscribe("a") as subscription, anyio.create_task_group() as tasks:
        got: list[Any] = []

        async def reader() -> None:
            got.append(numbers(await subscription.batch(linger=0.5)))

        tasks.start_soon(reader)
        hub.publish(event(1))
        await clock.await_for_sleepers(1)
        hub.publish(event(2))
        clock.advance(0.5)

    assert got == [[1, 2]]


async def test_iterating_gives_one_item_at_a_time() -> None:
    """Leaving the loop leaves what it has not given, also for batch."""
    hub = Hub()
    async with hub.subscribe("a") as subscription:
        hub.publish_many(events(1, 5))
        async for item in subscription:
            if numbers([item]) == [2]:
                break
        here = subscription.positions["a"].offset
        rest = numbers(await read(subscription, 3))

    assert (here, rest) == (2, [3, 4, 5])


async def test_positions_are_what_was_handed_over() -> None:
    """Resuming from them repeats nothing and loses nothing, at any moment."""
    hub = Hub()
    async with hub.subscribe("a", "b") as subscription:
        before = subscription.positions
        hub.publish_many([event(1, "a"), event(2, "b"), event(3, "a")])
        await read(subscription, 2)
        between = subscription.positions
        rest = numbers(await read(subscription, 1))
    async with hub.subscribe("a", "b", since=between) as again:
        repeated = numbers(await read(again, 1))

    assert {name: p.offset for name, p in before.items()} == {"a": 0, "b": 0}
    assert repeated == rest


async def test_a_gap_that_was_not_handed_over_comes_again() -> None:
    """Whoever is cut off before it saw the gap is told when it resumes."""
    hub = Hub()
    hub.publish(event(1))
    asked = {"a": Position("0badcafe", 5)}
    async with hub.subscribe("a", since=asked) as subscription:
        unseen = subscription.positions
        await read(subscription, 1)
        seen = subscription.positions

    assert unseen == asked
    assert seen["a"].epoch != "0badcafe"


async def test_types_filter_what_is_given() -> None:
    """A gap is told whatever the types; positions move on past the rest."""
    hub = Hub(ring=4)
    async with hub.subscribe("a", types={"said"}) as subscription:
        hub.publish_many(events(1, 9))
        hub.publish(Event("a", "said", {"n": 10}))
        items = await read(subscription, 2)

        assert numbers(items) == ["lagged", 10]
        assert subscription.positions["a"].offset == 10
        assert numbers([*items])[0] == "lagged"


async def thousand_readers(seconds: OwnTime) -> tuple[int, float]:
    """Publish 20 events to 1,000 readers; return deliveries and the 99th percentile."""
    hub = Hub()
    began: list[float] = []
    took: list[float] = []
    ready: list[anyio.Event] = []

    async def reader(mine: anyio.Event) -> None:
        async with hub.subscribe("a") as subscription:
            mine.set()
            had = 0
            while had < 20:
                batch = await subscription.batch()
                now = seconds()
                took.extend(now - began[item.data["n"]] for item in batch.events)
                had += len(batch)

    async with anyio.create_task_group() as tasks:
        for _ in range(1000):
            ready.append(anyio.Event())
            tasks.start_soon(reader, ready[-1])
        for mine in ready:
            await mine.wait()
        for number in range(20):
            began.append(seconds())
            await hub.apublish(event(number))
    return len(took), sorted(took)[len(took) * 99 // 100]


@pytest.mark.case("RTM-49", part="1,000 readers")
async def test_a_thousand_readers_get_every_event_in_time() -> None:
    """Twenty events to a thousand readers: 20,000 deliveries, p99 under 100 ms."""
    counts: list[int] = []

    async def once() -> float:
        count, percentile = await thousand_readers(seconds)
        counts.append(count)
        return percentile

    with OwnTime() as seconds:
        assert await at_best_async(once, 0.1) < 0.1
    assert set(counts) == {20_000}


@pytest.mark.case("RTM-49", part="10,000 in process")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_ten_thousand_readers_are_small() -> None:
    """A reader is a number in the ring: less than a kilobyte each."""

    async def subscribe_all() -> float:
        hub = Hub()
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            readers = [hub.subscribe("a") for _ in range(10_000)]
            for reader in readers:
                await reader.__aenter__()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        hub.publish_many(events(1, 20))
        total = 0
        for reader in readers:
            total += len(await reader.batch())
            reader.close()
        assert total == 200_000
        assert hub.subscribers == 0
        return (after - before) / 10_000

    assert await at_best_async(subscribe_all, 1024, tries=5) < 1024


@pytest.mark.case("RTM-50")
async def test_a_consumer_that_raises_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged without the data; it and the others get the next."""
    hub = Hub()
    good: list[Any] = []
    tried: list[Any] = []

    async def failing(item: Delivered | Gap) -> None:
        tried.extend(numbers([item]))
        raise LookupError("no such lead")

    def working(item: Delivered | Gap) -> None:
        good.extend(numbers([item]))

    with caplog.at_level(logging.ERROR, "syncpatterns.realtime"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hub.consume, failing, "a")
            tasks.start_soon(hub.consume, working, "a")
            await anyio.wait_all_tasks_blocked()
            hub.publish_many(events(1, 3))
            await anyio.wait_all_tasks_blocked()
            hub.close()

    assert (tried, good) == ([1, 2, 3], [1, 2, 3])
    assert len(caplog.records) == 3
    assert '"n"' not in caplog.text


async def test_a_consumer_that_lags_can_be_told() -> None:
    """Only the hub's own end is an ordinary end."""
    hub = Hub(ring=10)
    hub.publish(event(0))

    async def slow(item: Delivered | Gap) -> None:
        hub.publish_many(events(1, 50))

    with pytest.raises(SubscriptionClosed):
        await hub.consume(slow, "a", since="earliest", on_lag="disconnect")


@pytest.mark.case("RTM-51")
async def test_cancelling_batch_at_every_step_loses_nothing() -> None:
    """Cancelled before, while waiting, while lingering: the next call has all."""
    clock = FakeClock()
    hub = Hub(clock=clock)
    got: list[Any] = []
    async with hub.subscribe("a") as subscription:
        for number in range(1, 30):
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:

                    async def reader(linger: float) -> None:
                        got.extend(numbers(await subscription.batch(linger=linger)))

                    tasks.start_soon(reader, 1.0 if number % 2 else 0.0)
                    if number % 3:
                        await anyio.wait_all_tasks_blocked()
                    hub.publish(event(number))
                    if number % 5 == 0:
                        await anyio.wait_all_tasks_blocked()
                    scope.cancel()
        got += numbers(await subscription.batch())

    assert got == list(range(1, 30))


async def test_what_was_published_before_close_is_read_first() -> None:
    """A consumer of a hub that closes gets everything, then the end."""
    hub = Hub()
    async with hub.subscribe("a") as subscription:
        hub.publish_many(events(1, 3))
        hub.close()
        hub.close()
        got = numbers(await subscription.batch())

        assert got == [1, 2, 3]
        with pytest.raises(SubscriptionClosed, match="shutdown"):
            await subscription.batch()
    with pytest.raises(EngineClosed):
        hub.publish(event(4))
    with pytest.raises(EngineClosed):
        hub.publish_many([event(4)])


async def test_a_closed_subscription_says_so() -> None:
    """Reading after the block is an error, and so is the task that still reads."""
    hub = Hub()
    codes: list[str] = []
    subscription = await hub.subscribe("a").__aenter__()

    async def reader() -> None:
        try:
            await subscription.batch()
        except SubscriptionClosed as closed:
            codes.append(closed.code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reader)
        await anyio.wait_all_tasks_blocked()
        subscription.close()
    with pytest.raises(SubscriptionClosed, match="closed"):
        await subscription.batch()

    assert codes == ["closed"]


async def test_two_tasks_cannot_share_a_subscription() -> None:
    """Each of them would get a part, which neither wants."""
    hub = Hub()
    async with hub.subscribe("a") as subscription, anyio.create_task_group() as tasks:
        tasks.start_soon(subscription.batch)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await subscription.batch()
        hub.publish(event(1))


async def test_readers_that_come_and_go_leave_nothing() -> None:
    """Also on a channel that nobody ever publishes to."""
    hub = Hub()
    for _ in range(100):
        async with hub.subscribe("a", "b") as subscription:
            with anyio.move_on_after(0):
                await subscription.batch()

    channel = hub.channels.find("a")
    assert channel is not None
    assert (channel.readers, channel.parked, hub.subscribers) == (0, {}, 0)
