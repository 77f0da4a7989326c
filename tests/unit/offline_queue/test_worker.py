"""Blocking workers: one item at a time on a thread, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from syncpatterns.errors import ConfigurationError, EngineBusy
from syncpatterns.offline_queue._core import Ack, ItemState, Nack, Release
from syncpatterns.offline_queue._draining._report import DrainReport
from syncpatterns.offline_queue._events import (
    DrainFinished,
    DrainProgress,
    DrainStarted,
)
from syncpatterns.offline_queue._flights import Evidence, Flight, Verdict
from syncpatterns.offline_queue._ports import ClaimRequest
from syncpatterns.offline_queue._reaching._probes import CallbackProbe
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.desk import QUEUE, Desk, done, item, items

PATIENCE = 120.0
RENEWER = "syncpatterns-queue-renewer"


@contextmanager
def at_work(desk: Desk, threads: int = 1) -> Generator[threading.Event]:
    """Have workers work inside the block; at its end they are told to stop."""
    stop = threading.Event()
    workers = [
        threading.Thread(target=lambda: desk.work(stop=stop)) for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    try:
        yield stop
    finally:
        stop.set()
        for worker in workers:
            worker.join(PATIENCE)
            assert not worker.is_alive()


def test_a_pass_delivers_all_there_is_and_ends() -> None:
    """With *once* it returns as soon as nothing can be delivered now."""
    desk = Desk()
    seqs = desk.put(*items(20))

    assert desk.work(once=True) == DrainReport(sent=20)
    assert desk.acked() == seqs
    assert desk.states() == {}


def test_it_takes_one_item_at_a_time() -> None:
    """The others are anybody's meanwhile."""
    desk = Desk()
    seen: list[dict[ItemState, int]] = []
    desk.blocking = lambda _flight: seen.append(desk.states())
    desk.put(*items(3))
    desk.work(once=True)

    assert seen[0] == {ItemState.LEASED: 1, ItemState.READY: 2}


def test_an_enqueue_wakes_a_worker_that_waits() -> None:
    """Under a clock that stands still: no poll has a part in it."""
    desk = Desk(clock=FakeClock())
    delivered = threading.Event()
    desk.blocking = lambda _flight: delivered.set()
    with at_work(desk):
        desk.put(item("late"))

        assert delivered.wait(PATIENCE)


def test_what_is_due_later_is_delivered_then() -> None:
    """The worker waits for the time, and hears a clock that is moved."""
    clock = FakeClock()
    desk = Desk(clock=clock)
    delivered = threading.Event()
    desk.blocking = lambda _flight: delivered.set()
    desk.put(item("later", delay=3600.0))
    with at_work(desk):
        assert not delivered.is_set()
        clock.advance(3600.0)

        assert delivered.wait(PATIENCE)


def test_a_stop_lets_the_item_under_way_end() -> None:
    """It is settled, and the next one is not begun."""
    desk = Desk()
    inside, go_on = threading.Event(), threading.Event()

    def handler(_flight: Flight) -> None:
        inside.set()
        assert go_on.wait(PATIENCE)

    desk.blocking = handler
    first, *_ = desk.put(*items(3))
    with at_work(desk) as stop:
        assert inside.wait(PATIENCE)
        stop.set()
        go_on.set()

    assert desk.acked() == [first]
    assert desk.states() == {ItemState.READY: 2}


