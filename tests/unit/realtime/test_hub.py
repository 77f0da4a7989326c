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
    ConfigurationError,
    EngineClosed,
    PublishRejected,
    StoreFull,
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


@pytest.mark.case("RTM-12", part="hub")
async def test_a_slow_reader_costs_nobody_anything() -> None:
    """A thousand events past a reader that sleeps: a gap, then the newest."""
    hub = Hub(ring=100)
    async with hub.subscribe("a") as slow, hub.subscribe("a") as quick:
        seen: list[Any] = []
        for begin in range(1, 1001, 50):
            hub.publish_many(events(begin, begin + 49))
            seen += numbers(await read(quick, 50))
        (gap, *rest) = await read(slow, 101)

    assert seen == list(range(1, 1001))
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.top.offset) == ("lagged", 1000)
    assert gap.asked is not None
    assert gap.asked.offset == 0
    assert numbers(rest) == list(range(901, 1001))


async def test_memory_does_not_grow_with_what_a_slow_reader_missed() -> None:
    """The ring is all there is, however long somebody sleeps."""
    hub = Hub(ring=100, recent=100)
    async with hub.subscribe("a"):
        hub.publish_many(events(1, 500))
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(20):
                hub.publish_many(events(1, 500))
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert after - before < 300_000  # one ring of 100 and its quarter


@pytest.mark.case("RTM-13")
@pytest.mark.parametrize("ring", [1024, 100])
async def test_conflation_keeps_the_newest_of_each_key(ring: int) -> None:
    """A thousand changes of three keys are three items, past the ring too."""
    hub = Hub(ring=ring)
    changes = [Event("a", "t", {"n": n}, key="xyz"[n % 3]) for n in range(1, 1001)]
    async with hub.subscribe("a", on_lag="conflate") as subscription:
        for begin in range(0, 1000, 50):
            hub.publish_many(changes[begin : begin + 50])
        items = await subscription.batch()

    assert numbers(items) == [998, 999, 1000]


async def test_conflation_tells_when_a_key_is_lost() -> None:
    """A value that nobody can get any more is a gap even then."""
    hub = Hub(ring=10)
    async with hub.subscribe("a", on_lag="conflate") as subscription:
        hub.publish(Event("a", "t", {"n": 1}, key="rare"))
        hub.publish_many([Event("a", "t", {"n": n}, key="often") for n in range(50)])

        assert numbers(await read(subscription, 2)) == ["lagged", 49]


async def test_a_conflated_batch_keeps_to_its_limit() -> None:
    """More keys than asked for wait for the next call."""
    hub = Hub()
    changes = [Event("a", "t", {"n": n}, key=str(n % 10)) for n in range(30)]
    async with hub.subscribe("a", on_lag="conflate") as subscription:
        hub.publish_many(changes)
        first = await subscription.batch(4)
        where = subscription.positions["a"].offset
        second = await subscription.batch(100)

    assert numbers(first + second) == list(range(20, 30))
    assert (len(first), where) == (4, 24)


@pytest.mark.case("RTM-14")
async def test_a_slow_reader_can_be_disconnected() -> None:
    """Whoever asked for it gets an end instead of a gap."""
    hub = Hub(ring=10)
    async with hub.subscribe("a", on_lag="disconnect") as subscription:
        hub.publish_many(events(1, 11))
        with pytest.raises(SubscriptionClosed) as closed:
            await subscription.batch()

        assert closed.value.code == "lagged"


async def test_what_another_channel_has_comes_before_the_disconnect() -> None:
    """Nothing that can be handed over is thrown away."""
    hub = Hub(ring=10)
    async with hub.subscribe("b", "a", on_lag="disconnect") as subscription:
        hub.publish_many([*events(1, 11, "a"), event(1, "b")])
        first = await subscription.batch()

        assert [
            item.position.offset for item in first if isinstance(item, Delivered)
        ] == [1]
        with pytest.raises(SubscriptionClosed):
            await subscription.batch()


