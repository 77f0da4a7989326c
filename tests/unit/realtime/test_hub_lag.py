"""Readers that are too slow: gaps, conflation, disconnection, turns."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest

from syncpatterns.errors import (
    SubscriptionClosed,
)
from syncpatterns.realtime import (
    Delivered,
    Event,
    Gap,
    Hub,
)
from syncpatterns.testing.conformance.realtime import event, events, numbers, read
from tests.timing import at_best

HARD_LIMIT = 10.0


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

    def grows() -> float:
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
        return after - before

    async with hub.subscribe("a"):
        # One ring of 100 and its quarter.
        assert at_best(grows, 300_000, tries=5) < 300_000


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

    assert numbers([*first, *second]) == list(range(20, 30))
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
