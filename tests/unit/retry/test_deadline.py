from __future__ import annotations

import math
import subprocess
import sys
import threading
from typing import Any

import anyio
import pytest
import trio

from syncpatterns.clock import SystemClock
from syncpatterns.errors import ConfigurationError, EngineBusy
from syncpatterns.events import GaveUp
from syncpatterns.retry import Retry, deadline, equal_jitter, no_jitter, remaining
from syncpatterns.testing import FakeClock


class Down(Exception):
    pass


class Slow:
    """Fails after half a second of the clock."""

    def __init__(self, clock: FakeClock, seconds: float = 0.5) -> None:
        self.clock = clock
        self.seconds = seconds
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        self.clock.advance(self.seconds)
        raise Down

    async def acall(self) -> None:
        self()


@pytest.mark.case("RTY-15")
@pytest.mark.parametrize("attempts", [None, 5, 50])
async def test_a_timeout_covers_attempts_and_sleeps(
    attempts: int | None, clock: FakeClock
) -> None:
    """Five seconds, half a second an attempt: over in five, no sleep cut short."""
    options: dict[str, Any] = {"on": Down, "wait": equal_jitter(), "budget": None}
    retry = Retry(attempts=attempts, timeout=5, clock=clock, **options)
    for run in ("sync", "async"):
        slow, began, slept = Slow(clock), clock.monotonic(), len(clock.slept)

        with pytest.raises(Down):
            retry.call(slow) if run == "sync" else await retry.acall(slow.acall)

        assert clock.monotonic() - began <= 5
        assert slow.calls == len(clock.slept) - slept + 1
        assert slow.calls >= 2


def test_a_sleep_that_ends_at_the_deadline_is_not_begun(clock: FakeClock) -> None:
    """The attempt after it would have no time at all."""
    slow = Slow(clock, 0)
    retry = Retry(on=Down, wait=no_jitter(), timeout=3, clock=clock)

    with pytest.raises(Down):
        retry.call(slow)

    assert (slow.calls, clock.slept) == (2, [1])  # 1 + 2 would end at 3


def test_an_expired_deadline_ends_it_even_without_a_sleep(clock: FakeClock) -> None:
    """A retry that would not wait is begun too late all the same."""
    slow = Slow(clock, 2)
    retry = Retry(on=Down, wait=no_jitter(0, 0), timeout=3, clock=clock)

    with pytest.raises(Down):
        retry.call(slow)

    assert slow.calls == 2


@pytest.mark.case("RTY-14")
@pytest.mark.parametrize("where", ["timeout", "deadline"])
async def test_a_hint_beyond_the_deadline_ends_it_at_once(
    where: str, clock: FakeClock, flaky: Any
) -> None:
    """A wait of 30 s is not cut to 10: the server would only be asked too early."""
    timeout = 10 if where == "timeout" else None
    retry = Retry(on=EngineBusy, timeout=timeout, clock=clock)

    with deadline(10 if where == "deadline" else math.inf, clock=clock):
        for error in (EngineBusy(retry_after=30), EngineBusy(retry_after=30)):
            with pytest.raises(EngineBusy) as caught:
                retry.call(flaky(error))
            assert caught.value is error
            assert caught.value.retry_after == 30
        with pytest.raises(EngineBusy):
            await retry.acall(flaky(EngineBusy(retry_after=30)).acall)

    assert clock.slept == []


async def test_a_hint_within_the_deadline_is_waited_for(
    clock: FakeClock, flaky: Any
) -> None:
    """The rule is about the end of the sleep, not about hints."""
    retry = Retry(on=EngineBusy, timeout=40, clock=clock)

    assert retry.call(flaky(EngineBusy(retry_after=30))) == "done"
    assert await retry.acall(flaky(EngineBusy(retry_after=30)).acall) == "done"


@pytest.mark.case("RTY-16")
async def test_an_enclosing_scope_is_not_slept_into(flaky: Any) -> None:
    """The attempt's own error comes before the scope fires, which says nothing."""
    fn = flaky(Down())

    with anyio.move_on_after(50) as scope:
        with pytest.raises(Down):
            await Retry(on=Down, wait=no_jitter(100, 100)).acall(fn.acall)
        assert not scope.cancel_called

    assert fn.calls == 1


