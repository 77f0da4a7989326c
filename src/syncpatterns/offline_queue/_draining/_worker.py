"""Empties a queue without an event loop: claim one, deliver it, settle it.

What came of an item is stored in the commit that claims the next one, as long as
all goes well and nothing else is due: one wait for the disk instead of two.

For programs of threads. Each thread that calls `Worker.run` works on one item
at a time; together they share the thread that renews their leases, and what is
known of the targets. Nothing here sleeps: a worker that waits hears an enqueue
of its process at once, and a stop within a twentieth of a second.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from typing import Final

from syncpatterns import _testpoints
from syncpatterns._bells import ThreadBell
from syncpatterns.errors import EngineClosed, StoreUnavailable
from syncpatterns.offline_queue._core import Ack, Item, Settled, Settlement
from syncpatterns.offline_queue._core._lost_answers import landed
from syncpatterns.offline_queue._draining._delivers import Delivers
from syncpatterns.offline_queue._draining._pace import (
    BUSY_STAGE,
    CLAIM_ANYWAY,
    LONGEST_LOOK,
    LONGEST_STAGE,
    POLL,
    SHORTEST_STAGE,
)
from syncpatterns.offline_queue._draining._progress import Progress
from syncpatterns.offline_queue._draining._report import DrainReport, Tally
from syncpatterns.offline_queue._draining._returns import cooled, given_back, pause_of
from syncpatterns.offline_queue._draining._thread_renewer import ThreadRenewer
from syncpatterns.offline_queue._draining._trouble import Trouble
from syncpatterns.offline_queue._flights import Flight, Verdict
from syncpatterns.offline_queue._ports import QueueStore
from syncpatterns.offline_queue._reaching._targets import WIDTH
from syncpatterns.offline_queue._reaching._witnesses import Probe

_log = logging.getLogger("syncpatterns.offline_queue")

#: Tries to store what a delivery came to, where nobody waits for ever.
_TRIES: Final = 6
_STAYS: Final = "An item of queue %r stays leased: %s"


class Worker:
    """One thread's work on one queue; `run` it once.

    Args:
        surface: The surface of the queue.
        renewer: Shared by all blocking workers of the queue.
        once: End as soon as nothing can be delivered now.
        hurry: Look at once at the targets that are away, and wait for it.
        stopped: Asked between two items, and while it waits.
    """

    def __init__(
        self,
        surface: Delivers,
        renewer: ThreadRenewer,
        *,
        once: bool,
        hurry: bool = False,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._surface = surface
        self._renewer = renewer
        self._once = once
        self._hurry = hurry
        self._stopped = stopped
        self._bell = ThreadBell()
        self._tally = Tally()
        self._poll = POLL[0]
        self._seen: int | None = None
        self._tried_at = 0.0
        self._idle = True
        self._over = False  # something ends this worker that is no answer of a store
        self._stage_at = self._staged_at = -math.inf
        self._targets_at = math.inf
        self._staged_version: int | None = None
        self._next: Item | None = None  # claimed; nobody has begun with it
        self._halts = 0  # of the targets, when it was claimed

    def run(self) -> DrainReport:
        """Work until stopped, until nothing is left, or until the engine closes.

        Raises:
            StoreUnavailable: The store failed, and it is a single pass.
        """
        store = self._opened()
        if store is None:
            return DrainReport()
        targets = self._surface.targets
        offs = [
            store.on_change(self._bell.ring),
            targets.on_change(self._bell.ring),
        ]
        progress = Progress(self._surface, store.name, self._tally)
        try:
            with self._renewer.on_duty():
                if self._hurry:
                    self._look_now()
                try:
                    self._loop(store, progress)
                finally:
                    self._let_go(store)
            return self._counted(store, progress)
        except EngineClosed:
            if self._once:
                raise
            _log.info("The engine is closed, so queue %r ends.", self._surface.name)
            return self._tally.since(Tally(), 0, targets.away())
        finally:
            for off in offs:
                off()

    # ----------------------------------------------------------------- inside

    def _counted(self, store: QueueStore, progress: Progress) -> DrainReport:
        """Return what was done and what is left."""
        away = self._surface.targets.away()
        try:
            stats = store.stats(self._surface.name)
        except StoreUnavailable as error:
            if self._once:
                raise
            _log.info("Queue %r cannot be counted: %s", self._surface.name, error)
            return self._tally.since(Tally(), 0, away)
        progress.over(stats, away)
        return self._tally.since(Tally(), stats.live, away)

    def _opened(self) -> QueueStore | None:
        trouble = Trouble(
            self._surface.name, "its engine", "cannot be opened", "it waits"
        )
        while not self._stopped():
            try:
                return self._surface.ready()
            except EngineClosed:
                if self._once:
                    raise
                return None
            except StoreUnavailable as error:
                if self._once:
                    raise
                self._again(trouble, error)
        return None

    def _loop(self, store: QueueStore, progress: Progress) -> None:
        targets, name = self._surface.targets, self._surface.name
        trouble = Trouble(name, store.name, "could not claim", "nothing is lost")
        while not self._stopped():
            if self._recalled():
                self._give_back(store)
            try:
                if self._next is None:
                    self._look()
                    # Before the claim: what is due by now it finds, and what is due
                    # later ends the wait.
                    self._targets_at = self._surface.clock.monotonic() + targets.wait()
                    self._stage(store)
                    self._claim(store)
            except EngineClosed:
                raise
            except Exception as error:
                if self._once:
                    raise
                self._again(trouble, error)
                continue
            trouble.over()
            self._idle = self._next is None
            self._measure(store, progress)
            if self._next is not None and self._halts != targets.halts:
                continue  # a hook has paused it meanwhile
            item, self._next = self._next, None
            if item is not None:
                self._poll = POLL[0]
                self._deliver(store, item)
            elif self._once:
                return
            else:
                self._wait(store)

    def _claim(self, store: QueueStore, *said: Settlement) -> list[Settled]:
        """Claim an item; in the commit that stores what was *said* of the last one."""
        surface, targets = self._surface, self._surface.targets
        if not said:  # no wait follows the others, and it takes 14 us to look
            # Before the claim: a commit during it is found by the next one.
            self._seen = store.changes()
        self._tried_at = surface.clock.monotonic()
        self._halts = targets.halts
        request = targets.request(surface.name, 1, surface.lease, WIDTH)
        settled: list[Settled] = []
        items: list[Item] = []
        try:
            if said:
                settled, items = store.settle_and_claim(request, said)
            else:
                items = store.claim(request)
        finally:
            targets.claimed(request, items)
            self._next = items[0] if items else None
        _testpoints.hit("drain.after_claim")
        return settled

    def _recalled(self) -> bool:
        """Tell whether what was claimed with a settlement is not to be delivered.

        In between, hooks were told of that settlement. One of them may have paused
        the queue, or kept us so long that the lease, which nobody renews, has ended.
        """
        kept = self._surface.clock.monotonic() - self._tried_at
        return (
            self._halts != self._surface.targets.halts or kept > self._surface.lease / 3
        )

    def _let_go(self, store: QueueStore) -> None:
        """Give back what is left in hand, and never hide what ends this worker."""
        self._over = True
        try:
            self._give_back(store)
        except Exception as error:  # noqa: BLE001 - logged; it comes back by its lease
            _log.info(_STAYS, self._surface.name, error)

    def _give_back(self, store: QueueStore) -> None:
        """Let go of what was claimed with a settlement, and is not to be delivered."""
        item, self._next = self._next, None
        if item is not None:
            flight = Flight(item)
            verdict = given_back(flight)
            self._surface.targets.observed(item.target, verdict, WIDTH)
            self._settle(store, flight, verdict)

    def _deliver(self, store: QueueStore, item: Item) -> None:
        flight = Flight(item)
        with self._renewer.watching(flight):
            verdict: Verdict | None = None
            try:
                verdict = self._surface.deliver(flight)
            except Exception:  # noqa: BLE001 - logged; the surface answers a handler's errors
                _log.exception("The delivery of item %d failed", item.seq)
                verdict = given_back(flight, 1.0, "delivery-failed")
            finally:
                # Also where the thread is told to end, by KeyboardInterrupt; or the
                # handler has raised what looks like it, and may do so again.
                self._over = verdict is None
                pause = pause_of(flight) if flight.begun else 0.0
                said = given_back(flight, pause) if verdict is None else verdict
                self._surface.targets.observed(item.target, said, WIDTH)
                try:
                    self._settle(store, flight, said, goes_on=verdict is not None)
                except Exception as error:
                    if verdict is not None:
                        raise
                    _log.info(_STAYS, self._surface.name, error)  # hides no Ctrl-C

    def _settle(
        self,
        store: QueueStore,
        flight: Flight,
        verdict: Verdict,
        *,
        goes_on: bool = False,
    ) -> None:
        """Store what came of it, however often it takes, unless it is closed.

        Args:
            store: Where.
            flight: Of the item.
            verdict: What came of it.
            goes_on: Nothing is wrong, so that the next item may be claimed with it.
        """
        name, tries = self._surface.name, 0
        trouble = Trouble(
            name,
            store.name,
            "could not store what a delivery came to",
            "its lease is kept",
        )
        while True:
            try:
                if verdict.pause and verdict.rest > 0:
                    # Before the item goes back: nobody may claim it in between.
                    target = flight.item.target
                    store.pause(name, target, verdict.rest, verdict.pause)
                _testpoints.hit("drain.before_settle")
                said = cooled(verdict)
                if goes_on and not tries and self._goes_on(verdict):
                    (settled,) = self._claim(store, said)
                else:
                    settled = store.settle(name, [said])[0]
                _testpoints.hit("drain.after_settle")
                if not settled.accepted and (tries or flight.acked):
                    settled = self._looked_up(store, flight, verdict, settled)
                break
            except EngineClosed:
                raise
            except Exception as error:
                tries += 1
                if self._ending() and (flight.lost or tries >= _TRIES):
                    raise  # it comes back when its lease ends
                self._again(trouble, error)
        trouble.over()
        self._tally.settled(verdict.settlement, settled)
        self._tell(flight, verdict, settled)

    def _goes_on(self, verdict: Verdict) -> bool:
        """Tell whether the commit that settles this item may claim the next one.

        Only where all is well. Whatever else is due comes before a claim of its own:
        a stop, a target to be looked at, and what time asks for.
        """
        if (
            not isinstance(verdict.settlement, Ack)
            or verdict.rest > 0
            or self._stopped()
        ):
            return False
        now = self._surface.clock.monotonic()
        self._targets_at = now + self._surface.targets.wait()
        stage_at = min(self._stage_at, self._staged_at + BUSY_STAGE)
        return now < self._targets_at and now < stage_at

    def _ending(self) -> bool:
        return self._once or self._over or self._stopped()

    def _looked_up(
        self, store: QueueStore, flight: Flight, verdict: Verdict, answer: Settled
    ) -> Settled:
        """Find out whether an earlier try of ours has landed after all."""
        name, seq = self._surface.name, flight.item.seq
        item, ended = store.get(name, seq), store.ended(name, seq)
        if not landed(verdict.settlement, flight.item, item, ended):
            return answer
        return Settled(True, seq, () if ended is None else (ended,))  # noqa: FBT003 - a value's field

    def _tell(self, flight: Flight, verdict: Verdict, settled: Settled) -> None:
        try:
            self._surface.settled(flight, verdict, settled)
        except Exception:  # noqa: BLE001 - logged; a slip of the surface stops no worker
            _log.exception("What became of item %d was not told", flight.item.seq)

    def _measure(self, store: QueueStore, progress: Progress) -> None:
        """Say how far it is; what is shown is worth no item."""
        begins = not self._idle and not progress.under_way
        ends = self._idle and progress.under_way
        if not (begins or ends or progress.due):
            return
        try:
            stats = store.stats(self._surface.name)
        except Exception as error:  # noqa: BLE001 - see above
            _log.debug("Queue %r could not be measured: %s", self._surface.name, error)
            return
        if begins:
            progress.began(stats)
        elif ends:
            progress.over(stats, self._surface.targets.away())
        else:
            progress.measured(stats)

    # ---------------------------------------------------------------- waiting

    def _stage(self, store: QueueStore) -> None:
        """Do what time asks for: when it is due, and when others have committed."""
        now = self._surface.clock.monotonic()
        version = store.changes()
        stirred = version != self._staged_version
        pace = POLL[0] if self._idle else BUSY_STAGE
        if now < self._stage_at and not (stirred and now >= self._staged_at + pace):
            return
        staged = store.stage(self._surface.name)
        self._staged_version, self._staged_at = version, now
        self._stage_at = now + min(max(staged.next_due, SHORTEST_STAGE), LONGEST_STAGE)
        self._tally.staged(staged)
        try:
            self._surface.staged(staged)
        except Exception:  # noqa: BLE001 - logged; a slip of the surface stops no worker
            _log.exception("What time has changed was not told")

    def _wait(self, store: QueueStore) -> None:
        """Return when it is worth claiming again."""
        clock = self._surface.clock
        until = min(self._stage_at, self._targets_at, self._tried_at + CLAIM_ANYWAY)
        while not self._stopped():
            left = until - clock.monotonic()
            if left <= 0 or self._bell.wait(
                clock, min(left, self._poll), self._stopped
            ):
                return
            if self._others_committed(store):
                self._poll = POLL[0]
                return
            self._poll = min(2 * self._poll, POLL[1])

    def _others_committed(self, store: QueueStore) -> bool:
        """Tell whether there may be news; trouble is: the next claim meets it too."""
        try:
            return store.changes() != self._seen
        except EngineClosed:
            raise
        except Exception as error:  # noqa: BLE001 - of any engine; the claim logs it
            _log.debug("Queue %r: %s", self._surface.name, type(error).__name__)
            return True

    def _again(self, trouble: Trouble, error: Exception) -> None:
        """Log it, and wait a moment."""
        self._bell.wait(self._surface.clock, trouble.again(error), self._stopped)

    # ---------------------------------------------------------------- looking

    def _look(self, *, anew: bool = False) -> None:
        """Begin the looks that are due: a probe must not hold up other targets.

        A single pass waits for them, and leaves none behind.
        """
        looks: list[threading.Thread] = []
        for target, probe in self._surface.targets.to_look_at(anew=anew):
            look = threading.Thread(
                target=self._look_at,
                args=(target, probe),
                name="syncpatterns-queue-look",
                daemon=True,
            )
            look.start()
            looks.append(look)
        for look in looks if self._once else ():
            look.join(LONGEST_LOOK)

    def _look_now(self) -> None:
        self._surface.targets.hurry()
        self._look(anew=True)
        self._surface.targets.hurry()  # somebody waits for this pass

    def _look_at(self, target: str, probe: Probe) -> None:
        found = False
        try:
            found = probe.probe()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken probe found nobody
            _log.warning("%r failed with %s: %s", probe, type(error).__name__, error)
        finally:
            self._surface.targets.looked(target, found=found)