async def test_buffer_makes_a_reader_lag_earlier() -> None:
    """A reader may want to hear of its lag before the ring is full."""
    hub = Hub(ring=100)
    async with hub.subscribe("a", buffer=5) as subscription:
        hub.publish_many(events(1, 5))
        exact = numbers(await subscription.batch())
        hub.publish_many(events(6, 11))
        over = numbers(await subscription.batch())

    assert exact == [1, 2, 3, 4, 5]
    assert over == ["lagged", 7, 8, 9, 10, 11]


async def test_a_busy_channel_does_not_hold_up_the_others() -> None:
    """With more to read than fits, channels take turns."""
    hub = Hub()
    async with hub.subscribe("busy", "quiet") as subscription:
        hub.publish_many([*events(1, 100, "busy"), event(0, "quiet")])
        first, second = await subscription.batch(10), await subscription.batch(10)

    assert numbers(first) == list(range(1, 11))
    assert 0 in numbers(second)


@pytest.mark.case("RTM-49", part="1,000 readers")
async def test_a_thousand_readers_get_every_event() -> None:
    """Twenty events to a thousand readers are twenty thousand deliveries."""
    hub = Hub()
    got = [0] * 1000
    async with anyio.create_task_group() as tasks:
        ready = []

        async def reader(place: int, mine: anyio.Event) -> None:
            async with hub.subscribe("a") as subscription:
                mine.set()
                while got[place] < 20:
                    got[place] += len(await subscription.batch())

        for place in range(1000):
            ready.append(anyio.Event())
            tasks.start_soon(reader, place, ready[-1])
        for mine in ready:
            await mine.wait()
        for number in range(20):
            await hub.apublish(event(number))

    assert sum(got) == 20_000
    assert hub.subscribers == 0


@pytest.mark.case("RTM-49", part="10,000 in process")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_ten_thousand_readers_are_small() -> None:
    """A reader is a number in the ring: less than a kilobyte each."""
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
    assert (after - before) / 10_000 < 1024
    assert hub.subscribers == 0


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


# -------------------------------------------------------------------------- limits


async def test_the_longest_unused_channel_gives_way() -> None:
    """A full hub forgets a channel that nobody reads, never one that is read."""
    hub = Hub(max_channels=3, clock=FakeClock())
    async with hub.subscribe("read"):
        for name in "abcdef":
            hub.publish(event(1, name))
            hub.clock.advance(1.0)  # type: ignore[attr-defined]  # a FakeClock

        assert len(hub.channel_names()) <= 3
        assert "read" in hub.channel_names()
        assert "f" in hub.channel_names()


async def test_a_forgotten_channel_has_a_new_epoch() -> None:
    """Its old positions are worth nothing, and are told so."""
    hub = Hub(max_channels=1)
    first = hub.publish(event(1)).position
    hub.publish(event(1, "b"))
    assert first is not None
    async with hub.subscribe("a", since={"a": first}) as subscription:
        assert numbers(await read(subscription, 1)) == ["epoch"]


async def test_a_hub_full_of_readers_refuses() -> None:
    """Nothing is published by halves, and nobody is thrown out."""
    hub = Hub(max_channels=2)
    async with hub.subscribe("a", "b") as subscription:
        with pytest.raises(StoreFull, match="max_channels"):
            hub.publish_many([event(1, "a"), event(2, "c")])
        with pytest.raises(StoreFull):
            async with hub.subscribe("a", "c"):
                pass
        hub.publish(event(3, "a"))

        assert numbers(await subscription.batch()) == [3]
        assert hub.subscribers == 2


async def test_rings_share_a_bound_of_bytes() -> None:
    """The longest unused ring is emptied first; its numbering stays."""
    clock = FakeClock()
    big = Event("x", "t", {"x": "y" * 10_000})
    hub = Hub(max_bytes=10 * big.size, clock=clock)
    for name in "abc":
        clock.advance(1.0)
        hub.publish_many([Event(name, "t", {"x": "y" * 10_000}) for _ in range(4)])
    kept = {name: hub.channels.find(name).log for name in "abc"}  # type: ignore[union-attr]  # just published

    assert sum(log.held for log in kept.values()) <= 10 * big.size
    assert (kept["a"].held, kept["a"].top) == (0, 4)
    assert kept["c"].held > 0


