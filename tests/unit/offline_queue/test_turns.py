"""Workers and drains that go on: the commit that settles an item claims the next."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns.errors import EngineBusy, EngineClosed
from syncpatterns.offline_queue._core import (
    Ack,
    Fail,
    ItemState,
    Nack,
    Release,
    Settled,
)
from syncpatterns.offline_queue._draining._report import DrainReport
from syncpatterns.offline_queue._flights import Evidence, Flight, Verdict
from syncpatterns.offline_queue._ports import ClaimRequest
from syncpatterns.testing import FakeClock, LoopClock
from tests.unit.offline_queue.desk import QUEUE, Desk, done, item, items
from tests.unit.offline_queue.virtual import BACKENDS, virtually

backends = pytest.mark.parametrize("backend", BACKENDS)
STATED = ("claim", "settle", "settle_and_claim")


class Counting:
    """A store whose calls are counted; *after* is awaited once one was done."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.calls: Counter[str] = Counter()
        self.after: Callable[[str], Any] = lambda _name: None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in STATED:
            return method
        self.calls[name] += 1
        return method


class Awaited(Counting):
    """The same for an event loop."""

    def __getattr__(self, name: str) -> Any:
        method = super().__getattr__(name)
        if name not in STATED:
            return method

        async def call(*args: Any) -> Any:
            answer = await method(*args)
            await self.after(name)
            return answer

        return call


