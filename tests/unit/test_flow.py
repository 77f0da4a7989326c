"""One body, run blocking or awaiting."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Generator
from contextlib import suppress
from typing import Any, ClassVar

import anyio
import pytest

from syncpatterns import _flow
from syncpatterns._flow import Effect, Flow, arun, run
from syncpatterns.errors import CleanupTimedOut


class Double(Effect[int]):
    """Ask for twice a number."""

    def __init__(self, number: int) -> None:
        self.number = number


class CleanUp(Effect[str]):
    """Ask for something that outlives cancellation."""

    shield: ClassVar[bool] = True


def twice(number: int) -> Flow[Double, int]:
    """Double a number two times; an error of the first is worth 100."""
    try:
        once = yield from Double(number)
    except ValueError:
        once = 100
    return (yield from Double(once))


def perform(effect: Double) -> int:
    """Answer, but not for 13."""
    if effect.number == 13:
        raise ValueError
    return effect.number * 2


async def aperform(effect: Double) -> int:
    """Do `perform` with a turn of the loop."""
    await anyio.lowlevel.checkpoint()
    return perform(effect)


@pytest.mark.parametrize(("number", "expected"), [(5, 20), (13, 200)])
def test_a_flow_runs_on_a_thread(number: int, expected: int) -> None:
    """Answers go in, errors too."""
    assert run(lambda: twice(number), perform) == expected


@pytest.mark.parametrize(("number", "expected"), [(5, 20), (13, 200)])
async def test_a_flow_runs_on_a_loop(number: int, expected: int) -> None:
    """The same body."""
    assert await arun(lambda: twice(number), aperform) == expected


def test_a_flow_needs_no_driver() -> None:
    """Its steps can be looked at one by one."""
    steps = twice(3)
    first = next(steps)
    second = steps.send(6)

    assert (first.number, second.number) == (3, 6)
    with pytest.raises(StopIteration) as end:
        steps.send(12)
    assert end.value.value == 12


def test_a_flow_that_asks_nothing_returns_at_once() -> None:
    """No step is a flow too."""

    def nothing() -> Flow[Double, str]:
        return "done"
        yield  # type: ignore[unreachable]  # makes it a generator

    assert run(nothing, perform) == "done"


def test_every_run_is_a_fresh_one() -> None:
    """The factory is called for each; a spent generator would return None."""
    made: list[int] = []

    def factory() -> Flow[Double, int]:
        made.append(1)
        return twice(1)

    assert [run(factory, perform), run(factory, perform)] == [4, 4]
    assert len(made) == 2


def test_an_error_of_the_flow_is_the_callers() -> None:
    """It is not swallowed."""

    def breaks() -> Flow[Double, int]:
        yield from Double(1)
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(breaks, perform)


def test_an_interrupt_reaches_the_flow() -> None:
    """So that it can clean up."""
    seen: list[BaseException] = []

    def guarded() -> Flow[Double, int]:
        try:
            return (yield from Double(1))
        except KeyboardInterrupt as error:
            seen.append(error)
            raise

    def interrupt(_: Double) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(guarded, interrupt)
    assert len(seen) == 1


def cleaning() -> Flow[Any, str]:
    """Wait for ever, and clean up when that ends."""
    try:
        yield from Double(1)
    finally:
        yield from CleanUp()
    return "never"


async def test_a_cleanup_outlives_cancellation() -> None:
    """It has an await of its own, and still ends."""
    done: list[str] = []

    async def step(effect: Any) -> Any:
        if isinstance(effect, CleanUp):
            await anyio.lowlevel.checkpoint()
            done.append("cleaned")
            return ""
        scope.cancel()
        return await anyio.sleep_forever()

    with anyio.CancelScope() as scope:
        await arun(cleaning, step)

    assert done == ["cleaned"]
    assert scope.cancelled_caught


async def test_a_cleanup_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an error that says so, never with a None for an answer."""
    monkeypatch.setattr(_flow, "CLEANUP_TIMEOUT", 0.01)

    def flow() -> Flow[CleanUp, str]:
        return (yield from CleanUp())

    with pytest.raises(CleanupTimedOut, match=r"CleanUp did not end within 0\.01 s"):
        await arun(flow, lambda _: anyio.sleep_forever())


class Stuck(Effect[str]):
    """Ask for what never comes."""


class Told(Stuck):
    """The same, and what the flow is told if it is closed there."""

    def closed(self, closing: BaseException) -> str:
        return "closed"


@types.coroutine
def _never() -> Generator[str, None, str]:
    yield "suspended"
    return "never"


async def _suspend(_: Stuck | CleanUp) -> str:
    return await _never()


def tidied(effect: Stuck, done: list[str]) -> Flow[Stuck | CleanUp, str]:
    """Wait for *effect*, then clean up, whatever came."""
    try:
        done.append((yield from effect))
    except _flow._Closed:
        done.append("raised")
    finally:
        done.append((yield from CleanUp()))
    return "ended"


@pytest.mark.parametrize(
    ("effect", "heard"), [(Stuck(), "raised"), (Told(), "closed")], ids=["", "told"]
)
def test_the_clean_ups_of_a_closed_flow_are_done_without_waiting(
    effect: Stuck, heard: str
) -> None:
    """By the last resort: nothing can be awaited, and nothing is raised."""
    done: list[str] = []
    coroutine = arun(lambda: tidied(effect, done), _suspend, lambda step: "last")
    coroutine.send(None)

    coroutine.close()

    assert done == [heard, "last"]


def test_a_closed_flow_without_a_last_resort_ends_in_silence() -> None:
    """Its clean-ups cannot be done by anybody."""
    done: list[str] = []
    coroutine = arun(lambda: tidied(Told(), done), _suspend)
    coroutine.send(None)

    coroutine.close()

    assert done == ["closed"]