def test_several_threads_share_one_renewer_that_ends_with_the_last() -> None:
    """Each item is delivered once, and no thread is left behind."""
    desk = Desk()
    barrier = threading.Barrier(3)
    renewers: list[int] = []

    def handler(flight: Flight) -> None:
        if flight.item.seq <= 3:
            barrier.wait(PATIENCE)
            renewers.append(_running("syncpatterns-queue-renewer"))

    desk.blocking = handler
    seqs = desk.put(*items(30))
    threads = [threading.Thread(target=lambda: desk.work(once=True)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert sorted(desk.begun) == seqs
    assert renewers == [1, 1, 1]
    assert _running("syncpatterns-queue-renewer") == 0


@pytest.mark.case("QUE-11", part="worker")
def test_a_lease_is_kept_while_the_handler_runs() -> None:
    """Renewed from another thread, since this one is busy."""
    waits = threading.Semaphore(0)
    begun = [True]

    class Watched(FakeClock):
        def monotonic(self) -> float:
            now = super().monotonic()
            # Moved before the renewer has asked when it begins to wait, the clock
            # would make it wait ten seconds more, and this test for ever.
            if begun and threading.current_thread().name == RENEWER:
                begun.clear()
                waits.release()
            return now

    clock = Watched()
    desk = Desk(clock=clock, lease=30.0)
    store: Any = desk.engine.queue_store()
    real = store.extend

    def extend(*args: Any) -> Any:
        held = real(*args)
        begun.append(True)
        return held

    store.extend = extend
    others: list[int] = []

    def handler(_flight: Flight) -> None:
        assert waits.acquire(timeout=PATIENCE)
        for _ in range(10):
            clock.advance(10.0)
            assert waits.acquire(timeout=PATIENCE)
            others.append(len(store.claim(ClaimRequest(QUEUE, 5, 30.0))))

    desk.blocking = handler
    desk.put(item("a"))

    assert desk.work(once=True) == DrainReport(sent=1)
    assert others == [0] * 10


@pytest.mark.case("QUE-11", part="worker that lost")
def test_a_worker_that_lost_its_item_is_told_and_its_result_refused() -> None:
    """A thread cannot be cancelled; it can look at `Flight.lost`."""
    clock = FakeClock()
    desk = Desk(clock=clock, lease=30.0)
    store = desk.ready()
    holds: list[Any] = []

    def handler(flight: Flight) -> None:
        if holds:
            return
        store.extend(QUEUE, [flight.item.hold], 0.0)  # as if it had stood still
        (other,) = store.claim(ClaimRequest(QUEUE, 1, 300.0))
        holds.append(other.hold)
        clock.advance(10.0)
        for _ in range(10_000):
            if flight.lost:
                break
            assert not threading.Event().wait(0.01)
        assert flight.lost

    desk.blocking = handler
    desk.put(item("a"))
    desk.work(once=True)

    assert [settled.accepted for _, _, settled in desk.told] == [False]
    assert store.settle(QUEUE, [Ack(holds[0])])[0].accepted


def test_offline_a_flush_says_so_and_uses_no_attempt() -> None:
    """It looks first, and delivers everything once the target is back."""
    up = threading.Event()
    desk = Desk(probes={"": CallbackProbe(up.is_set)})

    def handler(flight: Flight) -> Verdict | None:
        if up.is_set():
            return None
        return Verdict(Release(flight.item.hold, unsent=True), Evidence.UNREACHABLE)

    desk.blocking = handler
    seqs = desk.put(*items(5))
    first, second = desk.flush(), desk.sync()
    up.set()
    third = desk.flush()

    assert first == DrainReport(released=1, left=5, offline=("default",))
    assert second == DrainReport(left=5, offline=("default",))
    assert third == DrainReport(sent=5)
    assert sorted(desk.acked()) == seqs


def test_a_probe_that_takes_its_time_holds_up_no_other_target() -> None:
    """It is asked on a thread of its own."""
    asked, answer = threading.Event(), threading.Event()

    def look() -> bool:
        asked.set()
        return answer.wait(PATIENCE)

    desk = Desk(probes={"away": CallbackProbe(look, timeout=PATIENCE)})
    refuse = [True]
    delivered = threading.Semaphore(0)

    def handler(flight: Flight) -> Verdict | None:
        if flight.item.target == "away" and refuse[0]:
            refuse[0] = False
            return Verdict(Release(flight.item.hold), Evidence.UNREACHABLE)
        delivered.release()
        return None

    desk.blocking = handler
    desk.put(item("a", target="away"))
    with at_work(desk):
        assert asked.wait(PATIENCE)
        desk.put(*items(3, target="there"))
        for _ in range(3):
            assert delivered.acquire(timeout=PATIENCE)
        answer.set()

        assert delivered.acquire(timeout=PATIENCE)


def test_progress_is_told_by_a_worker_too() -> None:
    """One start, one end at 100 %."""
    desk = Desk()
    desk.put(*items(4))
    desk.work(once=True)

    assert [fact.total for fact in desk.of(DrainStarted)] == [4]
    assert desk.of(DrainProgress)[-1].percent == 100.0
    assert [fact.report.sent for fact in desk.of(DrainFinished)] == [4]


@pytest.mark.parametrize("call", ["settle", "settle_and_claim"])
def test_a_settlement_whose_answer_was_lost_is_no_loss(call: str) -> None:
    """The second try is refused because the first one has landed."""
    desk = Desk(clock=FakeClock(auto_advance=True))
    store: Any = desk.engine.queue_store()
    real, calls = getattr(store, call), list[int]()
    if call == "settle":  # so that nothing is claimed with it
        desk.blocking = lambda flight: done(flight)._replace(rest=1e-3)

    def settle(*args: Any) -> Any:
        calls.append(1)
        answer = real(*args)
        if len(calls) == 1:
            desk.clock.advance(10.0)  # type: ignore[attr-defined]  # a FakeClock
            raise EngineBusy("the answer was lost")
        return answer

    setattr(store, call, settle)
    desk.put(item("a"))

    assert desk.work(once=True) == DrainReport(sent=1)
    assert len(calls) == (2 if call == "settle" else 1)
    assert [settled.accepted for _, _, settled in desk.told] == [True]


def test_a_pass_over_a_store_that_fails_says_so() -> None:
    """Somebody waits for it, and should hear the truth."""
    desk = Desk()
    store: Any = desk.engine.queue_store()

    def claim(_request: object) -> Any:
        raise EngineBusy("locked")

    store.claim = claim
    with pytest.raises(EngineBusy):
        desk.work(once=True)

    assert _running("syncpatterns-queue-renewer") == 0


def test_a_worker_that_cannot_count_delivers_all_the_same() -> None:
    """What is shown is worth no item; a pass says that it could not count."""
    desk = Desk()
    store: Any = desk.engine.queue_store()
    seqs = desk.put(*items(3))

    def stats(_queue: str) -> Any:
        raise EngineBusy("locked")

    store.stats = stats
    with pytest.raises(EngineBusy):
        desk.work(once=True)

    assert desk.acked() == seqs


def test_a_store_that_fails_costs_a_worker_a_moment() -> None:
    """It is logged, and tried again."""
    desk = Desk()
    store: Any = desk.engine.queue_store()
    real, failures = store.claim, [2]
    delivered = threading.Event()

    def claim(request: Any) -> Any:
        if failures[0]:
            failures[0] -= 1
            raise EngineBusy("locked")
        return real(request)

    store.claim = claim
    desk.blocking = lambda _flight: delivered.set()
    desk.put(item("a"))
    with at_work(desk):
        assert delivered.wait(PATIENCE)

    assert failures == [0]


def test_a_closed_engine_ends_the_worker() -> None:
    """No error: there is nothing left to do."""
    desk = Desk()
    worker = threading.Thread(target=desk.work)
    worker.start()
    desk.put(item("a"))
    desk.engine.close()
    desk.targets.resume()
    worker.join(PATIENCE)

    assert not worker.is_alive()


def test_a_slip_of_the_surface_gives_the_item_back() -> None:
    """As in a drain."""
    desk = Desk()

    def handler(flight: Flight) -> Verdict | None:
        if flight.item.key == "0":
            raise ValueError("a slip")
        return Verdict(Nack(flight.item.hold, 60.0))

    desk.blocking = handler
    desk.put(*items(2))

    assert desk.work(once=True) == DrainReport(failed=1, released=1, left=2)


def test_ctrl_c_in_a_handler_gives_the_item_back() -> None:
    """It goes up as it is; the item waits for a moment, and for no lease."""
    desk = Desk()

    def handler(_flight: Flight) -> None:
        raise KeyboardInterrupt

    desk.blocking = handler
    desk.put(item("a"))
    with pytest.raises(KeyboardInterrupt):
        desk.work(once=True)

    assert desk.states() == {ItemState.SCHEDULED: 1}


@pytest.mark.parametrize("name", ["work", "flush", "sync", "drain"])
async def test_a_blocking_method_refuses_to_stop_an_event_loop(name: str) -> None:
    """It names its async twin."""
    await anyio.lowlevel.checkpoint()
    with pytest.raises(ConfigurationError) as caught:
        getattr(Desk(), name)()

    assert "await a" in str(caught.value)


def _running(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())