class CountingDesk(Desk):
    """A desk that counts, with a hook that is told of each settlement."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.store = Counting(self.engine.queue_store())
        self.awaited = Awaited(self.engine.async_queue_store())
        self.awaited.after = lambda _name: anyio.lowlevel.checkpoint()
        self.hook: Callable[[int], object] = lambda _seq: None

    def ready(self) -> Any:
        super().ready()
        return self.store

    async def aready(self) -> Any:
        await super().aready()
        return self.awaited

    def settled(self, flight: Flight, verdict: Verdict, settled: Settled) -> None:
        super().settled(flight, verdict, settled)
        self.hook(flight.item.seq)

    def pause(self) -> None:
        """Pause the queue, as `OfflineQueue.pause` does."""
        self.engine.queue_store().pause(QUEUE)
        self.targets.halted()


# -------------------------------------------------------------------- workers


def test_a_worker_that_goes_on_makes_one_commit_an_item() -> None:
    """A claim of its own is made for the first one, and where nothing is left."""
    desk = CountingDesk()
    seqs = desk.put(*items(20))
    desk.work(once=True)

    assert desk.acked() == seqs
    assert desk.store.calls == {"claim": 2, "settle_and_claim": 20}


@pytest.mark.parametrize(
    "how",
    [
        lambda flight: Verdict(Nack(flight.item.hold, 60.0), Evidence.FAILED),
        lambda flight: Verdict(Release(flight.item.hold, 60.0)),
        lambda flight: Verdict(Fail(flight.item.hold, "rejected"), Evidence.ANSWERED),
        lambda flight: done(flight)._replace(rest=1e-3),
    ],
    ids=["nack", "release", "fail", "rest"],
)
def test_where_all_is_not_well_a_worker_settles_first(
    how: Callable[[Flight], Verdict],
) -> None:
    """What the answer says of the target is heeded by a claim of its own."""
    desk = CountingDesk()
    desk.blocking = how
    desk.put(item("a"))
    desk.work(once=True)

    assert desk.store.calls == {"claim": 2, "settle": 1}


def test_what_a_stopped_worker_has_claimed_is_free_again() -> None:
    """Nobody has begun with it: no attempt is used, and it was not sent."""
    desk = CountingDesk()
    stopped: list[int] = []
    desk.hook = stopped.append
    first, second, _ = desk.put(*items(3))
    stop: Any = _After(stopped)
    report = desk.work(stop=stop)
    left = desk.get(second)

    assert desk.begun == [first]
    assert (report.sent, report.released) == (1, 1)
    assert left is not None
    assert (left.state, left.attempts, left.lapses, left.sent_at) == (
        ItemState.READY,
        0,
        0,
        None,
    )


class _After:
    """An event that is set once something is in a list."""

    def __init__(self, these: list[int]) -> None:
        self._these = these

    def is_set(self) -> bool:
        return bool(self._these)


def test_a_hook_that_pauses_is_obeyed_by_its_worker() -> None:
    """Not even the item is delivered that came with the settlement it was told of."""
    desk = CountingDesk()
    desk.hook = lambda seq: desk.pause() if seq == seqs[2] else None
    seqs = desk.put(*items(6))
    desk.work(once=True)

    assert desk.begun == seqs[:3]
    assert desk.states() == {ItemState.READY: 3}


def test_a_hook_that_takes_its_time_keeps_no_item() -> None:
    """Nobody renews a lease before the delivery begins; so the item goes back."""
    clock = FakeClock()
    desk = CountingDesk(clock=clock, lease=30.0)
    others: list[int] = []

    def hook(seq: int) -> None:
        if seq == seqs[0]:
            clock.advance(29.0)

    def blocking(flight: Flight) -> None:
        clock.advance(2.0)  # past the end of the lease that came with the first
        claim = ClaimRequest(QUEUE, 9, 30.0)
        others.extend(each.seq for each in desk.engine.queue_store().claim(claim))

    desk.hook, desk.blocking = hook, blocking
    seqs = desk.put(*items(2))
    desk.work(once=True)

    assert others == [seqs[1]]
    assert desk.begun == [seqs[0]]


def test_ctrl_c_in_a_hook_gives_back_what_was_claimed() -> None:
    """As everywhere else: nothing is held by somebody who is gone."""
    desk = CountingDesk()

    def hook(_seq: int) -> None:
        desk.hook = lambda _seq: None
        raise KeyboardInterrupt

    desk.hook = hook
    desk.put(*items(3))
    with pytest.raises(KeyboardInterrupt):
        desk.work(once=True)

    assert desk.states() == {ItemState.READY: 2}


@pytest.mark.parametrize("error", [EngineBusy("locked"), EngineClosed("closed")])
def test_a_store_that_takes_nothing_back_hides_no_ctrl_c(error: Exception) -> None:
    """Whatever ended the worker is what its caller hears; the lease does the rest."""
    desk = CountingDesk()
    store: Any = desk.engine.queue_store()
    stopped: list[int] = []
    stop: Any = _After(stopped)

    def refuse(*_args: Any) -> Any:
        raise error

    def hook(seq: int) -> None:
        stopped.append(seq)  # else it would go on trying
        store.settle = refuse
        raise KeyboardInterrupt

    desk.hook = hook
    desk.put(*items(3))
    with pytest.raises(KeyboardInterrupt):
        desk.work(stop=stop)

    assert desk.states() == {ItemState.LEASED: 1, ItemState.READY: 1}


def test_a_worker_that_never_rests_looks_at_the_time_once_a_second() -> None:
    """What falls due meanwhile is told, and a lease that ended is taken over."""
    clock = FakeClock()
    desk = CountingDesk(clock=clock)
    desk.blocking = lambda _flight: clock.advance(0.5)
    desk.put(*items(20))
    desk.work(once=True)

    assert 5 <= len(desk.time_did) <= 12


# --------------------------------------------------------------------- drains


@backends
def test_a_drain_that_goes_on_makes_one_commit_an_item(backend: str) -> None:
    """One at a time is the worst case; eight share theirs."""

    async def main() -> None:
        desk = CountingDesk(clock=LoopClock())
        seqs = desk.put(*items(20))
        await desk.adrain(once=True, concurrency=1)

        assert desk.acked() == seqs
        assert desk.awaited.calls["settle_and_claim"] == 20
        assert desk.awaited.calls["settle"] == 0
        assert desk.awaited.calls["claim"] <= 3

    virtually(main, backend)


@backends
@pytest.mark.parametrize("width", [1, 2, 3, 8])
def test_no_more_are_held_than_may_be_under_way(backend: str, width: int) -> None:
    """Also where claims and settlements overlap: what a crash repeats is bounded."""

    async def main() -> None:
        desk = CountingDesk(clock=LoopClock())
        held: list[int] = []

        async def handler(flight: Flight) -> None:
            held.append(desk.states()[ItemState.LEASED])
            await desk.clock.asleep(0.01 * (flight.item.seq % 4))
            held.append(desk.states()[ItemState.LEASED])

        desk.handler = handler
        desk.put(*items(40))
        report = await desk.adrain(once=True, concurrency=width)

        assert report == DrainReport(sent=40)
        assert max(held) == width

    virtually(main, backend)


@backends
def test_a_hook_that_pauses_is_obeyed_by_its_drain(backend: str) -> None:
    """What was claimed with the settlement goes back; it was not sent."""

    async def main() -> None:
        desk = CountingDesk(clock=LoopClock())
        desk.hook = lambda seq: desk.pause() if seq == seqs[2] else None
        seqs = desk.put(*items(6))
        await desk.adrain(once=True, concurrency=1)
        fourth = desk.get(seqs[3])

        assert desk.begun == seqs[:3]
        assert desk.states() == {ItemState.READY: 3}
        assert fourth is not None
        assert (fourth.attempts, fourth.sent_at) == (0, None)

    virtually(main, backend)


@backends
def test_after_a_failed_try_a_drain_settles_first(backend: str) -> None:
    """What the lost commit may have claimed is nobody's; no second one is added."""

    async def main() -> None:
        desk = CountingDesk(clock=LoopClock())
        left = [1]

        async def after(name: str) -> None:
            if name == "settle_and_claim" and left[0]:
                left[0] -= 1
                raise EngineBusy("the answer was lost")

        desk.awaited.after = after
        desk.put(*items(3))
        report = await desk.adrain(once=True, concurrency=1)

        assert desk.awaited.calls["settle"] == 1
        # The second was claimed by the commit whose answer was lost.
        assert (report.sent, report.left) == (2, 1)
        assert all(settled.accepted for _, _, settled in desk.told)

    virtually(main, backend)


def test_a_program_of_asyncio_that_ends_loses_no_claim_under_way() -> None:
    """asyncio.run() cancels the task that waits for the commit; it hears it out."""
    desk = CountingDesk()

    async def main() -> None:
        inside = asyncio.Event()

        async def after(name: str) -> None:
            if name == "settle_and_claim":
                inside.set()
                for _ in range(10):  # all others are cancelled meanwhile
                    await asyncio.sleep(0)

        desk.awaited.after = after
        desk.put(*items(3))
        drain = asyncio.create_task(desk.adrain(grace=0.0, concurrency=1))
        await inside.wait()
        assert not drain.done()

    asyncio.run(main())

    assert ItemState.LEASED not in desk.states()
    assert len(desk.acked()) + sum(desk.states().values()) == 3
    assert [seq for seq, verdict, _ in desk.told if isinstance(verdict.settlement, Ack)]
