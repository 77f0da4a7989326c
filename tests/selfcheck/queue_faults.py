"""Queue stores with one thing got wrong each, for checkers to find."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Final
from unittest import mock

from syncpatterns.engines.memory._queue import (
    _coalesce as coalesce,
    _ends as ends,
    _index as index,
)
from syncpatterns.engines.memory._queue._store import MemoryQueueStore
from syncpatterns.errors import SyncPatternsError
from syncpatterns.offline_queue._core import (
    Ack,
    Ended,
    Filter,
    Hold,
    Item,
    ItemState,
    Nack,
    Park,
    Release,
    Settled,
    Settlement,
    Staged,
)
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest, Turn
from syncpatterns.testing import FakeClock

MEMORY = "syncpatterns.engines.memory"
ORDERED = index.Indexes._ordered
SETTLE = ends.settle_lane


#: What is replaced is so for the whole process. Two threads that did it at once
#: could each take the other's part for what was there before, and leave it there.
_ONE_AT_A_TIME: Final = threading.RLock()


@contextmanager
def replaced(*parts: tuple[str, Any]) -> Generator[None]:
    """Put these in the place of parts of the memory engine, and back again."""
    if not parts:
        yield
        return
    with _ONE_AT_A_TIME, ExitStack() as stack:
        for name, part in parts:
            stack.enter_context(mock.patch(f"{MEMORY}.{name}", part))
        yield


class Faulty:
    """A memory store that works with some of its parts replaced.

    *parts* maps names under the memory engine to what takes their place, for
    the time of each call.
    """

    parts: tuple[tuple[str, Any], ...] = ()

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.store = MemoryQueueStore(clock)

    def __getattr__(self, method: str) -> Any:
        found = getattr(self.store, method)
        if not callable(found):
            return found

        def call(*args: Any, **more: Any) -> Any:
            with replaced(*self.parts):
                return found(*args, **more)

        return call

    def table(self, queue: str) -> Any:
        """Return the insides of a queue."""
        return self.store._tables[queue]


# ------------------------------------------------------------ holds and tokens


def _whoever_holds(table: Any, hold: Hold) -> Any:
    row = table.rows.get(hold.seq)
    return row if row and row.item.state is ItemState.LEASED else None


class AcksAnybody(Faulty):
    parts = (("_queue._settle.held", _whoever_holds),)


class RenewsAnybody(Faulty):
    parts = (("_queue._claims.held", _whoever_holds),)


class AcksWhatWasGivenBack(Faulty):
    parts = (
        (
            "_queue._settle.held",
            lambda table, hold: (
                row
                if (row := table.rows.get(hold.seq)) and row.item.token == hold.token
                else None
            ),
        ),
    )


class RepeatsTokens(Faulty):
    def claim(self, request: ClaimRequest) -> list[Item]:
        table = self.table(request.queue)
        for row in list(table.rows.values()):
            if row.item.state is not ItemState.LEASED:
                table.write(row.with_item(token=0))
        return self.store.claim(request)


class LeasesByTheWallClock(Faulty):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.store._clock = mock.Mock(time=clock.time, monotonic=clock.time)


class AgesByTheSteadyClock(Faulty):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        start = clock.time() - clock.monotonic()
        ages = lambda: start + clock.monotonic()  # noqa: E731 - a clock's method
        self.store._clock = mock.Mock(time=ages, monotonic=clock.monotonic)


# ----------------------------------------------------------------------- lanes


class PromotesTheLast(Faulty):
    parts = (("_queue._index.Lane.head", index.Lane.last),)


def _strand(table: Any, name: str, now: Any) -> None:
    lane = table.index.lanes.get(name)
    if lane and lane.head == lane.last:
        SETTLE(table, name, now)


class StrandsTheNext(Faulty):
    parts = (
        ("_queue._ends.settle_lane", _strand),
        ("_queue._settle.settle_lane", _strand),
        ("_queue._time.settle_lane", _strand),
    )


class OvertakesTheHead(Faulty):
    def claim(self, request: ClaimRequest) -> list[Item]:
        table = self.table(request.queue)
        for row in list(table.rows.values()):
            if row.item.state is ItemState.WAITING and not row.item.blocked:
                table.write(row.with_item(state=ItemState.READY))
        return self.store.claim(request)


class NeverTakesALaneAlong(Faulty):
    parts = (("_queue._ends._Finish._take_along", lambda *_: None),)


class DeadNeverHolds(Faulty):
    def configure(self, queue: str, rules: Any) -> None:
        kind = "continue" if rules.on_dead == "block" else rules.on_dead
        self.store.configure(queue, rules._replace(on_dead=kind))


class RequeuesAlwaysToTheTail(Faulty):
    def requeue(self, queue: str, seqs: Any, *, tail: bool = False) -> list[int]:
        return self.store.requeue(queue, seqs, tail=True)


class ChildrenForget(Faulty):
    parts = (("_queue._ends._Finish._tell_children", lambda *_: None),)


class ResultsGetLost(Faulty):
    def parents(self, queue: str, seq: int) -> dict[int, Ended]:
        found = self.store.parents(queue, seq)
        return {each: ended._replace(result=b"") for each, ended in found.items()}


# --------------------------------------------------------------- identity, room


class ReusesNumbers(Faulty):
    parts = (
        (
            "_queue._rows.QueueTable.number",
            lambda table: max(table.rows, default=0) + 1,
        ),
    )


class TakesAnotherPayload(Faulty):
    def enqueue(self, request: Any) -> Any:
        items = [new._replace(fingerprint=b"") for new in request.items]
        return self.store.enqueue(request._replace(items=items))


class StoresHalfARequest(Faulty):
    parts = (("_queue._rows.QueueTable.atomic", lambda _: nullcontext()),)


class ForgetsOutcomes(Faulty):
    def enqueue(self, request: EnqueueRequest) -> Any:
        items = [each._replace(keep_result=0.0) for each in request.items]
        return self.store.enqueue(request._replace(items=items))


class KeepsOutcomesForEver(Faulty):
    parts = (
        ("_queue._rows.QueueTable.outcome", lambda t, seq, _: t.outcomes.get(seq)),
    )


class ForgetsThePriority(Faulty):
    def enqueue(self, request: EnqueueRequest) -> Any:
        items = [each._replace(priority=0) for each in request.items]
        return self.store.enqueue(request._replace(items=items))


class LetsOneMoreIn(Faulty):
    def configure(self, queue: str, rules: Any) -> None:
        more = rules._replace(max_items=rules.max_items + 1)
        self.store.configure(queue, more)


def _oldest_of_all(batch: Any, replaced: Any) -> int:
    live = [row for row in batch._table.rows.values() if row.item.state != "dead"]
    return min((row.item.seq for row in live), default=0)


class DropsWhatIsHeld(Faulty):
    parts = (("_queue._enqueue._Batch._oldest", _oldest_of_all),)


class LosesACounter(Faulty):
    def settle(self, queue: str, said: Any) -> Any:
        answers = self.store.settle(queue, said)
        self.table(queue).index.live -= sum(each.accepted for each in answers)
        return answers


class LosesAState(Faulty):
    def claim(self, request: ClaimRequest) -> list[Item]:
        items = self.store.claim(request)
        for item in items:
            counts = self.table(request.queue).index.counts[item.target]
            counts[ItemState.LEASED] += 1
        return items


# ------------------------------------------------------------------------ time


def _expires_sent(indexes: Any, row: Any) -> Generator[Any]:
    yield from ORDERED(indexes, row)
    item = row.item
    due = item.state in ("ready", "waiting", "scheduled") and item.sent_at is not None
    if due and item.expires_at < float("inf"):
        yield indexes.expiries, (item.expires_at, item.seq)


def _no_ends(*_: Any) -> list[Ended]:
    return []


def _no_parking(*_: Any) -> dict[int, None]:
    return {}


def _no_lapses(*_: Any) -> tuple[list[Hold], list[Ended]]:
    return [], []


class ExpiresWhatWasSent(Faulty):
    parts = (("_queue._index.Indexes._ordered", _expires_sent),)


class NeverExpires(Faulty):
    parts = (("_queue._time._end_the_old", _no_ends),)


class SendsWhatIsTooOld(Faulty):
    parts = (("_queue._time._park_the_unknown", _no_parking),)


class TakesNobodyOver(Faulty):
    parts = (("_queue._time._end_leases", _no_lapses),)


class SwallowsEnds(Faulty):
    def stage(self, queue: str) -> Staged:
        return self.store.stage(queue)._replace(ended=())


class TellsEndsTwice(Faulty):
    before: tuple[Ended, ...] = ()

    def stage(self, queue: str) -> Staged:
        staged = self.store.stage(queue)
        again, self.before = self.before, staged.ended
        return staged._replace(ended=(*again, *staged.ended))


class WakesTooLate(Faulty):
    def stage(self, queue: str) -> Staged:
        staged = self.store.stage(queue)
        return staged._replace(next_due=staged.next_due + 1)


# ----------------------------------------------------------------- settlements


class _Hears(Faulty):
    """Hears something else than what was said."""

    def hear(self, said: Settlement) -> Settlement:
        return said

    def settle(self, queue: str, said: Any) -> list[Settled]:
        return self.store.settle(queue, [self.hear(each) for each in said])


class ReleaseBurnsAnAttempt(_Hears):
    def hear(self, said: Settlement) -> Settlement:
        return Nack(said.hold, said.delay) if isinstance(said, Release) else said


class NackBurnsNone(_Hears):
    def hear(self, said: Settlement) -> Settlement:
        if isinstance(said, Nack):
            return Release(said.hold, said.delay, error=said.error)
        return said


class SentForEver(_Hears):
    def hear(self, said: Settlement) -> Settlement:
        if isinstance(said, Release | Park):
            return said._replace(unsent=False)
        return said


class LosesTheResult(_Hears):
    def hear(self, said: Settlement) -> Settlement:
        return Ack(said.hold) if isinstance(said, Ack) else said


class AnybodyUnsends(Faulty):
    parts = (
        (
            "_queue._settle._unsent",
            lambda row, unsent: row.with_item(sent_at=None) if unsent else row,
        ),
    )


class LapsesWithEachRelease(Faulty):
    def settle(self, queue: str, said: Any) -> list[Settled]:
        answers = self.store.settle(queue, said)
        for each, answer in zip(said, answers, strict=True):
            row = self.table(queue).rows.get(answer.seq)
            if isinstance(each, Release) and answer.accepted and row:
                lapses = row.item.lapses + 1
                self.table(queue).write(row.with_item(lapses=lapses))
        return answers


# ------------------------------------------------------------ settle and claim


class ClaimsBeforeItSettles(Faulty):
    def settle_and_claim(self, request: ClaimRequest, said: Any) -> Turn:
        items = self.store.claim(request)
        return Turn(self.store.settle(request.queue, said), items)


class ClaimsWhateverWasRefused(Faulty):
    def settle_and_claim(self, request: ClaimRequest, said: Any) -> Turn:
        try:
            return self.store.settle_and_claim(request, said)
        except SyncPatternsError:
            self.store.claim(request)
            raise


class GoesOnThroughPauses(Faulty):
    def settle_and_claim(self, request: ClaimRequest, said: Any) -> Turn:
        with replaced(("_queue._rows.QueueTable.paused", lambda *_: False)):
            return self.store.settle_and_claim(request, said)


class GoesOnWithoutALease(Faulty):
    def settle_and_claim(self, request: ClaimRequest, said: Any) -> Turn:
        return self.store.settle_and_claim(request._replace(lease=0.0), said)


# ---------------------------------------------------- pauses, lists, coalescing


class IgnoresPauses(Faulty):
    parts = (("_queue._rows.QueueTable.paused", lambda *_: False),)


class PausesEverybody(Faulty):
    def pause(self, queue: str, target: str = "", *more: Any) -> None:
        self.store.pause(queue, "", *more)


class ShortensPauses(Faulty):
    def pause(self, queue: str, target: str = "", *more: Any) -> None:
        if queue in self.store._tables:
            self.table(queue).pauses.pop(target, None)
        self.store.pause(queue, target, *more)


class ResumesNothingParked(Faulty):
    def resume(self, queue: str, target: str = "") -> Any:
        with mock.patch.object(self.table(queue).index, "parked", {}):
            return self.store.resume(queue, target)


class IgnoresCaps(Faulty):
    def claim(self, request: ClaimRequest) -> list[Item]:
        return self.store.claim(request._replace(caps={}))


class IgnoresOnly(Faulty):
    def claim(self, request: ClaimRequest) -> list[Item]:
        return self.store.claim(request._replace(only=None))


class ListsBackwards(Faulty):
    def items(self, queue: str, which: Any = Filter(), **more: Any) -> list[Item]:  # noqa: B008 - never changed
        return self.store.items(queue, which, **more)[::-1]


class MergesWhatWasSent(Faulty):
    parts = (
        (
            "_queue._coalesce.may_meet",
            lambda row, operation, now: row.item.operation == operation,
        ),
    )


class MergesAcrossOthers(Faulty):
    parts = (
        (
            "_queue._coalesce._last",
            lambda table, name: next(
                (
                    row
                    for row in reversed(table.rows.values())
                    if row.item.lane == name and row.item.entity is not None
                ),
                None,
            ),
        ),
    )


def _of_the_tenant(table: Any, new: Any, now: Any) -> Any:
    return coalesce.waiting(table, new.operation, new.entity or "", "tenant", now)


class MergesAcrossScopes(Faulty):
    parts = (("_queue._coalesce._partner", _of_the_tenant),)


class CancelsWithoutACreate(Faulty):
    parts = (
        (
            "_queue._coalesce._run",
            lambda table, new, how, now: tuple(
                seq
                for _, seq in coalesce._of_entity(table, new.entity or "", new.scope)
            ),
        ),
    )


#: Every one of them, as a function of the clock.
FAULTY: list[Callable[[FakeClock], Any]] = [
    each
    for each in (*Faulty.__subclasses__(), *_Hears.__subclasses__())
    if each is not _Hears
]
