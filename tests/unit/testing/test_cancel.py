# hygiene for this file: sleep - the time is virtual, no test waits
from __future__ import annotations

from typing import Literal

import anyio
import pytest

from syncpatterns.testing import CancelSweep, cancel_sweep

BACKENDS: list[Literal["asyncio", "trio"]] = ["asyncio", "trio"]
backends = pytest.mark.parametrize("backend", BACKENDS)


@backends
def test_every_step_is_cancelled_once(backend: Literal["asyncio", "trio"]) -> None:
    """The sweep ends with the first run that the cancellation came too late for."""
    marks: list[int] = []

    async def main() -> None:
        reached = 0
        try:
            for _ in range(5):
                await anyio.sleep(1)
                reached += 1
        finally:
            marks.append(reached)

    sweep = cancel_sweep(main, backend=backend)

    assert sweep.points == len(marks) - 1
    assert set(range(6)) == set(marks)
    assert sweep.cancelled + sweep.finished == sweep.points


@backends
def test_work_in_child_tasks_is_swept_too(backend: Literal["asyncio", "trio"]) -> None:
    """A task group is part of the operation that opened it."""
    marks: set[int] = set()

    async def child(number: int) -> None:
        await anyio.sleep(number)
        marks.add(number)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for number in (1, 2):
                tasks.start_soon(child, number)

    sweep = cancel_sweep(main, backend=backend)

    assert marks == {1, 2}
    assert sweep.cancelled >= 3


def test_each_run_has_fresh_state_and_is_judged() -> None:
    """What one run left behind is not seen by the next."""
    states: list[list[str]] = []

    async def prepare() -> list[str]:
        await anyio.sleep(1)
        return []

    async def main(state: list[str]) -> None:
        state.append("begun")
        await anyio.sleep(1)

    async def judge(state: list[str]) -> None:
        await anyio.sleep(1)
        states.append(state)

    sweep = cancel_sweep(main, prepare=prepare, judge=judge)

    assert len(states) == sweep.points + 1
    assert all(len(state) <= 1 for state in states)


def test_an_operation_without_a_step_has_nothing_to_cancel() -> None:
    """Nothing to cancel is a result, not an endless sweep."""

    async def main() -> None:
        return

    assert cancel_sweep(main) == CancelSweep(points=0, cancelled=0, finished=0)


def test_an_endless_operation_is_given_up() -> None:
    """The number of steps has a limit."""

    async def main() -> None:
        for _ in range(50):
            await anyio.sleep(1)

    with pytest.raises(RuntimeError, match="after 10 steps"):
        cancel_sweep(main, limit=10)
