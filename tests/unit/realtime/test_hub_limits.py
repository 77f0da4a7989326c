"""What a hub may take, what it forgets, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.errors import (
    ConfigurationError,
    PublishRejected,
    StoreFull,
)
from syncpatterns.realtime import (
    Event,
    Hub,
)
from syncpatterns.testing import FakeClock
from syncpatterns.testing.conformance.realtime import event, events, numbers, read

HARD_LIMIT = 10.0


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


@pytest.mark.parametrize("bad", [..., None, "event", {"channel": "a"}], ids=repr)
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
        lambda hub: hub.subscribe("a", since={"a": "e:5"}),
        lambda hub: hub.subscribe("a", since=5),
        lambda hub: hub.subscribe("a", buffer=0),
    ],
    ids=range(9),
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
