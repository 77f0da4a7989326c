"""A world in which drains come and go, and everything fails now and then.

One seed is one history: which handlers hang, which commits are lost, which
drain is stopped and which is killed, and in which order tasks run.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import anyio

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import EngineBusy
from syncpatterns.offline_queue._core import (
    Ack,
    Hold,
    ItemState,
    Nack,
    NewItem,
    Release,
    Settled,
    Settlement,
)
from syncpatterns.offline_queue._events import DrainProgress
from syncpatterns.offline_queue._flights import Evidence, Flight, Verdict
from syncpatterns.testing import LoopClock, simulate
from tests.unit.offline_queue.desk import QUEUE, Desk

LEASE = 30.0
LANES = ("a", "b", None, None)


def _nothing(_answer: Any) -> tuple[Any, Any]:
    return (), ()


#: What an answer says: settlements, and items that were claimed.
SHOWN: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "settle": lambda answer: (answer, ()),
    "claim": lambda answer: ((), answer),
    "settle_and_claim": lambda answer: answer,
}


class Store:
    """The store as one process sees it: calls fail, lose their answer, or hang."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.engine.async_queue_store()
        self._rng = world.rng
        self.trouble = 0.1
        self.killed = False
        self.claimed: set[Hold] = set()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name in ("name", "changes", "on_change", "capabilities", "configure"):
            return method

        async def call(*args: Any) -> Any:
            await self._meddle("before")
            answer = await method(*args)
            settled, items = SHOWN.get(name, _nothing)(answer)
            if settled:
                self._world.stored(zip(args[1], settled, strict=True))
            await self._meddle("after")
            self.claimed.update(item.hold for item in items)
            return answer

        return call

    async def _meddle(self, when: str) -> None:
        if self.killed:
            await anyio.sleep_forever()
        if self._rng.random() < 0.3:
            await anyio.lowlevel.checkpoint()
        if self._rng.random() < self.trouble:
            raise EngineBusy(f"{when} the commit")


class Process(Desk):
    """One drain of the world, with a store of its own over the shared items."""

    def __init__(self, world: World) -> None:
        super().__init__(engine=world.engine, clock=world.clock, lease=LEASE)
        self.world = world
        self.link = Store(world)
        self.inside = 0
        self.width = world.rng.choice([1, 2, 4, 8])
        self.percents: list[float] = []

    async def aready(self) -> Any:
        await super().aready()
        return self.link

    async def adeliver(self, flight: Flight) -> Verdict:
        world = self.world
        self.inside += 1
        world.check(self.inside <= self.width, "more under way than was allowed")
        try:
            return await world.handle(flight)
        finally:
            self.inside -= 1

    def settled(self, flight: Flight, verdict: Verdict, settled: Settled) -> None:
        self.world.told(flight, settled)

    def tell(self, fact: Any) -> None:
        if isinstance(fact, DrainProgress):
            self.world.check(0 <= fact.percent <= 100, "a share beyond its bounds")
            self.world.check(fact.done <= fact.total, "more done than there is")
        super().tell(fact)


