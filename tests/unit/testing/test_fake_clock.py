from __future__ import annotations

import math
import threading
from collections.abc import Callable
from functools import partial

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from syncpatterns.clock import Clock
from syncpatterns.testing import FakeClock


def in_thread(function: Callable[[], object]) -> threading.Thread:
    """Run *function* in a thread of its own."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def ended(thread: threading.Thread) -> bool:
    """Wait for the thread's end, and say whether it came."""
    thread.join(120)
    return not thread.is_alive()


def test_it_is_a_clock() -> None:
    """Every component that takes a Clock takes this one."""
    clock = FakeClock(start=1000.0, monotonic=5.0)

    assert isinstance(clock, Clock)
    assert (clock.time(), clock.monotonic()) == (1000.0, 5.0)


def test_advance_moves_both_clocks() -> None:
    """Wall clock and monotonic clock move together."""
    clock = FakeClock(start=1000.0)

    clock.advance(2.5)

    assert (clock.time(), clock.monotonic()) == (1002.5, 2.5)


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_time_never_goes_back_nor_nowhere(seconds: float) -> None:
    """A clock that moved back would hide a bug instead of showing one."""
    clock = FakeClock()

    with pytest.raises(ValueError, match="second"):
        clock.advance(seconds)


def test_a_stepped_wall_clock_leaves_monotonic_time_alone() -> None:
    """An NTP step changes dates, never durations."""
    clock = FakeClock(start=1000.0)
    clock.advance(10)

    clock.set_time(400.0)
    clock.advance(1)

    assert (clock.time(), clock.monotonic()) == (401.0, 11.0)


def test_a_sleeping_thread_wakes_only_when_its_time_has_come() -> None:
    """One second short is still asleep."""
    clock = FakeClock()
    sleeper = in_thread(lambda: clock.sleep(10))
    clock.wait_for_sleepers(1)

    clock.advance(9)
    still_asleep = clock.sleepers
    clock.advance(1)

    assert still_asleep == 1
    assert ended(sleeper)
    assert clock.sleepers == 0


def test_threads_wake_in_the_order_of_their_deadlines() -> None:
    """A jump past several deadlines releases the earliest first."""
    clock = FakeClock()
    threads = [in_thread(partial(clock.sleep, s)) for s in (3, 1, 2)]
    clock.wait_for_sleepers(3)

    clock.advance(2)
    left = clock.sleepers
    clock.advance(1)

    assert left == 1
    assert all(ended(thread) for thread in threads)


def test_zero_and_less_do_not_sleep() -> None:
    """As on the real clock, nothing to wait for returns at once."""
    clock = FakeClock()

    clock.sleep(0)
    clock.sleep(-1)

    assert clock.slept == [0, -1]


def test_auto_advance_sleeps_in_no_time_and_keeps_the_record() -> None:
    """A retry loop can be read off the list of its waits."""
    clock = FakeClock(auto_advance=True)

    for seconds in (1.0, 2.0, 4.0):
        clock.sleep(seconds)

    assert clock.slept == [1.0, 2.0, 4.0]
    assert clock.monotonic() == 7.0


def test_too_few_sleepers_is_an_error_that_counts_them() -> None:
    """A test that waits for the wrong number ends with both numbers."""
    clock = FakeClock()

    with pytest.raises(TimeoutError, match="0 of 2 sleepers"):
        clock.wait_for_sleepers(2, timeout=0.01)


def test_sleeping_for_nan_is_refused() -> None:
    """NaN compares false with every deadline and would never wake."""
    with pytest.raises(ValueError, match="nan"):
        FakeClock().sleep(math.nan)


async def test_a_sleeping_task_wakes_when_its_time_has_come() -> None:
    """Tasks on asyncio and trio follow the clock, not the loop's time."""
    clock = FakeClock()
    woken: list[float] = []
    after_five: list[float] = []

    async def sleeper(seconds: float) -> None:
        await clock.asleep(seconds)
        woken.append(seconds)

    async with anyio.create_task_group() as tasks:
        for seconds in (5, 10):
            tasks.start_soon(sleeper, seconds)
        await clock.await_for_sleepers(2)
        clock.advance(5)
        await anyio.wait_all_tasks_blocked()
        after_five.extend(woken)
        clock.advance(5)

    assert after_five == [5]
    assert woken == [5, 10]


async def test_a_thread_may_advance_the_clock_of_a_task() -> None:
    """The clock is shared among threads and loops."""
    clock = FakeClock()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.asleep, 60)
        await clock.await_for_sleepers(1)
        await anyio.to_thread.run_sync(clock.advance, 60)

    assert clock.sleepers == 0


async def test_a_task_may_wait_for_a_sleeping_thread() -> None:
    """Sleepers are counted whatever world they live in."""
    clock = FakeClock()
    thread = in_thread(lambda: clock.sleep(1))

    await clock.await_for_sleepers(1)
    clock.advance(1)

    assert ended(thread)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """The count of sleepers never includes the dead."""
    clock = FakeClock()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.asleep, 60)
        tasks.start_soon(clock.asleep, 30)
        await clock.await_for_sleepers(2)
        tasks.cancel_scope.cancel()

    assert clock.sleepers == 0


async def test_too_few_sleeping_tasks_is_an_error_that_counts_them() -> None:
    """The async wait gives up like the blocking one."""
    clock = FakeClock()

    with pytest.raises(TimeoutError, match="0 of 1 sleepers"):
        await clock.await_for_sleepers(1, timeout=0.01)


async def test_auto_advance_lets_other_tasks_run() -> None:
    """A sleep of any length is a point where a task can be cancelled."""
    clock = FakeClock(auto_advance=True)

    with anyio.CancelScope() as scope:
        scope.cancel()
        await clock.asleep(1)

    assert scope.cancelled_caught
    assert clock.slept == [1]


def test_a_timer_runs_in_the_advance_that_passes_it() -> None:
    """Its work is done when `advance` returns, once, and not before its time."""
    clock = FakeClock()
    rung: list[float] = []
    clock.call_later(10, lambda: rung.append(clock.monotonic()))

    clock.advance(9)
    early = list(rung)
    clock.advance(2)
    clock.advance(100)

    assert early == []
    assert rung == [11.0]


def test_a_cancelled_timer_never_runs() -> None:
    """Cancelling twice, or after it ran, is harmless."""
    clock = FakeClock()
    rung: list[str] = []
    cancel = clock.call_later(1, lambda: rung.append("cancelled"))
    clock.call_later(1, lambda: rung.append("kept"))

    cancel()
    clock.advance(1)
    cancel()

    assert rung == ["kept"]


def test_a_timer_that_fails_holds_up_nobody() -> None:
    """Everyone who is due is woken; then the error is raised."""
    clock = FakeClock()
    clock.call_later(1, lambda: 1 / 0)
    sleeper = in_thread(lambda: clock.sleep(2))
    clock.wait_for_sleepers(1)

    with pytest.raises(ZeroDivisionError):
        clock.advance(2)

    assert ended(sleeper)
