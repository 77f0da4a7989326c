from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest
import tenacity

from syncpatterns.errors import EngineBusy
from syncpatterns.retry import Retry, no_jitter
from syncpatterns.testing import FakeClock, cancel_sweep, instant


class Down(Exception):
    pass


class NoSleep(FakeClock):
    """A clock on which nobody may sleep."""

    def sleep(self, seconds: float) -> None:
        raise AssertionError("slept")

    async def asleep(self, seconds: float) -> None:
        raise AssertionError("slept")


@pytest.fixture
def retry() -> Retry:
    """Wait 1, 2, 4, 4 s, on a clock that does not."""
    return Retry(on=Down, wait=no_jitter(), clock=NoSleep())


async def test_sleeps_are_noted_and_not_slept(retry: Retry, flaky: Any) -> None:
    """Calls, blocks and generators, sync and async."""
    with instant() as waited:
        assert retry.call(flaky(Down(), Down())) == "done"
        assert await retry.acall(flaky(Down()).acall) == "done"
        for attempt in retry:
            with attempt:
                if attempt.number < 2:
                    raise Down
        async for attempt in retry:
            with attempt:
                if attempt.number < 2:
                    raise Down

    assert waited.sleeps == [1, 2, 1, 1, 1]
    assert repr(waited) == "instant(sleeps=[1.0, 2.0, 1.0, 1.0, 1.0])"


def test_it_decides_as_in_production(flaky: Any) -> None:
    """A time-out ends the attempts as if the sleeps had passed."""
    clock = NoSleep()
    retry = Retry(on=Down, wait=no_jitter(), timeout=6, clock=clock)
    stopped = Retry(
        on=Down, wait=no_jitter(), stop=tenacity.stop_after_delay(3), clock=clock
    )
    fn, other = flaky(*[Down()] * 9), flaky(*[Down()] * 9)

    with instant() as waited:
        with pytest.raises(Down):
            retry.call(fn)
        with pytest.raises(Down):
            stopped.call(other)
        assert Retry(on=EngineBusy, clock=clock).call(
            flaky(EngineBusy(retry_after=30))
        ) == ("done")

    assert (fn.calls, other.calls) == (3, 3)
    assert waited.sleeps[:-1] == [1, 2, 1, 2]
    assert 30 <= waited.sleeps[-1] <= 31


async def test_an_enclosing_scope_counts_the_sleeps(flaky: Any) -> None:
    """Noted seconds are seconds gone, for a scope as for a time-out."""
    fn = flaky(*[Down()] * 9)

    with instant() as waited, anyio.fail_after(60), pytest.raises(Down):
        await Retry(on=Down, wait=no_jitter(50, 50)).acall(fn.acall)

    assert (fn.calls, waited.sleeps) == (2, [50])


def test_it_ends_with_its_block(flaky: Any) -> None:
    """Afterwards a retry sleeps again; a block inside notes its own."""
    clock = FakeClock(auto_advance=True)
    retry = Retry(on=Down, wait=no_jitter(), clock=clock)

    with instant() as outer:
        with instant() as inner:
            retry.call(flaky(Down()))
        retry.call(flaky(Down(), Down()))
    retry.call(flaky(Down()))

    assert (inner.sleeps, outer.sleeps, clock.slept) == ([1], [1, 2], [1])


async def test_it_reaches_tasks_and_worker_threads(retry: Retry, flaky: Any) -> None:
    """Whatever inherits the context."""
    with instant() as waited:
        async with anyio.create_task_group() as group:
            group.start_soon(retry.acall, flaky(Down()).acall)
        await anyio.to_thread.run_sync(retry.call, flaky(Down(), Down()))

    assert waited.sleeps == [1, 1, 2]


def test_it_is_not_process_wide(flaky: Any) -> None:
    """Another thread sleeps as ever."""
    clock = FakeClock(auto_advance=True)
    retry = Retry(on=Down, wait=no_jitter(), clock=clock)

    with instant() as waited:
        other = threading.Thread(target=retry.call, args=(flaky(Down()),))
        other.start()
        other.join()

    assert (waited.sleeps, clock.slept) == ([], [1])


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_noted_sleep_still_hears_a_cancellation(backend: Any) -> None:
    """Cancelled at any step, no attempt begins afterwards."""

    class Work:
        begun = 0
        ended = False

    async def prepare() -> Work:
        return Work()

    async def main(work: Work) -> None:
        async def fail() -> None:
            assert not work.ended
            work.begun += 1
            raise Down

        try:
            with instant():
                await Retry(on=Down, budget=None).acall(fail)
        except Down:
            return
        finally:
            work.ended = True

    sweep = cancel_sweep(main, prepare=prepare, backend=backend)

    assert sweep.cancelled >= 4  # at each of the four sleeps
