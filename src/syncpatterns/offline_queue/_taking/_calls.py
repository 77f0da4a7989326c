"""`call`: now if it can be, else later; one key, one place in its lane.

::

    the key is made                         before anything can be tried
    the item is stored, already LEASED      write-ahead: one wait for the disk
    its handler is called                   in this thread or task
    it is settled                           and the caller told

A process that dies in between leaves an item whose lease ends; the next
delivery carries the same key. What may not be tried now (others wait before
it in its lane, its target is paused or known to be away) is only stored.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from syncpatterns._flow import Flow
from syncpatterns.errors import InProgress, NotExecuted, NotSent
from syncpatterns.offline_queue._core import (
    Ack,
    Ended,
    Enqueued,
    Fail,
    Item,
    ItemState,
    Nack,
    NewItem,
    Park,
    Release,
    Replace,
    Settled,
    key_hash,
)
from syncpatterns.offline_queue._delivering._verdicts import Aftermath
from syncpatterns.offline_queue._flights import Flight, Verdict
from syncpatterns.offline_queue._results import Done, Queued
from syncpatterns.offline_queue._steps import Settle, Step
from syncpatterns.offline_queue._taking._keeper import Keeper, akept
from syncpatterns.offline_queue._taking._receipts import (
    cancelled,
    done,
    outcome,
    receipt_of,
)
from syncpatterns.offline_queue._taking._storing import send
from syncpatterns.offline_queue._taking._unjournaled import (
    as_sent,
    left_behind,
    must_be_stored,
    not_kept,
    unstored,
)

if TYPE_CHECKING:
    from syncpatterns.offline_queue._shared import Shared
    from syncpatterns.offline_queue._surface import Surface
    from syncpatterns.offline_queue._taking._drafts import Draft

_log = logging.getLogger("syncpatterns.offline_queue")

#: ``auto``: now if it can be, else later. ``queue``: later. ``online``: now or
#: not at all.
Mode: TypeAlias = Literal["auto", "queue", "online"]
MODES: Final = ("auto", "queue", "online")


class Deliver(Step):
    """Hand an item to its handler; answered with a `Verdict`."""

    __slots__ = ("flight", "keeper", "surface")

    def __init__(self, surface: Surface, keeper: Keeper, flight: Flight) -> None:
        self.surface = surface
        self.keeper = keeper
        self.flight = flight

    def do(self, shared: Shared) -> Verdict:  # noqa: ARG002 - the surface has them
        """Deliver on this thread."""
        if not self.flight.item.seq:  # never stored, so there is no lease
            return self.surface.deliver(self.flight)
        with self.keeper.watching(self.flight):
            return self.surface.deliver(self.flight)

    async def ado(self, shared: Shared) -> Verdict:
        """Deliver on the running loop."""
        from anyio.lowlevel import checkpoint_if_cancelled  # noqa: PLC0415 - sync users never pay for the event loop

        await checkpoint_if_cancelled()  # while the item was stored
        if not self.flight.item.seq:  # as above
            return await self.surface.adeliver(self.flight)
        if shared.stores.blocking is None:
            return await akept(shared, self.flight, self.surface.adeliver)
        with self.keeper.watching(self.flight):
            return await self.surface.adeliver(self.flight)


class Calls:
    """Makes the calls of one queue.

    Args:
        shared: Of the queue.
        surface: Calls handlers, and tells what came of it.
        keeper: Keeps leases while a handler runs.
    """

    def __init__(self, shared: Shared, surface: Surface, keeper: Keeper) -> None:
        self._shared: Final = shared
        self._surface: Final = surface
        self._keeper: Final = keeper

    def call(self, draft: Draft, mode: Mode) -> Flow[Step, Done[Any] | Queued[Any]]:
        """Do it now if it can be, else store it."""
        shared, target = self._shared, draft.handler.target
        if mode == "queue":
            return (yield from self._store(draft, "asked"))
        if not shared.targets.admit(target):
            if mode == "online":
                raise self._not_now(draft, f"{target} is not being asked now")
            return (yield from self._store(draft, "offline"))
        try:
            (stored,) = yield from send(shared, [draft], shared.settings.lease)
        except BaseException:
            shared.targets.forget(target)
            raise
        if stored.claimed is None:
            shared.targets.forget(target)
            return (yield from self._met(draft, stored, mode))
        flight = Flight(stored.claimed)
        verdict = yield from self._tried(flight)
        return (yield from self._ended(draft, flight, verdict, mode))

    def call_unjournaled(
        self, draft: Draft, mode: Mode
    ) -> Flow[Step, Done[Any] | Queued[Any]]:
        """Do `call`, but store only what could not be done at once."""
        shared, target = self._shared, draft.handler.target
        if mode == "queue" or (yield from must_be_stored(draft)):
            return (yield from self.call(draft, mode))
        if not shared.targets.admit(target):
            return (yield from self.call(draft, mode))
        flight = Flight(unstored(draft.item, shared.clock.time()))
        verdict = yield from self._tried(flight)
        verdict = self._meant(verdict, mode)
        settlement = verdict.settlement
        if isinstance(settlement, Ack) or getattr(settlement, "discard", False):
            verdict = yield from self._paused(flight.item, verdict)
            self._surface.settled(flight, verdict, Settled(accepted=True, seq=0))
            return self._told(draft, flight, verdict, None, mode)
        try:
            kept = [as_sent(draft, verdict)]
            (stored,) = yield from send(shared, kept, shared.settings.lease)
        except NotExecuted as error:
            unkept = not_kept(draft, verdict, error)
        else:
            return (yield from self._kept(draft, verdict, stored, mode))
        verdict = verdict._replace(settlement=left_behind(verdict))
        verdict = yield from self._paused(flight.item, verdict)
        self._surface.settled(flight, verdict, Settled(accepted=True, seq=0))
        raise unkept  # out here, so that what the handler raised keeps its own causes

    def _kept(
        self, draft: Draft, verdict: Verdict, stored: Enqueued, mode: Mode
    ) -> Flow[Step, Done[Any] | Queued[Any]]:
        """End what was tried and is stored now."""
        if stored.claimed is None:
            return (yield from self._met(draft, stored, mode))
        flight = Flight(stored.claimed)
        moved = verdict.settlement._replace(hold=stored.claimed.hold)
        verdict = verdict._replace(settlement=moved)
        return (yield from self._ended(draft, flight, verdict, mode))

    def _paused(self, item: Item, verdict: Verdict) -> Flow[Step, Verdict]:
        """Pause the target of what is not stored, as for what is."""
        if not verdict.pause:
            return verdict
        try:
            yield from Settle("pause", item.target, verdict.rest, verdict.pause)
        except Exception:  # noqa: BLE001 - of any engine
            _log.exception(
                "%s [%s]: its target %s could not be paused (%s); the next call asks "
                "it again.",
                item.operation,
                item.key_hash,
                item.target,
                verdict.pause,
            )
            return verdict._replace(pause="")  # hooks are told of what there is
        return verdict

    def _ended(
        self, draft: Draft, flight: Flight, verdict: Verdict, mode: Mode
    ) -> Flow[Step, Done[Any] | Queued[Any]]:
        """Store what came of it, and return or raise what the caller is told."""
        verdict = self._meant(verdict, mode)
        settled = yield from self._settle(flight, verdict)
        return self._told(draft, flight, verdict, settled, mode)

    def _tried(self, flight: Flight) -> Flow[Step, Verdict]:
        """Return what came of it; interrupted, the item goes back."""
        item, targets = flight.item, self._shared.targets
        try:
            verdict: Verdict = yield from Deliver(self._surface, self._keeper, flight)
        except BaseException:
            targets.forget(item.target)
            if item.seq:  # it is stored; what began may have been done
                back = Release(item.hold, unsent=not flight.begun)
                yield from self._settle(flight, Verdict(back))
            raise
        targets.observed(item.target, verdict)
        return verdict

    def _settle(self, flight: Flight, verdict: Verdict) -> Flow[Step, Settled | None]:
        """Store *verdict*; None if the store cannot be reached now."""
        item = flight.item
        try:
            if verdict.pause:
                args = (item.target, verdict.rest, verdict.pause)
                yield from Settle("pause", *args)
            answers: list[Settled] = yield from Settle("settle", [verdict.settlement])
        except Exception:  # noqa: BLE001 - of any engine
            # The item is still LEASED: its lease ends, and it is delivered
            # again under its key. What is known now must not be lost for that.
            _log.exception(
                "%s [%s]: what came of it could not be stored; it is delivered again "
                "when its lease ends.",
                item.operation,
                item.key_hash,
            )
            return None
        settled = answers[0]
        if flight.acked and not settled.accepted:  # it ended with the handler's rows
            settled = Settled(accepted=True, seq=item.seq)
        self._surface.settled(flight, verdict, settled)
        return settled

    def _meant(self, verdict: Verdict, mode: Mode) -> Verdict:
        """Return *verdict* for somebody who gets the error of a failure at once."""
        settlement = verdict.settlement
        if isinstance(settlement, Fail) and not self._shared.settings.keep_failed:
            return verdict._replace(settlement=settlement._replace(discard=True))
        if mode == "online" and not isinstance(settlement, Ack | Fail):
            fail = Fail(settlement.hold, "online", discard=True)
            return verdict._replace(settlement=fail)
        return verdict

    def _told(
        self,
        draft: Draft,
        flight: Flight,
        verdict: Verdict,
        settled: Settled | None,
        mode: Mode,
    ) -> Done[Any] | Queued[Any]:
        """Return or raise what the caller is told."""
        receipt = receipt_of(self._shared, flight.item.seq, draft.item)
        after: Aftermath = verdict.extra
        if settled is not None and not settled.accepted:
            return Queued(receipt, "lease-lost")
        if isinstance(verdict.settlement, Ack):
            return Done(after.value, receipt)
        match verdict.settlement:
            case Release() | Nack():
                return Queued(receipt, after.reason or "failed")
            case Replace(item=new) if settled is not None:
                return Queued(receipt_of(self._shared, settled.seq, new), "conflict")
            case Park(reason="sign-in"):
                return Queued(receipt, "sign-in")
            case Park() | Fail() if after.error is not None:
                raise after.error
            case Park(reason=reason):
                return Queued(receipt, reason)
            case _:
                if mode == "online":
                    raise self._not_now(draft, after.reason)
                ended = Ended(receipt.id, ItemState.DEAD, reason=after.reason)
                return done(receipt, self._shared, ended)

    # ------------------------------------------------------- not tried at all

    def _store(self, draft: Draft, reason: str) -> Flow[Step, Done[Any] | Queued[Any]]:
        (stored,) = yield from send(self._shared, [draft])
        if stored.duplicate:
            return (yield from self._met(draft, stored, "queue"))
        return Queued(receipt_of(self._shared, stored.seq, draft.item), reason)

    def _met(
        self, draft: Draft, stored: Enqueued, mode: Mode
    ) -> Flow[Step, Done[Any] | Queued[Any]]:
        """Return what the caller is told of an item that may not be tried."""
        shared = self._shared
        receipt = receipt_of(shared, stored.seq, draft.item)
        if stored.duplicate:
            ended = yield from outcome(stored.seq, draft.handler.name)
            if ended is not None:
                return done(receipt, shared, ended)
        if mode != "online":
            reason = "duplicate" if stored.duplicate else "lane"
            return Queued(receipt, "coalesced" if stored.ended else reason)
        if stored.duplicate:
            raise InProgress(
                f"{draft.handler.name} [{receipt.key_hash}] is in the queue "
                f"{shared.name!r} already. Wait for it with receipt.wait()."
            )
        if not (yield from cancelled(shared, [stored.seq])):
            raise InProgress(
                f"{draft.handler.name} [{receipt.key_hash}] is being delivered by "
                f"another worker of {shared.name!r}. Ask again with the same key."
            )
        raise self._not_now(draft, "others wait before it, or its target is paused")

    def _not_now(self, draft: Draft, why: str) -> NotSent:
        item: NewItem = draft.item
        digits = key_hash(item.scope, item.operation, item.key)
        return NotSent(
            f"{item.operation} [{digits}] in {self._shared.name} on "
            f"{self._shared.stores.name}: not done and not queued (mode='online'): "
            f"{why}. Try again later, or use mode='auto'."
        )