class World:
    """Items, a receiver that remembers keys, and the processes that drain.

    Args:
        seed: Of everything that chance decides.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = LoopClock()
        self.engine = MemoryEngine(clock=self.clock)
        self.effects: Counter[str] = Counter()
        self.nacked: Counter[int] = Counter()
        self.acked: Counter[int] = Counter()
        self.landed: set[Hold] = set()
        self.lanes: dict[str, list[str]] = {"a": [], "b": []}
        self.calm = False
        self.wrong: list[str] = []
        self.outage_until = 0.0

    def check(self, holds: bool, otherwise: str) -> None:
        """Note *otherwise* unless it holds."""
        if not holds:
            self.wrong.append(otherwise)

    def enqueue(self, number: int) -> None:
        """Store *number* items, some in lanes, some for later."""
        desk = Desk(engine=self.engine, clock=self.clock)
        for n in range(number):
            lane = self.rng.choice(LANES)
            key = (
                f"{len(self.lanes['a'])}-{len(self.lanes['b'])}-{n}-{self.rng.random()}"
            )
            delay = self.rng.choice([0.0, 0.0, 0.0, self.rng.uniform(0.0, 90.0)])
            desk.put(
                NewItem("op", key, "s", key.encode(), b"{}", lane=lane, delay=delay)
            )
            if lane is not None:
                self.lanes[lane].append(key)

    # ------------------------------------------------------------- the handlers

    async def handle(self, flight: Flight) -> Verdict:
        """Do what chance says: quickly, slowly, not at all, or wrongly."""
        rng, hold = self.rng, flight.item.hold
        if rng.random() < 0.2:
            await anyio.lowlevel.checkpoint()  # as if it waited for a thread
        flight.begun = True
        self._in_order(flight)
        if self.clock.monotonic() < self.outage_until:
            return Verdict(Release(hold, unsent=True), Evidence.UNREACHABLE)
        await self.clock.asleep(rng.choice([0.0, 0.0, 0.01, 1.0, rng.uniform(0, 100)]))
        what = 1.0 if self.calm else rng.random()
        if what < 0.05:
            await anyio.sleep_forever()
        if what < 0.1:
            raise ValueError("a slip")
        if what < 0.15:
            self.nacked[flight.item.seq] += 1
            return Verdict(Nack(hold, rng.uniform(0.0, 8.0)), Evidence.FAILED)
        if what < 0.2:
            return Verdict(Release(hold, 1.0), Evidence.UNREACHABLE)
        if what < 0.25:
            rest = rng.uniform(0.0, 20.0)
            return Verdict(Release(hold, unsent=True), rest=rest, pause="retry-after")
        self.effects[flight.item.key] += 1
        return Verdict(Ack(hold), Evidence.ANSWERED)

    def _in_order(self, flight: Flight) -> None:
        lane = flight.item.lane
        if lane is None:
            return
        keys = self.lanes[lane]
        before = keys[: keys.index(flight.item.key)]
        self.check(all(self.effects[key] for key in before), "a lane out of order")

    def stored(self, answers: Iterable[tuple[Settlement, Settled]]) -> None:
        """Note what has landed, whether or not its answer arrives."""
        for said, settled in answers:
            if settled.accepted:
                self.landed.add(said.hold)
                self.acked[said.hold.seq] += isinstance(said, Ack)
                self.check(self.acked[said.hold.seq] <= 1, "acknowledged twice")

    def told(self, flight: Flight, settled: Settled) -> None:
        """Note what a process was told."""
        if not settled.accepted:
            ours = flight.item.hold in self.landed
            self.check(not ours, "told that it was lost, and its word had landed")

    # ------------------------------------------------------------ the processes

    async def live(self) -> None:
        """Let a few processes drain, be stopped, and be killed."""
        self.outage_until = self.clock.monotonic() + self.rng.choice([0.0, 0.0, 60.0])
        async with anyio.create_task_group() as tasks:
            for _ in range(self.rng.randint(1, 3)):
                tasks.start_soon(self._generation)
            for _ in range(3):
                await self.clock.asleep(self.rng.uniform(0.0, 30.0))
                self.enqueue(self.rng.randint(0, 6))

    async def _generation(self) -> None:
        for _ in range(self.rng.randint(1, 4)):
            await self.clock.asleep(self.rng.uniform(0.0, 10.0))
            await self._life()

    async def _life(self) -> None:
        process = Process(self)
        grace = self.rng.choice([0.0, 0.5, 5.0])
        tidy = self.rng.random() < 0.5
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._end, process, scope, tidy)
                await process.adrain(concurrency=process.width, grace=grace)
        counted = dict(process.targets._under_way)
        self.check(not counted, f"counted as under way for ever: {counted}")
        if tidy:
            rows = self.engine.queue_store().items(QUEUE)
            held = {row.hold for row in rows if row.state is ItemState.LEASED}
            self.check(not held & process.link.claimed, "a tidy end held items")

    async def _end(
        self, process: Process, scope: anyio.CancelScope, tidy: bool
    ) -> None:
        await self.clock.asleep(self.rng.uniform(0.0, 90.0))
        process.link.killed = not tidy and self.rng.random() < 0.5
        if tidy:
            process.link.trouble = 0.0
        scope.cancel()

    async def recover(self) -> None:
        """Let one healthy process drain what is left, however long it takes."""
        self.calm = True
        process = Process(self)
        process.link.trouble = 0.0
        with anyio.move_on_after(1000.0):
            while self.engine.queue_store().stats(QUEUE).live:
                with anyio.move_on_after(20.0):
                    await process.adrain(concurrency=process.width, grace=100.0)

    async def run(self) -> list[str]:
        """Return what was wrong."""
        self.enqueue(self.rng.randint(1, 12))
        await self.live()
        await self.recover()
        left = self.engine.queue_store().items(QUEUE)
        every = [*self.lanes["a"], *self.lanes["b"]]
        self.check(not left, f"{len(left)} items are left")
        self.check(all(self.effects[key] for key in every), "an item was not done")
        self.check(
            all(item.attempts <= self.nacked[item.seq] for item in left),
            "an attempt without an answer",
        )
        return self.wrong


def history(seed: int) -> list[str]:
    """Return what is wrong with one history."""

    async def main() -> list[str]:
        return await World(seed).run()

    return simulate(main, seed, max_steps=2_000_000)


def wrong_histories(seeds: range) -> dict[int, list[str]]:
    """Return what is wrong, by seed."""
    found = {seed: history(seed) for seed in seeds}
    return {seed: wrong for seed, wrong in found.items() if wrong}