def test_a_flow_that_asks_on_while_it_is_closed_is_told_so_again() -> None:
    """It gets no answer to what is no clean-up."""
    heard: list[str] = []

    def stubborn() -> Flow[Stuck, str]:
        for _ in range(3):
            try:
                yield from Stuck()
            except _flow._Closed:
                heard.append("closed")
        return "ended"

    coroutine = arun(stubborn, _suspend, lambda step: "last")
    coroutine.send(None)

    coroutine.close()

    assert heard == ["closed"] * 3


def test_clean_ups_of_inner_flows_are_done_too() -> None:
    """GeneratorExit thrown into ``yield from`` would close them where they stand."""
    done: list[str] = []

    def outer() -> Flow[Any, str]:
        try:
            return (yield from tidied(Stuck(), done))
        finally:
            done.append((yield from CleanUp()))

    coroutine = arun(outer, _suspend, lambda step: "last")
    coroutine.send(None)

    coroutine.close()

    assert done == ["raised", "last", "last"]


class Land(Effect[str]):
    """Ask for something that ends although its task is cancelled."""

    shield: ClassVar[bool] = True


class LandInPlace(Land):
    """The same, where nothing sets a time-out."""

    @property
    def in_place(self) -> bool:
        """It says so."""
        return True


lands = pytest.mark.parametrize("land", [Land, LandInPlace])


@lands
@pytest.mark.parametrize("more", [True, False])
@pytest.mark.parametrize("times", [1, 2])
def test_a_step_that_lands_is_cancelled_by_nobody(
    land: type[Land], *, more: bool, times: int
) -> None:
    """A time-out of asyncio knows no shields: it is heard once the step has landed."""
    done: list[str] = []
    answers: list[str] = []
    cancel: Any = None

    def landing() -> Flow[Any, str]:
        answers.append((yield from land()))
        if more:
            yield from Double(1)
        return "never told"

    async def step(effect: Any) -> Any:
        if isinstance(effect, Land):
            for _ in range(times):
                cancel()
                await anyio.lowlevel.checkpoint()
            return "landed"
        done.append("went on")
        return 2

    async def main() -> int:
        nonlocal cancel
        task = asyncio.current_task()
        assert task is not None
        cancel = task.cancel
        with pytest.raises(asyncio.CancelledError):
            await arun(landing, step)
        left = task.cancelling()
        for _ in range(times):
            task.uncancel()
        return left

    assert asyncio.run(main()) == times
    assert (answers, done) == (["landed"], [])


@lands
async def test_a_step_that_lands_is_not_waited_for_without_an_end(
    land: type[Land], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its limit is that of all clean-ups; it is told, and may tidy up."""
    monkeypatch.setattr(_flow, "CLEANUP_TIMEOUT", 0.01)
    ended: list[str] = []

    async def hang(_effect: Any) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("told")
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            ended.append("tidied")

    with pytest.raises(CleanupTimedOut, match=f"{land.__name__} did not end"):
        await arun(lambda: iter(land()), hang)

    assert ended == ["told", "tidied"]


@lands
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_answer_that_comes_after_its_limit_counts(
    land: type[Land], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told that its time is over, it may have been done all the same, and says so."""
    monkeypatch.setattr(_flow, "CLEANUP_TIMEOUT", 0.01)

    async def late(_effect: Any) -> str:
        with suppress(asyncio.CancelledError):
            await anyio.sleep_forever()
        return "done"

    assert await arun(lambda: iter(land()), late) == "done"


def test_a_step_that_lands_may_have_time_outs_of_its_own() -> None:
    """A client that gives up inside a store is heard there, and cancels nobody."""

    async def step(_effect: Any) -> str:
        try:
            async with asyncio.timeout(0.01):
                await anyio.sleep_forever()
        except TimeoutError:
            return "gave up"
        return "never"

    async def main() -> tuple[str, int]:
        task = asyncio.current_task()
        assert task is not None
        return await arun(lambda: iter(Land()), step), task.cancelling()

    assert asyncio.run(main()) == ("gave up", 0)


@lands
def test_a_cancellation_is_heard_although_the_flow_fails(land: type[Land]) -> None:
    """Told of the error alone, a caller that goes on after it would go on."""

    def failing() -> Flow[Any, str]:
        yield from land()
        raise KeyError("x")

    async def step(_effect: Any) -> None:
        task = asyncio.current_task() if land is LandInPlace else caller
        assert task is not None
        task.cancel()
        await anyio.lowlevel.checkpoint()

    caller: asyncio.Task[Any] | None = None

    async def main() -> BaseException | None:
        nonlocal caller
        caller = asyncio.current_task()
        with pytest.raises(asyncio.CancelledError) as caught:
            await arun(failing, step)
        return caught.value.__cause__

    assert isinstance(asyncio.run(main()), KeyError)


@lands
def test_a_step_lands_although_the_loop_ends(land: type[Land]) -> None:
    """asyncio.run cancels each task there is, and one of ours is none of them."""
    done: list[str] = []

    async def step(_effect: Any) -> str:
        for turn in range(3):
            done.append(f"turn {turn}")
            await anyio.lowlevel.checkpoint()
        return "landed"

    async def main() -> None:
        task = asyncio.create_task(arun(lambda: iter(land()), step))
        tasks.append(task)
        while not done:
            await anyio.lowlevel.checkpoint()

    tasks: list[asyncio.Task[str]] = []
    asyncio.run(main())

    assert done == ["turn 0", "turn 1", "turn 2"]
    assert [task.cancelled() for task in tasks] == [True]