@pytest.mark.case("RTY-16", part="shield")
async def test_a_scope_outside_of_a_shield_does_not_count(
    clock: FakeClock, flaky: Any
) -> None:
    """A shielded block is not ended by it, so it may sleep past it."""
    fn = flaky(Down())

    with anyio.move_on_after(0.05), anyio.CancelScope(shield=True):
        await Retry(on=Down, wait=no_jitter(100, 100), clock=clock).acall(fn.acall)

    assert clock.slept == [100]


async def test_in_a_cancelled_scope_no_attempt_follows(flaky: Any) -> None:
    """It is not even slept for: the scope's time is over."""
    fn = flaky(Down())

    with anyio.CancelScope() as scope:
        scope.cancel()
        with pytest.raises(Down):
            await Retry(on=Down).acall(fn.acall)

    assert fn.calls == 1


async def test_a_scope_without_an_end_does_not_count(
    clock: FakeClock, flaky: Any
) -> None:
    """A task group around the call sets no time."""
    async with anyio.create_task_group() as group:
        group.start_soon(Retry(on=Down, clock=clock).acall, flaky(Down()).acall)

    assert len(clock.slept) == 1


@pytest.mark.case("RTY-17")
def test_a_deadline_inside_a_deadline_only_shortens_it(clock: FakeClock) -> None:
    """The inner one may end sooner, never later."""
    with deadline(10, clock=clock):
        with deadline(3, clock=clock):
            assert remaining() == 3
        with deadline(60, clock=clock):
            assert remaining() == 10
            clock.advance(4)
            with deadline(8, clock=clock):
                assert remaining() == 6
        assert remaining() == 6
    assert remaining() == math.inf


@pytest.mark.case("RTY-17", part="timeout")
@pytest.mark.parametrize(("outer", "inner", "calls"), [(2.5, 60, 2), (60, 2.5, 2)])
async def test_a_timeout_is_a_deadline_too(
    outer: float, inner: float, calls: int, clock: FakeClock
) -> None:
    """Whichever ends first, around or in the Retry, ends the series."""
    retry = Retry(on=Down, wait=no_jitter(), timeout=inner, clock=clock)
    slow, aslow = Slow(clock, 0), Slow(clock, 0)

    with deadline(outer, clock=clock), pytest.raises(Down):
        retry.call(slow)
    with deadline(outer, clock=clock), pytest.raises(Down):
        await retry.acall(aslow.acall)

    assert (slow.calls, aslow.calls) == (calls, calls)  # 1 s fits, another 2 not


@pytest.mark.case("RTY-17", part="two clocks")
def test_deadlines_of_two_clocks_both_hold(clock: FakeClock) -> None:
    """Each is measured on its own clock; the nearer counts."""
    other = FakeClock(monotonic=1e6)

    with deadline(10, clock=clock), deadline(20, clock=other):
        assert remaining() == 10
        other.advance(15)
        assert remaining() == 5
        with deadline(7, clock=clock):
            assert remaining() == 5
            clock.advance(6)
            assert remaining() == 1


async def test_the_time_left_reaches_the_code_below(clock: FakeClock) -> None:
    """A client takes it as its own time-out, in every attempt anew."""
    left: list[float] = []

    def ask() -> None:
        left.append(remaining())
        clock.advance(1)
        raise Down

    async def aask() -> None:
        ask()

    options: dict[str, Any] = {"on": Down, "wait": no_jitter(), "attempts": 3}
    retry = Retry(timeout=10, clock=clock, **options)
    with pytest.raises(Down):
        retry.call(ask)
    with pytest.raises(Down):
        await retry.acall(aask)

    assert left == [10, 8, 5] * 2
    assert remaining() == math.inf


async def test_a_deadline_reaches_tasks_and_worker_threads(clock: FakeClock) -> None:
    """It travels with the context; a bare thread has none."""
    seen: list[float] = []

    async def task() -> None:
        seen.append(remaining())

    with deadline(10, clock=clock):
        async with anyio.create_task_group() as group:
            group.start_soon(task)
        seen.append(await anyio.to_thread.run_sync(remaining))
        bare = threading.Thread(target=lambda: seen.append(remaining()))
        bare.start()
        bare.join()

    assert seen == [10, 10, math.inf]


