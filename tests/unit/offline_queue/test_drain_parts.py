"""The small parts of a drain: what landed, how far it is, who is woken."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns import _forks
from syncpatterns._bells import TaskBell, ThreadBell
from syncpatterns.clock import SystemClock
from syncpatterns.offline_queue._core import (
    Ack,
    Ended,
    Fail,
    Hold,
    Item,
    ItemState,
    Nack,
    Park,
    QueueStats,
    Release,
    Replace,
    Settled,
    Settlement,
    Staged,
)
from syncpatterns.offline_queue._core._lost_answers import landed
from syncpatterns.offline_queue._draining._progress import Progress
from syncpatterns.offline_queue._draining._report import DrainReport, Tally
from syncpatterns.offline_queue._draining._returns import cooled, given_back
from syncpatterns.offline_queue._draining._thread_renewer import ThreadRenewer
from syncpatterns.offline_queue._events import DrainProgress
from syncpatterns.offline_queue._flights import Evidence, Flight, Verdict
from syncpatterns.offline_queue._reaching._targets import Targets
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.desk import Desk, item

HOLD = Hold(1, 3)


def stored(**changes: Any) -> Item:
    """Return an item as it was claimed under `HOLD`, with *changes*."""
    desk = Desk()
    (seq,) = desk.put(item("a"))
    found = desk.get(seq)
    assert found is not None
    held = found._replace(state=ItemState.LEASED, token=HOLD.token, lapses=2)
    return held._replace(**changes)


# -------------------------------------------------------------------- what landed

SAID: dict[str, Settlement] = {
    "ack": Ack(HOLD),
    "nack": Nack(HOLD, 1.0),
    "release": Release(HOLD),
    "park": Park(HOLD, "sign-in"),
    "fail": Fail(HOLD, "rejected"),
    "fail, kept nothing": Fail(HOLD, "rejected", discard=True),
    "replace": Replace(HOLD, item("b")),
}
READY, LATER = ItemState.READY, ItemState.SCHEDULED


@pytest.mark.parametrize(
    ("said", "now", "ended", "whether"),
    [
        # Still ours by token: our own word has moved it, or nobody has.
        ("nack", {"state": LATER}, None, True),
        ("nack", {"state": ItemState.LEASED}, None, False),
        ("release", {"state": READY}, None, True),
        ("release", {"state": ItemState.WAITING}, None, True),
        ("release", {"state": ItemState.PARKED}, None, False),
        ("park", {"state": ItemState.PARKED}, None, True),
        ("park", {"state": READY}, None, False),
        ("fail", {"state": ItemState.DEAD}, None, True),
        ("ack", {"state": ItemState.LEASED}, None, False),
        ("ack", {"state": READY}, None, False),
        # Somebody else's by now: set free by our word, or by a silent lapse.
        ("release", {"token": 4, "lapses": 2}, None, True),
        ("release", {"token": 4, "lapses": 3}, None, False),
        ("nack", {"token": 4, "lapses": 2}, None, True),
        ("nack", {"token": 4, "lapses": 3}, None, False),
        ("fail", {"token": 4, "lapses": 0}, None, True),
        ("ack", {"token": 4, "lapses": 2}, None, False),
        ("replace", {"token": 4, "lapses": 2}, None, False),
        # Ended.
        ("ack", None, ItemState.DONE, True),
        ("ack", None, ItemState.CANCELLED, False),
        ("ack", None, None, False),
        ("replace", None, ItemState.SUPERSEDED, True),
        ("replace", None, ItemState.DONE, False),
        ("fail, kept nothing", None, ItemState.DEAD, True),
        ("fail, kept nothing", None, ItemState.DONE, False),
        ("release", None, ItemState.DONE, True),
    ],
    ids=range(25),
)
def test_whether_a_settlement_has_landed_whose_answer_was_lost(
    said: str, now: dict[str, Any] | None, ended: ItemState | None, whether: bool
) -> None:
    """Read off what is stored by now."""
    item_now = None if now is None else stored(**now)
    end = None if ended is None else Ended(1, ended)

    assert landed(SAID[said], stored(), item_now, end) is whether


# ------------------------------------------------------------------ what goes back


@pytest.mark.parametrize("begun", [False, True])
def test_only_what_was_not_begun_is_certainly_unsent(begun: bool) -> None:
    """A handler that was cancelled may have reached somebody."""
    flight = Flight(stored())
    flight.begun = begun
    settlement = given_back(flight).settlement

    assert settlement == Release(HOLD, 0.0, unsent=not begun, error="stopped")


def test_what_was_acknowledged_in_a_commit_of_its_own_is_done() -> None:
    """Cancelled after that, it must not be told as put back."""
    flight = Flight(stored())
    flight.begun = flight.acked = True

    assert given_back(flight).settlement == Ack(HOLD)


@pytest.mark.parametrize(
    ("verdict", "delay"),
    [
        (Verdict(Release(HOLD)), 0.1),
        (Verdict(Release(HOLD, 0.05)), 0.1),
        (Verdict(Release(HOLD, 3.0)), 3.0),
        (Verdict(Release(HOLD, error="stopped")), 0.0),
        (Verdict(Release(HOLD), Evidence.UNREACHABLE), 0.0),
        (Verdict(Release(HOLD), rest=7.0), 0.0),
        (Verdict(Nack(HOLD, 0.0)), 0.0),
    ],
    ids=range(7),
)
def test_what_is_put_back_for_no_reason_rests_for_a_moment(
    verdict: Verdict, delay: float
) -> None:
    """Unless its target gets nothing anyway, or the drain stops."""
    assert cooled(verdict).delay == delay  # type: ignore[union-attr]  # those with a delay


# ---------------------------------------------------------------------- the tally


def test_each_settlement_is_counted_once() -> None:
    """A cascade counts all that died of it; a stale word counts nowhere."""
    tally = Tally()
    ok = Settled(accepted=True, seq=1)
    tally.settled(SAID["ack"], ok)
    tally.settled(SAID["nack"], ok)
    tally.settled(SAID["release"], ok)
    tally.settled(SAID["park"], ok)
    tally.settled(SAID["replace"], ok)
    tally.settled(SAID["fail"], ok)
    cascade = (Ended(1, ItemState.DEAD), Ended(2, ItemState.DEAD))
    tally.settled(SAID["fail"], ok._replace(ended=cascade))
    tally.settled(SAID["ack"], Settled(accepted=False, seq=1))
    gone = (Ended(5, ItemState.EXPIRED), Ended(6, ItemState.DEAD))
    tally.staged(Staged(0, (), gone, (7, 8), (), 1.0))

    assert tally.since(Tally(), left=4) == DrainReport(
        sent=1, failed=1, parked=3, released=1, dead=4, left=4
    )
    assert tally.ended == 1 + 1 + 1 + 2 + 2


def test_one_that_died_is_counted_with_those_that_died_of_it() -> None:
    """Whether or not the store names it among them."""
    tally = Tally()
    others = (Ended(2, ItemState.DEAD), Ended(3, ItemState.DEAD))
    tally.settled(SAID["fail"], Settled(accepted=True, seq=1, ended=others))

    assert (tally.dead, tally.ended) == (3, 3)


def test_a_wave_counts_from_its_own_beginning() -> None:
    """What was done before belongs to the wave before."""
    before = Tally(1, 2, 3, 4, 5, 6)
    tally = Tally(11, 13, 15, 17, 19, 21)

    assert tally.since(before, left=1) == (10, 11, 12, 13, 14, 1, ())


def test_a_drain_that_did_nothing_says_so() -> None:
    """Every figure begins at nothing."""
    assert DrainReport() == (0, 0, 0, 0, 0, 0, ())
    assert Tally() == Tally(0, 0, 0, 0, 0, 0)


# ------------------------------------------------------------------- how far it is


def stats(ready: int, parked: int = 0) -> QueueStats:
    """Return what a store says that holds so much."""
    states = {READY: ready, ItemState.PARKED: parked}
    return QueueStats(states, {}, 0, None, 0, ())


def test_the_share_stands_still_while_more_comes_in_than_goes_out() -> None:
    """Never back, and never 100 as long as something is left."""
    clock = FakeClock()
    desk, tally = Desk(clock=clock), Tally()
    progress = Progress(desk, "memory", tally)
    progress.began(stats(4))
    for ended, left in [(2, 2), (3, 9), (4, 0), (4, 1), (5, 0)]:
        clock.advance(1.0)
        tally.ended = ended
        progress.measured(stats(left))
    progress.over(stats(0), ())
    told: list[DrainProgress] = desk.of(DrainProgress)

    assert [fact.percent for fact in told] == [50.0, 50.0, 99.9, 99.9, 99.9, 100.0]
    assert [(fact.done, fact.total) for fact in told] == [
        (2, 4),
        (3, 12),
        (4, 4),
        (4, 5),
        (5, 5),
        (5, 5),
    ]
    assert [fact.eta for fact in told] == [1.0, 6.0, 0.0, 1.0, 0.0, 0.0]


def test_who_waits_for_a_person_is_not_still_to_be_delivered() -> None:
    """A drain cannot do anything about PARKED items."""
    desk, tally = Desk(), Tally()
    progress = Progress(desk, "memory", tally)
    progress.began(stats(1, parked=3))
    tally.ended = 1
    progress.over(stats(0, parked=3), ())

    assert desk.of(DrainProgress)[-1].percent == 100.0


# --------------------------------------------------------------------------- bells


async def test_a_ring_before_the_wait_is_heard() -> None:
    """And many of them are one."""
    bell, clock = TaskBell(), SystemClock()
    bell.ring()
    bell.ring()

    assert await bell.wait(clock, 10.0) is True
    assert await bell.wait(clock, 0.0) is False


async def test_a_ring_of_any_thread_is_heard() -> None:
    """A commit of a blocking route, say."""
    bell = TaskBell()
    thread = threading.Thread(target=bell.ring)
    thread.start()

    assert await bell.wait(SystemClock(), 10.0) is True
    thread.join()


async def test_a_ring_that_was_heard_before_its_flag_went_up_rings_once() -> None:
    """Else the next wait, and all after it, would end at once."""
    bell, late = TaskBell(), list[Callable[[], None]]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bell, "_loop", _Late(bell._loop, late))
        thread = threading.Thread(target=bell.ring)
        thread.start()
        thread.join()

    assert await bell.wait(SystemClock(), 10.0) is True

    for set_flag in late:
        set_flag()
    waits_for_ever = True
    with anyio.move_on_after(0.01):
        await bell.wait(FakeClock(), 10.0)
        waits_for_ever = False

    assert waits_for_ever


async def test_the_time_is_heard_as_well() -> None:
    """By the clock it was told, and told apart from a ring."""
    bell, clock = TaskBell(), FakeClock()
    heard: list[bool] = []

    async def wait() -> None:
        heard.append(await bell.wait(clock, 5.0))
        heard.append(await bell.wait(clock, 5.0))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        clock.advance(5.0)
        await anyio.wait_all_tasks_blocked()
        bell.ring()

    assert heard == [False, True]


async def test_a_clock_that_can_only_sleep_will_do() -> None:
    """A third party's has no call_later."""

    class Plain:
        def __init__(self) -> None:
            self.fake = FakeClock()

        def time(self) -> float:
            return self.fake.time()

        def monotonic(self) -> float:
            return self.fake.monotonic()

        def sleep(self, seconds: float) -> None:
            self.fake.sleep(seconds)

        async def asleep(self, seconds: float) -> None:
            await self.fake.asleep(seconds)

    bell, clock = TaskBell(), Plain()
    async with anyio.create_task_group() as tasks:
        heard: list[bool] = []

        async def wait() -> None:
            heard.append(await bell.wait(clock, 5.0))

        tasks.start_soon(wait)
        await clock.fake.await_for_sleepers(1)
        clock.fake.advance(5.0)

    assert heard == [False]


