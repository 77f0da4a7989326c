"""Between the drain and the surface: one claimed item goes out, a verdict comes back.

The drain knows leases, concurrency and connectivity, and nothing of handlers;
the surface knows handlers and verdicts, and nothing of leases. They meet here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from syncpatterns.clock import Clock
from syncpatterns.offline_queue._core import Item, Settled, Settlement, Staged
from syncpatterns.offline_queue._ports import AsyncQueueStore, QueueStore

if TYPE_CHECKING:
    from anyio import CapacityLimiter

    from syncpatterns.offline_queue._draining._targets import Targets


class Evidence(StrEnum):
    """What a delivery says about its target.

    ANSWERED: it did it, or said a definite no. FAILED: it answered, and was not
    well. UNREACHABLE: nobody was there, or the line broke. NOTHING: it was not
    asked, or nobody can tell.
    """

    ANSWERED = "answered"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    NOTHING = "nothing"


class Verdict(NamedTuple):
    """What one delivery came to.

    Args:
        settlement: What the store is told.
        evidence: What it says about the target.
        rest: Seconds for which the target is not to be asked; infinity until
            somebody resumes it.
        pause: Why every process is to leave the target alone for *rest*
            seconds, as one word such as ``retry-after``; empty if only this
            process has a reason, such as a breaker of its own.
        extra: For the surface, which gets the verdict back in `Delivers.settled`.
    """

    settlement: Settlement
    evidence: Evidence = Evidence.NOTHING
    rest: float = 0.0
    pause: str = ""
    extra: Any = None


class Flight:
    """One delivery of one item.

    Attributes:
        item: What is delivered.
        acked: Its Ack was stored already, in a transaction of the handler's.
        begun: Set by the surface just before the handler runs: from here on
            somebody may have been reached.
        lost: Somebody else holds the item by now, so the handler should end.
        limiter: Where threads for blocking handlers come from, on an event
            loop; None in a blocking worker.
    """

    __slots__ = ("acked", "begun", "item", "limiter", "lost")

    def __init__(self, item: Item, limiter: CapacityLimiter | None = None) -> None:
        self.item = item
        self.acked = False
        self.begun = False
        self.lost = False
        self.limiter = limiter


class Delivers(Protocol):
    """What the drain needs of a queue's surface."""

    @property
    def name(self) -> str:
        """Name of the queue."""
        ...

    @property
    def lease(self) -> float:
        """Seconds for which items are claimed."""
        ...

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        ...

    @property
    def targets(self) -> Targets:
        """What this process knows of the targets; one for the whole queue."""
        ...

    def ready(self) -> QueueStore:
        """Return the blocking store, once it knows the queue's rules."""
        ...

    async def aready(self) -> AsyncQueueStore:
        """Return the store for an event loop, once it knows the queue's rules."""
        ...

    def deliver(self, flight: Flight) -> Verdict:
        """Hand the item to its handler on this thread; raises nothing."""
        ...

    async def adeliver(self, flight: Flight) -> Verdict:
        """Hand the item to its handler; raises nothing but the cancellation.

        A blocking handler runs on a thread of `Flight.limiter`, which is
        abandoned when the delivery is cancelled.
        """
        ...

    def settled(self, flight: Flight, verdict: Verdict, settled: Settled) -> None:
        """Tell hooks and receipts what has been stored; also that it was stale."""
        ...

    def staged(self, staged: Staged) -> None:
        """Tell hooks and receipts what time alone has changed."""
        ...

    def tell(self, fact: Any) -> None:
        """Tell the hooks about a fact of the drain."""
        ...
