"""What every realtime backend promises, as checks with plain asserts.

A backend is a way to publish and a `Hub` that its events arrive at; an outbox
is a table of committed events. Give a check a function that makes a fresh one::

    @pytest.mark.parametrize("check", HUB_CHECKS)
    async def test_hub(check):
        await check(make_backend)


    @pytest.mark.parametrize("check", OUTBOX_CHECKS)
    def test_outbox(check):
        check(make_outbox)

What backends differ in they declare (`Hub.capabilities`); no check asks for
their class. Nothing sleeps: a check waits for what must come, and publishes
something more to know that what must not come has not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol, TypeAlias

import anyio

from syncpatterns.errors import SubscriptionClosed
from syncpatterns.realtime import (
    Delivered,
    Event,
    Gap,
    Hub,
    Position,
    Subscription,
)
from syncpatterns.testing.conformance._realtime._events import (
    event,
    events,
    numbers,
    offsets,
)
from syncpatterns.testing.conformance._realtime._outbox import (
    OUTBOX_CHECKS,
    MakeOutbox,
    OutboxBackend,
)

__all__ = [
    "HUB_CHECKS",
    "OUTBOX_CHECKS",
    "HubBackend",
    "MakeHub",
    "MakeOutbox",
    "OutboxBackend",
    "event",
    "events",
    "numbers",
    "read",
]

#: Seconds after which what must come has not come.
PATIENCE: Final = 60.0


class HubBackend(Protocol):
    """A hub, and how events get to it."""

    @property
    def hub(self) -> Hub:
        """The hub of the process; another one after `restart`. Its ring is 10."""
        ...

    async def publish(self, *events: Event) -> None:
        """Publish *events* at once; returns when they cannot be lost any more."""
        ...

    async def restart(self) -> None:
        """Do what the end and new start of the process would do."""
        ...


MakeHub: TypeAlias = Callable[[], AbstractAsyncContextManager[HubBackend]]


async def read(subscription: Subscription, count: int) -> list[Delivered | Gap]:
    """Return the next *count* items.

    Raises:
        AssertionError: They do not come.
    """
    items: list[Delivered | Gap] = []
    with anyio.move_on_after(PATIENCE):
        while len(items) < count:
            items += await subscription.batch(count - len(items))
    assert len(items) == count, f"{len(items)} of {count} items came: {items}"
    return items


async def position(backend: HubBackend, channel: str = "a") -> Position:
    """Return where *channel* stands."""
    async with backend.hub.subscribe(channel) as subscription:
        return subscription.positions[channel]


# ------------------------------------------------------------------------ hubs


async def check_live(make: MakeHub) -> None:
    """Who subscribed before gets all, in order, at offsets 1, 2 and 3."""
    async with make() as backend, backend.hub.subscribe("a") as subscription:
        await backend.publish(*events(1, 3))
        items = await read(subscription, 3)

        assert numbers(items) == [1, 2, 3]
        assert offsets(items) == [1, 2, 3]
        assert not any(item.replayed for item in items if isinstance(item, Delivered))
        epochs = {item.position.epoch for item in items if isinstance(item, Delivered)}
        assert len(epochs) == 1
        await backend.publish(event(4))
        assert numbers(await read(subscription, 1)) == [4]  # and nothing in between


async def check_live_begins_now(make: MakeHub) -> None:
    """Who subscribes live afterwards gets nothing of what was before."""
    async with make() as backend:
        await backend.publish(*events(1, 3))
        async with backend.hub.subscribe("a") as subscription:
            await backend.publish(event(4))

            assert numbers(await read(subscription, 1)) == [4]


async def check_earliest(make: MakeHub) -> None:
    """Who asks for the earliest gets all that is kept, marked as replayed."""
    async with make() as backend:
        await backend.publish(*events(1, 3))
        async with backend.hub.subscribe("a", since="earliest") as subscription:
            items = await read(subscription, 3)
            await backend.publish(event(4))
            items += await read(subscription, 1)

        replayed = [item.replayed for item in items if isinstance(item, Delivered)]
        assert numbers(items) == [1, 2, 3, 4]
        assert replayed == [True, True, True, False]


async def check_channels_are_apart(make: MakeHub) -> None:
    """A subscriber gets its own channel only."""
    async with make() as backend:
        hub = backend.hub
        async with (
            hub.subscribe("a") as one,
            hub.subscribe("a") as two,
            hub.subscribe("b") as other,
        ):
            await backend.publish(event(1, "a"), event(2, "b"), event(3, "a"))

            assert numbers(await read(one, 2)) == [1, 3]
            assert numbers(await read(two, 2)) == [1, 3]
            assert numbers(await read(other, 1)) == [2]


async def check_several_channels(make: MakeHub) -> None:
    """One subscription reads several channels, each in its order."""
    async with make() as backend:
        before = {"a": await position(backend), "b": await position(backend, "b")}
        await backend.publish(event(1, "a"), event(10, "b"), event(2, "a"))
        async with backend.hub.subscribe("a", "b", since=before) as subscription:
            items = await read(subscription, 3)

            assert [n for n in numbers(items) if n != 10] == [1, 2]  # noqa: PLR2004 - channel b's
            assert sorted(map(str, numbers(items))) == ["1", "10", "2"]
            assert subscription.recovered == {"a": True, "b": True}
            assert {name: p.offset for name, p in subscription.positions.items()} == {
                "a": 2,
                "b": 1,
            }


async def check_resume(make: MakeHub) -> None:
    """Who was cut off gets what it missed once, then goes on live."""
    async with make() as backend:
        async with backend.hub.subscribe("a") as subscription:
            await backend.publish(*events(1, 5))
            await read(subscription, 5)
            seen = subscription.positions
        await backend.publish(*events(6, 9))
        async with backend.hub.subscribe("a", since=seen) as subscription:
            assert subscription.recovered == {"a": True}
            items = await read(subscription, 4)
            await backend.publish(event(10))
            items += await read(subscription, 1)

        assert numbers(items) == [6, 7, 8, 9, 10]
        assert offsets(items) == [6, 7, 8, 9, 10]


async def check_resume_at_the_top(make: MakeHub) -> None:
    """Who missed nothing gets nothing and is told so."""
    async with make() as backend:
        await backend.publish(*events(1, 9))
        seen = await position(backend)
        async with backend.hub.subscribe("a", since={"a": seen}) as subscription:
            assert subscription.recovered == {"a": True}
            await backend.publish(event(10))

            assert numbers(await read(subscription, 1)) == [10]


async def check_resume_beyond_the_top(make: MakeHub) -> None:
    """A position that this epoch has not reached is a loss, and is told."""
    async with make() as backend:
        await backend.publish(event(1))
        here = await position(backend)
        ahead = Position(here.epoch, 99)
        async with backend.hub.subscribe("a", since={"a": ahead}) as subscription:
            assert subscription.recovered == {"a": False}
            (gap,) = await read(subscription, 1)

            assert gap == Gap("a", ahead, here, "epoch")


async def check_other_epoch(make: MakeHub) -> None:
    """A position of another epoch is a loss, whatever its number."""
    async with make() as backend:
        await backend.publish(*events(1, 3))
        here = await position(backend)
        foreign = Position("00000000", 2)
        async with backend.hub.subscribe("a", since={"a": foreign}) as subscription:
            assert subscription.recovered == {"a": False}
            (gap,) = await read(subscription, 1)

            assert gap == Gap("a", foreign, here, "epoch")


async def check_resume_past_the_ring(make: MakeHub) -> None:
    """Past the ring an outbox is read; without one the loss is told."""
    async with make() as backend:
        start = await position(backend)
        for first in range(1, 30, 5):
            await backend.publish(*events(first, first + 4))
        for offset in (5, 19, 20):
            since = {"a": Position(start.epoch, offset)}
            held = backend.hub.capabilities.durable or offset >= 20  # noqa: PLR2004 - the ring is 10
            async with backend.hub.subscribe("a", since=since) as subscription:
                assert subscription.recovered == {"a": held}
                if not held:
                    (gap,) = await read(subscription, 1)
                    top = Position(start.epoch, 30)
                    assert gap == Gap("a", since["a"], top, "trimmed")
                    offset = 20  # noqa: PLW2901 - delivery goes on with the ring
                items = await read(subscription, 30 - offset)

                assert numbers(items) == list(range(offset + 1, 31))


async def check_slow_reader(make: MakeHub) -> None:
    """Who reads too slowly loses nothing in silence, and disturbs nobody."""
    async with make() as backend:
        hub = backend.hub
        async with hub.subscribe("a") as slow, hub.subscribe("a") as quick:
            for first in range(1, 100, 5):
                await backend.publish(*events(first, first + 4))
                assert numbers(await read(quick, 5)) == [*range(first, first + 5)]
            if hub.capabilities.durable:
                assert numbers(await read(slow, 100)) == [*range(1, 101)]
            else:
                assert numbers(await read(slow, 11)) == ["lagged", *range(91, 101)]


async def check_restart(make: MakeHub) -> None:
    """After a restart a durable backend goes on; another one says it cannot."""
    async with make() as backend:
        await backend.publish(*events(1, 3))
        seen = {"a": Position((await position(backend)).epoch, 1)}
        durable = backend.hub.capabilities.durable
        await backend.restart()
        async with backend.hub.subscribe("a", since=seen) as subscription:
            assert subscription.recovered == {"a": durable}
            await backend.publish(event(4))
            items = await read(subscription, 3 if durable else 2)

        assert numbers(items) == ([2, 3, 4] if durable else ["epoch", 4])


async def check_first_subscribers_at_once(make: MakeHub) -> None:
    """Ten tasks that open a channel together all get its first event."""
    async with make() as backend:
        got: list[int | str] = []
        ready = [anyio.Event() for _ in range(10)]

        async def reader(mine: anyio.Event) -> None:
            async with backend.hub.subscribe("new") as subscription:
                mine.set()
                got.extend(numbers(await read(subscription, 1)))

        async with anyio.create_task_group() as tasks:
            for mine in ready:
                tasks.start_soon(reader, mine)
            for mine in ready:
                await mine.wait()
            await backend.publish(event(7, "new"))

        assert got == [7] * 10


async def check_bulk_keeps_its_order(make: MakeHub) -> None:
    """A hundred events published at once come in their order, once each."""
    async with make() as backend, backend.hub.subscribe("a", "b") as subscription:
        both = [event(n, "ab"[n % 2]) for n in range(1, 101)]
        for begin in range(0, 100, 10):  # a ring holds 10
            await backend.publish(*both[begin : begin + 10])
            got = numbers(await read(subscription, 10))
            expected = range(begin + 1, begin + 11)
            assert [n for n in got if int(n) % 2] == [n for n in expected if n % 2]
            assert sorted(map(int, got)) == list(expected)


async def check_cancelled_batch(make: MakeHub) -> None:
    """A call of batch that is cancelled takes nothing with it."""
    async with make() as backend, backend.hub.subscribe("a") as subscription:
        # An event that comes in the moment of the cancellation may be returned all
        # the same: then the call was not cancelled.
        items: list[Delivered | Gap] = []
        for number in range(1, 6):
            with anyio.CancelScope() as scope:
                scope.cancel()
                items += await subscription.batch()
            await backend.publish(event(number))
            with anyio.CancelScope() as scope:
                scope.cancel()
                items += await subscription.batch()
        items += await read(subscription, 5 - len(items))

        assert numbers(items) == [1, 2, 3, 4, 5]


async def check_unknown_types_pass(make: MakeHub) -> None:
    """An event of a type and version nobody knows is delivered as it is."""
    async with make() as backend, backend.hub.subscribe("a") as subscription:
        strange = Event("a", "from.the.future", {"n": 1, "x": [None]}, version=99)
        await backend.publish(strange)
        (item,) = await read(subscription, 1)

        assert isinstance(item, Delivered)
        assert (item.event, item.event.version) == (strange, 99)


async def check_published_twice(make: MakeHub) -> None:
    """Where repeats are known, an event published twice is delivered once."""
    async with make() as backend, backend.hub.subscribe("a") as subscription:
        if not backend.hub.capabilities.deduplicates:
            return
        same = event(1)
        await backend.publish(same)
        await backend.publish(same, event(2))

        assert numbers(await read(subscription, 2)) == [1, 2]


async def check_close_ends_subscriptions(make: MakeHub) -> None:
    """Closing the hub ends a waiting reader, and opens no new one."""
    async with make() as backend:
        codes: list[str] = []
        ready = anyio.Event()

        async def reader() -> None:
            async with backend.hub.subscribe("a") as subscription:
                ready.set()
                try:
                    await read(subscription, 1)
                except SubscriptionClosed as closed:
                    codes.append(closed.code)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reader)
            await ready.wait()
            backend.hub.close()
        try:
            async with backend.hub.subscribe("a"):
                codes.append("open")
        except SubscriptionClosed as closed:
            codes.append(closed.code)

        assert codes == ["shutdown", "shutdown"]
        assert backend.hub.subscribers == 0


HUB_CHECKS: Final[tuple[Callable[[MakeHub], Awaitable[None]], ...]] = (
    check_live,
    check_live_begins_now,
    check_earliest,
    check_channels_are_apart,
    check_several_channels,
    check_resume,
    check_resume_at_the_top,
    check_resume_beyond_the_top,
    check_other_epoch,
    check_resume_past_the_ring,
    check_slow_reader,
    check_restart,
    check_first_subscribers_at_once,
    check_bulk_keeps_its_order,
    check_cancelled_batch,
    check_unknown_types_pass,
    check_published_twice,
    check_close_ends_subscriptions,
)
