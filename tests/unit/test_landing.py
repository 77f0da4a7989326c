"""What a task that somebody else ends in order awaits to its end."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from syncpatterns._landing import whole

#: Seconds; more than any of it takes.
LONG = 600.0


class Work:
    """Hangs until it may go on, and notes what became of it."""

    def __init__(self) -> None:
        self.begun = anyio.Event()
        self.go_on = anyio.Event()
        self.told: list[str] = []

    async def run(self) -> str:
        """Return what nobody may lose."""
        self.begun.set()
        try:
            await self.go_on.wait()
        except BaseException as error:
            self.told.append(type(error).__name__)
            raise
        return "answer"


async def test_an_answer_is_passed_on() -> None:
    """And patience counts for a task that was cancelled, and no other."""

    async def work() -> str:
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        return "answer"

    assert await whole(work(), patience=0.0) == "answer"


async def test_an_error_is_passed_on() -> None:
    """It is the caller's, as if nothing stood between."""

    async def work() -> None:
        await anyio.lowlevel.checkpoint()
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        await whole(work(), LONG)


async def test_a_scope_that_is_cancelled_is_obeyed_at_once() -> None:
    """Whoever ends the task has waited already."""
    work = Work()
    heard: list[bool] = []

    async def task() -> None:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            await whole(work.run(), LONG)
        heard.append(scope.cancelled_caught)

    scopes: list[anyio.CancelScope] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(task)
        await work.begun.wait()
        scopes[0].cancel()
    while not work.told:
        await anyio.lowlevel.checkpoint()

    assert heard == [True]
    assert len(work.told) == 1


@pytest.mark.parametrize("times", [1, 3])
def test_a_cancellation_of_asyncio_is_forgotten(times: int) -> None:
    """Who cancels every task has cancelled the one that ends this one, too."""

    async def main() -> tuple[str, int, bool, list[str]]:
        work = Work()
        task = asyncio.create_task(whole(work.run(), LONG))
        await work.begun.wait()
        for _ in range(times):
            task.cancel()
            await anyio.lowlevel.checkpoint()
        work.go_on.set()
        return await task, task.cancelling(), task.cancelled(), work.told

    assert asyncio.run(main()) == ("answer", 0, False, [])


def test_what_hangs_holds_up_no_cancellation_for_ever() -> None:
    """It is cancelled, and the cancellation is heard after all."""

    async def main() -> tuple[bool, list[str]]:
        work = Work()
        task = asyncio.create_task(whole(work.run(), patience=0.01))
        await work.begun.wait()
        task.cancel()
        await asyncio.wait([task])
        while not work.told:
            await anyio.lowlevel.checkpoint()
        return task.cancelled(), work.told

    assert asyncio.run(main()) == (True, ["CancelledError"])


def test_it_goes_on_although_the_loop_ends() -> None:
    """asyncio.run cancels each task there is, and the one it waits for is none."""
    tasks: list[asyncio.Task[Any]] = []
    done: list[str] = []

    async def work() -> str:
        for turn in range(3):
            done.append(f"turn {turn}")
            await anyio.lowlevel.checkpoint()
        return "answer"

    async def main() -> None:
        tasks.append(asyncio.create_task(whole(work(), LONG)))
        while not done:
            await anyio.lowlevel.checkpoint()

    asyncio.run(main())

    assert done == ["turn 0", "turn 1", "turn 2"]
    assert [task.result() for task in tasks] == ["answer"]
