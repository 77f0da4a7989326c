"""P-RTM-1: events handed to subscribers in one process, per second.

A burst of events is published and read by every subscriber; the reference is a
queue for each subscriber, by hand and as the package broadcaster has it. All
get the same events, and every subscriber looks at each of them. Single events
instead of bursts cost more a piece on both sides: waking a task then weighs
more than anything that is compared here.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, Protocol

from benchmarks._harness import Paired, Row, row, summary
from syncpatterns.realtime import Event, Hub

#: Subscribers, events in a burst, pairs of bursts.
SHAPES = ((1, 256, 200), (100, 256, 20), (1000, 64, 8))


class World(Protocol):
    """Some way to hand events to subscribers."""

    async def publish(self, burst: list[Event]) -> None:
        """Publish *burst*; subscribers run afterwards."""
        ...

    async def subscriber(self, ready: Callable[[], None]) -> None:
        """Read for ever; call *ready* once nothing can be missed."""
        ...


class Counter:
    """Knows when every subscriber has had its burst."""

    def __init__(self) -> None:
        self.left = 0
        self.done = asyncio.Event()

    def expect(self, deliveries: int) -> None:
        """Begin a burst."""
        self.left = deliveries
        self.done.clear()

    def had(self, deliveries: int) -> None:
        """Somebody has had *deliveries* events."""
        self.left -= deliveries
        if self.left == 0:
            self.done.set()


class HubWorld:
    """Ours."""

    def __init__(self, counter: Counter) -> None:
        self._hub = Hub()
        self._counter = counter

    async def publish(self, burst: list[Event]) -> None:
        """Publish *burst* in one call."""
        self._hub.publish_many(burst)

    async def subscriber(self, ready: Callable[[], None]) -> None:
        """Read for ever."""
        async with self._hub.subscribe("c") as subscription:
            ready()
            while True:
                batch = await subscription.batch()
                if batch.gaps:
                    raise AssertionError("events were lost")
                for event in batch.events:
                    _ = event.id
                self._counter.had(len(batch))


class QueueWorld:
    """A queue for each subscriber, by hand."""

    def __init__(self, counter: Counter) -> None:
        self._queues: list[asyncio.Queue[Event]] = []
        self._counter = counter

    async def publish(self, burst: list[Event]) -> None:
        """Put each event into each queue."""
        for event in burst:
            for queue in self._queues:
                queue.put_nowait(event)

    async def subscriber(self, ready: Callable[[], None]) -> None:
        """Read for ever."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._queues.append(queue)
        ready()
        while True:
            event = await queue.get()
            _ = event.id
            self._counter.had(1)


class BroadcasterWorld:
    """The package broadcaster over memory."""

    def __init__(self, counter: Counter, broadcast: Any) -> None:
        self._broadcast = broadcast
        self._counter = counter

    async def publish(self, burst: list[Event]) -> None:
        """Publish each event."""
        for event in burst:
            await self._broadcast.publish(channel="c", message=event)

    async def subscriber(self, ready: Callable[[], None]) -> None:
        """Read for ever."""
        async with self._broadcast.subscribe(channel="c") as subscriber:
            ready()
            async for event in subscriber:
                _ = event.message.id
                self._counter.had(1)


def rows() -> Iterator[Row]:
    """Measure 1, 100 and 1000 subscribers against both references."""
    broadcast = _broadcaster()
    for subscribers, burst, pairs in SHAPES:
        queue, other = asyncio.run(_compare(broadcast, subscribers, burst, pairs))
        yield row(
            f"P-RTM-1.{subscribers}.queue",
            f"deliveries/s to {subscribers}, bursts of {burst}: hub vs. asyncio.Queue",
            queue,
            target=1.5,
            better="higher",
            unit=1,
        )
        yield row(
            f"P-RTM-1.{subscribers}.broadcaster",
            f"deliveries/s to {subscribers}, bursts of {burst}: hub vs. broadcaster",
            other,
            target=3.0,
            better="higher",
            unit=1,
        )


def _broadcaster() -> Any:
    try:
        # By name: only the group bench has it, and type checkers do not.
        module: Any = importlib.import_module("broadcaster")
    except ImportError as error:
        raise RuntimeError(
            "P-RTM-1 compares with the package broadcaster: install the dependency "
            "group bench (make bench does)."
        ) from error
    return module.Broadcast


async def _compare(
    broadcast: Any, subscribers: int, burst: int, pairs: int
) -> tuple[Paired, Paired]:
    """Return our rates paired with the queues' and with broadcaster's."""
    counter = Counter()
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(broadcast("memory://"))
        worlds: list[World] = [
            HubWorld(counter),
            QueueWorld(counter),
            BroadcasterWorld(counter, wire),
        ]
        tasks: list[asyncio.Task[None]] = []
        for world in worlds:
            tasks += await _subscribe(world.subscriber, subscribers)
        try:
            rates = await _rates(worlds, counter, subscribers, burst, pairs)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    ours, queues, theirs = zip(*rates, strict=True)
    return (
        summary(list(zip(ours, queues, strict=True))),
        summary(list(zip(ours, theirs, strict=True))),
    )


async def _subscribe(
    subscriber: Callable[[Callable[[], None]], Awaitable[None]], count: int
) -> list[asyncio.Task[None]]:
    tasks: list[asyncio.Task[None]] = []
    for _ in range(count):
        ready = asyncio.Event()
        tasks.append(asyncio.ensure_future(subscriber(ready.set)))
        await ready.wait()
    return tasks


async def _rates(
    worlds: list[World], counter: Counter, subscribers: int, burst: int, pairs: int
) -> list[list[float]]:
    """Return deliveries/s of each world for each of *pairs* bursts."""
    rates: list[list[float]] = []
    kept: list[list[Event]] = []  # freeing them belongs to none of the three
    gc.collect()
    gc.disable()
    try:
        for turn in range(pairs + 1):
            events = [Event("c", "counted", {"n": n}) for n in range(burst)]
            kept.append(events)
            found = [0.0] * len(worlds)
            for place in range(len(worlds)):
                which = (place + turn) % len(worlds)  # each is first in its turn
                counter.expect(burst * subscribers)
                start = time.perf_counter()
                await worlds[which].publish(events)
                await counter.done.wait()
                found[which] = burst * subscribers / (time.perf_counter() - start)
            rates.append(found)
    finally:
        gc.enable()
    return rates[1:]  # the first burst warms all three