async def test_an_idle_channel_keeps_its_numbering_for_a_day() -> None:
    """The ring is long gone when the position of a quiet night still counts."""
    clock = FakeClock()
    hub = Hub(clock=clock, ring_age=600.0, idle_age=86_400.0)
    position = hub.publish(event(1)).position
    assert position is not None
    clock.advance(80_000.0)
    hub.publish(event(1, "other"))
    async with hub.subscribe("a", since={"a": position}) as subscription:
        assert subscription.recovered == {"a": True}
    clock.advance(90_000.0)
    hub.publish(event(2, "other"))

    assert "a" not in hub.channel_names()


async def test_old_events_leave_an_idle_ring() -> None:
    """What nobody publishes after leaves with any other traffic."""
    clock = FakeClock()
    hub = Hub(clock=clock, ring_age=600.0)
    hub.publish(event(1))
    clock.advance(700.0)
    hub.publish(event(1, "other"))
    log = hub.channels.find("a").log  # type: ignore[union-attr]  # just published

    assert (log.held, log.tail, log.top) == (0, 1, 1)


@pytest.mark.case("RTM-11", part="hub")
async def test_after_five_minutes_a_repeat_is_delivered_again() -> None:
    """A client's own memory of ids is what drops it then."""
    clock = FakeClock()
    hub = Hub(clock=clock)
    same = event(1)
    first = hub.publish(same)
    clock.advance(280.0)
    second = hub.publish(same)
    clock.advance(20.0)
    third = hub.publish(same)

    assert (first.duplicate, second.duplicate, third.duplicate) == (False, True, False)
    assert second.position == first.position


# -------------------------------------------------------------------------- wiring


@pytest.mark.parametrize("bad", [object(), None, "event", {"channel": "a"}], ids=repr)
def test_what_is_no_event_is_not_published(bad: Any) -> None:
    """Neither alone nor among others."""
    hub = Hub()

    with pytest.raises(PublishRejected):
        hub.publish(bad)
    with pytest.raises(PublishRejected):
        hub.publish_many([event(1), bad])
    assert hub.channel_names() == []


def test_publishing_nothing_is_nothing() -> None:
    """An empty list has no results."""
    assert list(Hub().publish_many([])) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda hub: hub.subscribe(),
        lambda hub: hub.subscribe(""),
        lambda hub: hub.subscribe("a b"),
        lambda hub: hub.subscribe("a", None),
        lambda hub: hub.subscribe("a", on_lag="panic"),
        lambda hub: hub.subscribe("a", since="yesterday"),
        lambda hub: hub.subscribe("a", buffer=0),
    ],
    ids=range(7),
)
def test_a_subscription_that_makes_no_sense_is_refused(call: Any) -> None:
    """At once, not when it is entered."""
    with pytest.raises(ConfigurationError):
        call(Hub())


@pytest.mark.parametrize(
    "option",
    [
        "ring",
        "ring_bytes",
        "ring_age",
        "max_channels",
        "max_bytes",
        "idle_age",
        "recent",
        "recent_age",
    ],
)
def test_limits_are_at_least_one(option: str) -> None:
    """Nothing and less than nothing make no hub."""
    for value in (0, -1, float("nan")):
        options: Any = {option: value}
        with pytest.raises(ConfigurationError, match=option):
            Hub(**options)


def test_an_engine_without_outbox_is_refused() -> None:
    """With the sentence that says what to do."""
    with pytest.raises(ConfigurationError, match="outbox"):
        Hub(object())  # type: ignore[arg-type]  # what is refused


async def test_a_channel_named_twice_is_one_channel() -> None:
    """Its events come once."""
    hub = Hub()
    async with hub.subscribe("a", "a") as subscription:
        hub.publish(event(1))

        assert numbers(await subscription.batch()) == [1]
        assert hub.subscribers == 1


async def test_the_safe_name_and_the_async_names_publish_too() -> None:
    """They are the same call, for readers of the code."""
    hub = Hub()
    async with hub.subscribe("a") as subscription:
        hub.publish_threadsafe(event(1))
        await hub.apublish(event(2))
        results = await hub.apublish_many(events(3, 4))

        assert numbers(await read(subscription, 4)) == [1, 2, 3, 4]
        assert [r.position.offset for r in results if r.position] == [3, 4]
        assert "memory" in repr(hub)
