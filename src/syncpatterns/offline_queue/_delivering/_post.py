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
    from syncpatterns.offline_queue._parts import Parts
    from syncpatterns.offline_queue._ports import AsyncQueueStore, QueueStore
    from syncpatterns.offline_queue._reaching._targets import Targets


class Post:
    """Implements `Delivers`.

    Args:
        parts: Of the queue.
        delivery: Calls the handlers.
    """

    def __init__(self, parts: Parts, delivery: Delivery) -> None:
        self._parts = parts
        self._delivery = delivery

    @property
    def name(self) -> str:
        """Name of the queue."""
        return self._parts.name

    @property
    def lease(self) -> float:
        """Seconds for which items are claimed."""
        return self._parts.settings.lease

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        return self._parts.clock

    @property
    def targets(self) -> Targets:
        """What this process knows of the targets."""
        return self._parts.targets

    def store(self) -> QueueStore:
        """Return the blocking store."""
        return self._parts.stores.store()

    def astore(self) -> AsyncQueueStore:
        """Return the store for an event loop."""
        return self._parts.stores.astore()

    def ready(self) -> QueueStore:
        """Return the blocking store, which has been told the rules."""
        return self._parts.ready()

    async def aready(self) -> AsyncQueueStore:
        """Return the store for an event loop, which has been told the rules."""
        return await self._parts.aready()

    def deliver(self, flight: Flight) -> Verdict:
        """Hand the item to its handler on this thread."""
        return self._delivery.deliver(flight)

    async def adeliver(self, flight: Flight) -> Verdict:
        """Hand the item to its handler on the running loop."""
        return await self._delivery.adeliver(flight)

    def settled(self, flight: Flight, verdict: Verdict, settled: Settled) -> None:
        """Tell hooks and receipts what has been stored."""
        parts, item = self._parts, flight.item
        self._parts.changes.ring()
        if not parts.hooks:
            return
        parts.tell(*about_settled(parts, item, verdict, settled))
        if settled.accepted and verdict.pause:
            pause = events.QueuePaused(
                engine=parts.stores.name,
                queue=parts.name,
                target=item.target,
                seconds=verdict.rest,
                reason=verdict.pause,
            )
            parts.tell(pause)
        if settled.accepted and verdict.pause == "sign-in":
            parts.tell(events.SignInNeeded(**of_item(parts, item), target=item.target))

    def staged(self, staged: Staged) -> None:
        """Tell hooks and receipts what time alone has changed."""
        parts = self._parts
        parts.changes.ring()
        if not parts.hooks:
            return
        parts.tell(*about_ended(parts, staged.ended))
        for hold in staged.lapsed:
            of = of_number(parts, hold.seq, staged.names)
            parts.tell(events.ItemReleased(**of, reason="lapsed"))
        for seq in staged.parked:
            of = of_number(parts, seq, staged.names)
            parts.tell(events.ItemParked(**of, reason="unknown"))
        name, engine = parts.name, parts.stores.name
        for target in staged.resumed:
            parts.tell(events.QueueResumed(engine=engine, queue=name, target=target))

    def tell(self, fact: Any) -> None:
        """Tell the hooks about a fact of the drain."""
        self._parts.tell(fact)
