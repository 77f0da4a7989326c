from __future__ import annotations

from contextvars import ContextVar

import pytest

from benchmarks._virtual import VirtualTime
from syncpatterns.clock import Clock

_seen: ContextVar[str] = ContextVar("seen", default="nothing")


def test_tasks_run_in_the_order_of_their_times() -> None:
    """Whoever wakes first runs first; at one moment, whoever came first."""
    time, order = VirtualTime(), list[tuple[str, float]]()

    async def task(name: str, seconds: float) -> None:
        await time.asleep(seconds)
        order.append((name, time.monotonic()))

    for name, seconds in (("late", 3.0), ("first", 1.0), ("second", 1.0)):
        time.start(0.0, task(name, seconds))
    time.run(10.0)

    assert order == [("first", 1.0), ("second", 1.0), ("late", 3.0)]
    assert time.time() == 10.0


def test_a_run_ends_before_its_end() -> None:
    """A step at the very end belongs to what comes after; it is dropped."""
    time, ended = VirtualTime(), list[str]()

    async def task() -> None:
        try:
            await time.asleep(5.0)
            ended.append("ran")
        finally:
            ended.append("closed")

    time.start(0.0, task())
    time.run(5.0)

    assert ended == ["closed"]


def test_a_task_has_its_own_context() -> None:
    """What one task sets while another sleeps is not seen by it."""
    time, found = VirtualTime(), list[str]()

    async def task(name: str) -> None:
        _seen.set(name)
        await time.asleep(1.0)
        found.append(_seen.get())

    time.start(0.0, task("a"))
    time.start(0.5, task("b"))
    time.run(2.0)

    assert found == ["a", "b"]
    assert _seen.get() == "nothing"


def test_an_error_of_a_task_ends_the_run() -> None:
    """A model that is wrong says so."""
    time = VirtualTime()

    async def task() -> None:
        raise ZeroDivisionError

    time.start(0.0, task())

    with pytest.raises(ZeroDivisionError):
        time.run(1.0)


def test_it_is_a_clock_on_which_no_thread_can_wait() -> None:
    """Components take it as their clock; a thread would wait for itself."""
    time = VirtualTime()

    assert isinstance(time, Clock)
    with pytest.raises(RuntimeError, match="asleep"):
        time.sleep(1.0)  # hygiene: sleep - it refuses to
