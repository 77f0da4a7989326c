"""A surface without handlers, models and receipts: what a drain needs, and a log.

Each item's payload names what its delivery does. What was told is kept.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import anyio

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.offline_queue._core import (
    Ack,
    Item,
    ItemState,
    NewItem,
    QueueRules,
    Settled,
    Staged,
)
from syncpatterns.offline_queue._draining._drains import Drains
from syncpatterns.offline_queue._flights import Evidence, Flight, Verdict
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.offline_queue._reaching._targets import Targets
from syncpatterns.offline_queue._reaching._witnesses import Gate, Probe

QUEUE = "q"
Handler: TypeAlias = Callable[[Flight], Awaitable[Verdict | None]]


def done(flight: Flight) -> Verdict:
    """Return the verdict on something that was done."""
    return Verdict(Ack(flight.item.hold, b"1"), Evidence.ANSWERED)


class Desk(Drains):
    """A queue of plain items.

    Args:
        handler: Called for each item; None as answer means done.
        engine: Where the items are.
        clock: For leases; the engine's must be the same.
        lease: Seconds.
        probes: As for `Targets`.
        gates: As for `Targets`.
        rules: Of the queue.
        seed: Of the jitter.
    """

    name = QUEUE

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        engine: Any = None,
        clock: Clock | None = None,
        lease: float = 30.0,
        probes: Mapping[str, Probe] | None = None,
        gates: Mapping[str, Gate] | None = None,
        rules: QueueRules | None = None,
        seed: int = 3,
    ) -> None:
        self.clock = clock or SystemClock()
        self.lease = lease
        self.engine = engine or MemoryEngine(clock=self.clock)
        self.rules = rules or QueueRules(max_items=10**7)
        self.handler = handler
        self.blocking: Callable[[Flight], Verdict | None] = lambda _flight: None
        self.facts: list[Any] = []
        self.told: list[tuple[int, Verdict, Settled]] = []
        self.time_did: list[Staged] = []
        self.begun: list[int] = []
        self.targets = Targets(
            QUEUE,
            "memory",
            clock=self.clock,
            rng=random.Random(seed),
            probes=probes,
            gates=gates,
            tell=self.tell,
        )

    # --------------------------------------------------- what a drain asks for

    def _delivers(self) -> Any:
        return self

    def ready(self) -> Any:
        store = self.engine.queue_store()
        store.configure(QUEUE, self.rules)
        return store

    async def aready(self) -> Any:
        store = self.engine.async_queue_store()
        await store.configure(QUEUE, self.rules)
        return store

    def deliver(self, flight: Flight) -> Verdict:
        self.begun.append(flight.item.seq)
        flight.begun = True
        return self.blocking(flight) or done(flight)

    async def adeliver(self, flight: Flight) -> Verdict:
        self.begun.append(flight.item.seq)
        flight.begun = True
        verdict = None if self.handler is None else await self.handler(flight)
        return done(flight) if verdict is None else verdict

    def settled(self, flight: Flight, verdict: Verdict, settled: Settled) -> None:
        self.told.append((flight.item.seq, verdict, settled))

    def staged(self, staged: Staged) -> None:
        self.time_did.append(staged)

    def tell(self, fact: Any) -> None:
        self.facts.append(fact)

    # ------------------------------------------------------- what a test asks for

    def put(self, *items: NewItem) -> list[int]:
        """Store *items*, and return their numbers."""
        self.ready()
        stored = self.engine.queue_store().enqueue(EnqueueRequest(QUEUE, items))
        return [each.seq for each in stored]

    def get(self, seq: int) -> Item | None:
        """Return the item."""
        item: Item | None = self.engine.queue_store().get(QUEUE, seq)
        return item

    def states(self) -> dict[ItemState, int]:
        """Return how many items are in each state, those of none left out."""
        states = self.engine.queue_store().stats(QUEUE).states
        return {state: number for state, number in states.items() if number}

    def acked(self) -> list[int]:
        """Return the numbers of what was done, in the order it was stored."""
        return [
            seq
            for seq, verdict, settled in self.told
            if settled.accepted and isinstance(verdict.settlement, Ack)
        ]

    def of(self, kind: type) -> list[Any]:
        """Return the facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]


def item(key: str | int, **options: Any) -> NewItem:
    """Return an item to be stored."""
    text = str(key)
    return NewItem("op", text, "scope", text.encode(), b"{}", **options)


def items(number: int, **options: Any) -> Sequence[NewItem]:
    """Return *number* items."""
    return [item(n, **options) for n in range(number)]


class Holding:
    """A handler that waits until it is told to go on."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.cancelled: list[int] = []
        self.gate = anyio.Event()
        self._news = anyio.Event()

    async def __call__(self, flight: Flight) -> Verdict | None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self._tell()
        try:
            await self.gate.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(flight.item.seq)
            raise
        finally:
            self.inside -= 1
            self._tell()
        return None

    async def until(self, number: int) -> None:
        """Wait until exactly *number* are inside."""
        while self.inside != number:
            await self._news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()
