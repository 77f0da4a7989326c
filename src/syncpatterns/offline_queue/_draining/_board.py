"""What the parts of one drain share: who is under way, and the bells they ring."""

from __future__ import annotations

import logging
from typing import Final

import anyio

from syncpatterns._bells import TaskBell
from syncpatterns.offline_queue._core import Hold, Item, QueueStats, Settled
from syncpatterns.offline_queue._draining._delivers import Delivers
from syncpatterns.offline_queue._draining._report import Tally
from syncpatterns.offline_queue._flights import Flight, Verdict
from syncpatterns.offline_queue._ports import AsyncQueueStore

_log = logging.getLogger("syncpatterns.offline_queue")

#: Seconds of the event loop that a clean-up may take.
CLEANUP: Final = 5.0


class Aloft(Flight):
    """A flight of a drain.

    Attributes:
        scope: Cancels its delivery.
        renewed_at: From when its lease counts, by the drain's clock.
        halts: How often deliveries had been paused when it was claimed.
        verdict: What came of it; None as long as it is under way.
        observed: Whether what it says about its target was learned.
    """

    __slots__ = ("halts", "observed", "renewed_at", "scope", "verdict")

    def __init__(
        self,
        item: Item,
        limiter: anyio.CapacityLimiter,
        renewed_at: float,
        halts: int,
    ) -> None:
        super().__init__(item, limiter)
        # Shielded: stopping the drain gives a delivery its time of grace.
        self.scope = anyio.CancelScope(shield=True)
        self.renewed_at = renewed_at
        self.halts = halts
        self.verdict: Verdict | None = None
        self.observed = False


class Board:
    """The flights of one drain.

    A slot is free again only once its settlement is stored. So what a crash
    can repeat is never more than *width* items.

    Args:
        surface: The surface of the queue.
        store: Where its items are.
        width: Most items under way.

    Attributes:
        flights: What is under way or not yet settled, by number.
        closing: Nothing is claimed any more.
        claiming: A claim is being made; its items may be ours already.
        closed: The engine is gone: what is under way comes back by its lease.
    """

    def __init__(self, surface: Delivers, store: AsyncQueueStore, width: int) -> None:
        self.surface = surface
        self.store = store
        self.clock = surface.clock
        self.width = width
        self.limiter = anyio.CapacityLimiter(width)
        self.flights: dict[Hold, Aloft] = {}
        self.tally = Tally()
        self.closing = False
        self.closed = False
        self.claiming = False
        self.claimer = TaskBell()
        self.acker = TaskBell()
        self.renewer = TaskBell()
        self.stager = TaskBell()
        self.prober = TaskBell()
        self.landed = TaskBell()

    @property
    def free(self) -> int:
        """How many items more may be under way."""
        return self.width - len(self.flights)

    def add(self, item: Item, claimed_at: float, halts: int) -> Aloft:
        """Note that *item* is ours since *claimed_at*."""
        flight = Aloft(item, self.limiter, claimed_at, halts)
        if not self.flights:
            self.renewer.ring()
        # By the hold: an item that lapsed under a dead network can be claimed
        # again by the very drain whose handler still works on it.
        self.flights[item.hold] = flight
        return flight

    def end(self, flight: Aloft) -> None:
        """Forget *flight*: it is settled, lost, or will come back by its lease."""
        self.flights.pop(flight.item.hold, None)
        self.claimer.ring()
        self.landed.ring()

    async def count(self) -> QueueStats | None:
        """Return how much there is, for those who show it; None if it failed.

        What is shown is worth no item: the drain goes on without it.
        """
        try:
            return await self.store.stats(self.surface.name)
        except Exception as error:  # noqa: BLE001 - see above
            _log.debug("Queue %r could not be counted: %s", self.surface.name, error)
            return None

    def close(self) -> None:
        """Note that the engine is gone."""
        self.closed = True
        self.claimer.ring()
        self.landed.ring()

    def tell(self, flight: Aloft, verdict: Verdict, settled: Settled) -> None:
        """Tell the surface what became of *flight*; its mistakes stop no drain."""
        try:
            self.surface.settled(flight, verdict, settled)
        except Exception:  # noqa: BLE001 - logged; a slip of the surface stops no drain
            _log.exception("What became of item %d was not told", flight.item.seq)
