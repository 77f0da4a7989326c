"""Draining on an event loop: everything is delivered, nothing more is taken."""

from __future__ import annotations

import anyio
import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import ItemState, Nack
from syncpatterns.offline_queue._draining._report import DrainReport
from syncpatterns.offline_queue._events import (
    DrainFinished,
    DrainProgress,
    DrainStarted,
)
from syncpatterns.offline_queue._flights import Evidence, Flight, Verdict
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.desk import Desk, Holding, item, items


async def test_a_pass_delivers_all_there_is_and_ends() -> None:
    """With *once* it returns as soon as nothing can be delivered now."""
    desk = Desk()
    seqs = desk.put(*items(20))
    report = await desk.adrain(once=True)

    assert report == DrainReport(sent=20)
    assert sorted(desk.acked()) == seqs
    assert desk.states() == {}


async def test_an_empty_queue_is_drained_at_once() -> None:
    """Nothing to do is no wave, and tells nobody anything."""
    desk = Desk()

    assert await desk.adrain(once=True) == DrainReport()
    assert desk.facts == []


async def test_no_more_is_claimed_than_can_start() -> None:
    """What waits in a worker's hand is lost to every other worker."""
    holding = Holding()
    desk = Desk(holding)
    desk.put(*items(10))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: desk.adrain(once=True, concurrency=3))
        await holding.until(3)
        await anyio.wait_all_tasks_blocked()

        assert desk.states() == {ItemState.LEASED: 3, ItemState.READY: 7}
        holding.gate.set()

    assert holding.most == 3
    assert desk.states() == {}


async def test_a_lane_is_delivered_one_by_one_and_in_order() -> None:
    """However many workers there are."""
    desk = Desk()
    seqs = desk.put(*items(15, lane="lead:7"))
    await desk.adrain(once=True)

    assert desk.begun == seqs


async def test_an_enqueue_of_this_process_is_delivered_without_waiting() -> None:
    """The commit itself wakes the drain; the poll is only the floor."""
    desk = Desk()
    delivered = anyio.Event()

    async def handler(_flight: Flight) -> None:
        delivered.set()

    desk.handler = handler
    async with anyio.create_task_group() as tasks:
        await tasks.start(lambda task_status: desk.adrain(task_status=task_status))
        await anyio.wait_all_tasks_blocked()
        desk.put(item("late"))
        with anyio.fail_after(120):
            await delivered.wait()
        tasks.cancel_scope.cancel()

    assert len(desk.begun) == 1


async def test_an_enqueue_in_a_thread_wakes_the_drain_of_a_loop() -> None:
    """Web frameworks run blocking routes on threads."""
    desk = Desk()
    delivered = anyio.Event()

    async def handler(_flight: Flight) -> None:
        delivered.set()

    desk.handler = handler
    async with anyio.create_task_group() as tasks:
        await tasks.start(lambda task_status: desk.adrain(task_status=task_status))
        await anyio.to_thread.run_sync(desk.put, item("late"))
        with anyio.fail_after(120):
            await delivered.wait()
        tasks.cancel_scope.cancel()

    assert len(desk.begun) == 1


async def test_what_is_put_back_for_later_is_left_by_a_pass() -> None:
    """A pass does not wait for a backoff."""
    desk = Desk()

    async def handler(flight: Flight) -> Verdict:
        return Verdict(Nack(flight.item.hold, 60.0, "500"), Evidence.FAILED)

    desk.handler = handler
    desk.put(item("a"))
    report = await desk.adrain(once=True)

    assert report == DrainReport(failed=1, left=1)
    assert desk.states() == {ItemState.SCHEDULED: 1}


async def test_progress_goes_up_and_ends_at_100_percent() -> None:
    """One start, one end, and what was done between."""
    desk = Desk()
    desk.put(*items(5))
    await desk.adrain(once=True)
    started, finished = desk.of(DrainStarted), desk.of(DrainFinished)
    last = desk.of(DrainProgress)[-1]

    assert [fact.total for fact in started] == [5]
    assert [fact.report for fact in finished] == [DrainReport(sent=5)]
    assert (last.done, last.total, last.percent, last.eta) == (5, 5, 100.0, 0.0)


async def test_a_delivery_that_raises_gives_its_item_back_and_stops_nothing() -> None:
    """The surface promises a verdict; a slip of it costs no item."""
    desk = Desk()

    async def handler(flight: Flight) -> None:
        if flight.item.key == "0":
            raise ValueError("a slip")

    desk.handler = handler
    desk.put(*items(3))
    report = await desk.adrain(once=True)

    assert report == DrainReport(sent=2, released=1, left=1)
    assert desk.states() == {ItemState.SCHEDULED: 1}


async def test_a_hook_that_raises_stops_nothing() -> None:
    """What was told is less than what was done."""
    desk = Desk()

    def settled(*_args: object) -> None:
        raise ValueError("a slip")

    desk.settled = settled  # type: ignore[assignment,method-assign]  # a slip
    desk.put(*items(3))

    assert await desk.adrain(once=True) == DrainReport(sent=3)


async def test_two_drains_of_one_process_share_the_work() -> None:
    """A flush may run beside the drain of the application."""
    desk = Desk()
    desk.put(*items(40))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: desk.adrain(once=True))
        tasks.start_soon(desk.aflush)

    assert sorted(desk.begun) == sorted(desk.acked())
    assert len(desk.begun) == 40


async def test_a_closed_engine_ends_the_drain() -> None:
    """As the relay: no error, there is nothing left to serve."""
    clock = FakeClock()
    desk = Desk(clock=clock)
    desk.put(*items(2))
    async with anyio.create_task_group() as tasks:
        await tasks.start(lambda task_status: desk.adrain(task_status=task_status))
        await anyio.wait_all_tasks_blocked()
        desk.engine.close()
        clock.advance(10.0)  # nobody hints at it: it is found when looking

    assert len(desk.begun) == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"concurrency": 0}, "concurrency=0"),
        ({"concurrency": 1.5}, "concurrency=1.5"),
        ({"concurrency": True}, "concurrency=True"),
        ({"grace": -1.0}, "grace=-1.0"),
        ({"grace": float("nan")}, "grace=nan"),
        ({"grace": float("inf")}, "grace=inf"),
    ],
)
async def test_a_figure_that_cannot_work_is_refused(
    options: dict[str, object], says: str
) -> None:
    """Said at once, before anything is claimed."""
    with pytest.raises(ConfigurationError) as caught:
        await Desk().adrain(**options)  # type: ignore[arg-type]  # wrong on purpose

    assert says in str(caught.value)
