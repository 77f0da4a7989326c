"""Between the drain and the surface: one claimed item goes out, a verdict comes back.

The drain knows leases, concurrency and connectivity, and nothing of handlers;
the surface knows handlers and verdicts, and nothing of leases. They meet here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from syncpatterns.clock import Clock
from syncpatterns.offline_queue._core import Settled, Staged
from syncpatterns.offline_queue._flights import Flight, Verdict
from syncpatterns.offline_queue._ports import AsyncQueueStore, QueueStore

if TYPE_CHECKING:
    from syncpatterns.offline_queue._reaching._targets import Targets


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