async def test_remaining_knows_the_scopes_of_the_task() -> None:
    """Outside of a task and without a scope there is no end."""
    assert remaining() == math.inf
    with anyio.move_on_after(60):
        await anyio.lowlevel.checkpoint()
        assert 0 < remaining() <= 60
        with deadline(5):
            assert 0 < remaining() <= 5
    with anyio.CancelScope() as scope:
        await anyio.lowlevel.checkpoint()
        scope.cancel()
        assert remaining() == 0


def test_remaining_is_never_negative(clock: FakeClock) -> None:
    """As a client's time-out a negative number would be an error."""
    for seconds in (0, -5):
        with deadline(seconds, clock=clock):
            clock.advance(1)
            assert remaining() == 0


def test_without_a_loop_or_a_deadline_there_is_no_end() -> None:
    """Nothing is running that could be ended."""
    assert remaining() == math.inf
    with deadline(60):
        assert 0 < remaining() <= 60


def test_a_deadline_ends_with_its_block_whatever_happens(clock: FakeClock) -> None:
    """An exception in the block takes it along."""
    with pytest.raises(Down), deadline(1, clock=clock):
        raise Down

    assert remaining() == math.inf


def test_the_deadline_is_told_as_the_reason(clock: FakeClock, flaky: Any) -> None:
    """A hook can tell it from a lack of attempts."""
    told: list[Any] = []
    retry = Retry(
        on=Down, wait=no_jitter(), timeout=0.5, clock=clock, hooks=[told.append]
    )

    with pytest.raises(Down):
        retry.call(flaky(Down()))

    assert [fact.reason for fact in told if isinstance(fact, GaveUp)] == ["deadline"]


@pytest.mark.parametrize("seconds", [math.nan, "5", None, True])
def test_what_is_no_number_is_no_deadline(seconds: Any) -> None:
    """NaN compares as false with everything and would lift every limit."""
    with pytest.raises(ConfigurationError, match="number of seconds"):
        deadline(seconds)


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, "5", True])
def test_a_timeout_that_cannot_work_is_refused(timeout: Any) -> None:
    """Zero is no way to say none: None is."""
    with pytest.raises(ConfigurationError, match="timeout"):
        Retry(on=Down, timeout=timeout)


def test_a_retry_has_the_systems_clock_unless_told() -> None:
    """A deadline and a Retry without a clock share one."""
    with deadline(60):
        fn = Retry(on=Down, timeout=30)(remaining)

        assert 0 < fn() <= 30
    assert isinstance(SystemClock().monotonic(), float)


@pytest.mark.case("RTY-16", part="trio alone")
def test_a_scope_of_trio_counts_without_anyio_around_it(flaky: Any) -> None:
    """A program on bare trio has scopes of its own."""

    async def main() -> int:
        fn = flaky(Down())
        with trio.move_on_after(50) as scope:
            with pytest.raises(Down):
                await Retry(on=Down, wait=no_jitter(100, 100)).acall(fn.acall)
            assert not scope.cancel_called
            assert 0 < remaining() <= 50
        return int(fn.calls)

    assert trio.run(main) == 1


def test_on_asyncio_alone_nothing_is_asked_for_scopes() -> None:
    """Where nobody imported what makes scopes, a retry does not import it either."""
    program = (
        "import asyncio, sys, trio\n"
        "from syncpatterns.retry import Retry, no_jitter, remaining\n"
        "class Still:\n"
        "    async def asleep(self, seconds): pass\n"
        "    monotonic = time = sleep = None\n"
        "calls = []\n"
        "async def fail():\n"
        "    calls.append(remaining())\n"
        "    raise OSError\n"
        "async def main():\n"
        "    try:\n"
        "        await Retry(on=OSError, clock=Still()).acall(fail)\n"
        "    except OSError:\n"
        "        pass\n"
        "asyncio.run(main())\n"
        "print(len(calls), set(calls), 'anyio._backends._asyncio' in sys.modules)\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout.split() == ["5", "{inf}", "False"]