def test_a_thread_hears_a_ring_the_time_and_a_stop() -> None:
    """Each of them ends the wait."""
    bell, clock, stop = ThreadBell(), FakeClock(), threading.Event()
    heard: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def wait() -> None:
        for _ in range(3):
            heard.put(bell.wait(clock, 5.0, stop.is_set))

    thread = threading.Thread(target=wait)
    thread.start()
    bell.ring()
    rung = heard.get(timeout=120)
    clock.advance(5.0)
    timed_out = heard.get(timeout=120)
    stop.set()
    stopped = heard.get(timeout=120)
    thread.join(120)

    assert (rung, timed_out, stopped) == (True, False, False)


class _Late:
    """A loop that does later what it is asked to do, when the test says so."""

    def __init__(self, loop: Any, late: list[Callable[[], None]]) -> None:
        self.thread = loop.thread
        self.flag = loop.flag
        self.later = late.append


# --------------------------------------------------------------------------- forks


def test_a_forked_child_starts_over() -> None:
    """A canary of the parent must not keep the child from sending one."""
    clock = FakeClock()
    targets = Targets("q", "memory", clock=clock, rng=random.Random(1))
    renewer = ThreadRenewer(Desk())
    assert targets.admit("sms")
    targets.observed("sms", Verdict(Release(HOLD), Evidence.UNREACHABLE))
    clock.advance(5.0)
    assert targets.admit("sms")
    assert not targets.admit("sms")
    targets._lock.acquire()
    renewer._lock.acquire()

    _forks._renew()

    assert targets.admit("sms")
    with renewer.on_duty():
        assert renewer._thread is not None
