"""The surface as the drain sees it: items go out, verdicts come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncpatterns.offline_queue import _events as events
from syncpatterns.offline_queue._delivering._delivery import Delivery
from syncpatterns.offline_queue._telling import (
    about_ended,
    about_settled,
    of_item,
    of_number,
)

if TYPE_CHECKING:
    from syncpatterns.clock import Clock
    from syncpatterns.offline_queue._core import Settled, Staged
    from syncpatterns.offline_queue._flights import Flight, Verdict
    from syncpatterns.offline_queue._ports import AsyncQueueStore, QueueStore
    from syncpatterns.offline_queue._reaching._targets import Targets
    from syncpatterns.offline_queue._shared import Shared


class Surface:
    """Implements `Delivers`.

    Args:
        shared: Of the queue.
        delivery: Calls the handlers.
    """

    def __init__(self, shared: Shared, delivery: Delivery) -> None:
        self._shared = shared
        self._delivery = delivery

    @property
    def name(self) -> str:
        """Name of the queue."""
        return self._shared.name

    @property
    def lease(self) -> float:
        """Seconds for which items are claimed."""
        return self._shared.settings.lease

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        return self._shared.clock

    @property
    def targets(self) -> Targets:
        """What this process knows of the targets."""
        return self._shared.targets

    def ready(self) -> QueueStore:
        """Return the blocking store, which has been told the rules."""
        return self._shared.ready()

    async def aready(self) -> AsyncQueueStore:
        """Return the store for an event loop, which has been told the rules."""
        return await self._shared.aready()

    def deliver(self, flight: Flight) -> Verdict:
        """Hand the item to its handler on this thread."""
        return self._delivery.deliver(flight)

    async def adeliver(self, flight: Flight) -> Verdict:
        """Hand the item to its handler on the running loop."""
        return await self._delivery.adeliver(flight)

    def settled(self, flight: Flight, verdict: Verdict, settled: Settled) -> None:
        """Tell hooks and receipts what has been stored."""
        shared, item = self._shared, flight.item
        self._shared.changes.ring()
        if not shared.hooks:
            return
        shared.tell(*about_settled(shared, item, verdict, settled))
        if settled.accepted and verdict.pause:
            pause = events.QueuePaused(
                engine=shared.stores.name,
                queue=shared.name,
                target=item.target,
                seconds=verdict.rest,
                reason=verdict.pause,
            )
            shared.tell(pause)
        if settled.accepted and verdict.pause == "sign-in":
            shared.tell(
                events.SignInNeeded(**of_item(shared, item), target=item.target)
            )

    def staged(self, staged: Staged) -> None:
        """Tell hooks and receipts what time alone has changed."""
        shared = self._shared
        shared.changes.ring()
        if not shared.hooks:
            return
        shared.tell(*about_ended(shared, staged.ended))
        for hold in staged.lapsed:
            of = of_number(shared, hold.seq, staged.names)
            shared.tell(events.ItemReleased(**of, reason="lapsed"))
        for seq in staged.parked:
            of = of_number(shared, seq, staged.names)
            shared.tell(events.ItemParked(**of, reason="unknown"))
        name, engine = shared.name, shared.stores.name
        for target in staged.resumed:
            shared.tell(events.QueueResumed(engine=engine, queue=name, target=target))

    def tell(self, fact: Any) -> None:
        """Tell the hooks about a fact of the drain."""
        self._shared.tell(fact)
