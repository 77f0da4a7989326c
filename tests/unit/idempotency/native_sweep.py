"""Cancel a task by asyncio's own means, at each of its suspensions in turn.

`syncpatterns.testing.cancel_sweep` does it with a cancel scope, which a shield
keeps away; ``task.cancel()``, ``asyncio.timeout`` and a failing sibling in an
``asyncio.TaskGroup`` know no shields. A run is judged twice: by what the test
says, and by what holds of every cancellation: it is heard, asyncio's count of it
is right, and nothing is left running.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar

import anyio
import pytest

S = TypeVar("S")

#: Once; twice at the same time; again at the next suspension, while the first is
#: dealt with; by a time-out; by a sibling that fails.
Way = Literal["cancel", "twice", "again", "timeout", "group"]

#: As it begins to wait, or as what it waits for has come and it was not told yet.
Moment = Literal["leaving", "returning"]
MOMENTS: tuple[Moment, ...] = ("leaving", "returning")

moments = pytest.mark.parametrize("moment", MOMENTS)

#: Each way at each moment; a time-out and a sibling are heard a turn later anyway.
aims = pytest.mark.parametrize(
    ("way", "moment"),
    [(way, moment) for way in ("cancel", "twice", "again") for moment in MOMENTS]
    + [("timeout", "leaving"), ("group", "leaving")],
)


class Swept(NamedTuple):
    """What a sweep did: runs in which it was cancelled, and how those ended."""

    points: int
    cancelled: int
    finished: int


class Boom(Exception):
    """What the sibling fails with."""


@dataclass
class Aim:
    """Fires at the suspension *at*, and says what came of it."""

    at: int
    moment: Moment
    way: Way
    fire: Callable[[], object] = lambda: None
    seen: int = 0
    fired: int = 0
    left: int | None = None  # asyncio's count when the task heard of it

    def suspended(self, awaited: Any) -> None:
        """Note that the task waits for *awaited* now."""
        self.seen += 1
        if self.way == "again" and self.seen == self.at + 1 and self.fired:
            self._shoot()
        if self.seen != self.at:
            return
        if self.moment == "leaving" or awaited is None:
            self._shoot()
        else:
            awaited.add_done_callback(lambda _: self._shoot())

    def _shoot(self) -> None:
        for _ in range(2 if self.way == "twice" else 1):
            self.fired += 1
            self.fire()


class Watched:
    """Awaits *work* in the same task and counts how often that suspends."""

    def __init__(self, work: Awaitable[Any], aim: Aim) -> None:
        self._work = work
        self._aim = aim

    def __await__(self) -> Generator[Any, Any, Any]:
        steps: Any = self._work.__await__()
        go_on: Callable[[], Any] = steps.__next__
        while True:
            try:
                awaited = go_on()
            except StopIteration as stop:
                return stop.value
            self._aim.suspended(awaited)
            try:
                told = yield awaited
            except BaseException as error:  # noqa: BLE001 - it is theirs
                go_on = partial(steps.throw, error)
            else:
                go_on = partial(steps.send, told)


@dataclass
class Ledger:
    """What a loop was given to do, and what it complained about."""

    tasks: list[asyncio.Task[Any]] = field(default_factory=list["asyncio.Task[Any]"])
    complaints: list[Any] = field(default_factory=list[Any])

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Keep account of *loop*."""

        def make(loop: Any, work: Any, **options: Any) -> Any:
            task = asyncio.Task(work, loop=loop, **options)
            self.tasks.append(task)
            return task

        loop.set_task_factory(make)
        loop.set_exception_handler(lambda _, context: self.complaints.append(context))


def native_sweep(
    main: Callable[[S], Awaitable[object]],
    *,
    prepare: Callable[[], Awaitable[S]],
    judge: Callable[[S], Awaitable[object]],
    way: Way = "cancel",
    moment: Moment = "leaving",
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    limit: int = 500,
) -> Swept:
    """Run *main* again and again, cancelled at its 1st, 2nd, ... suspension.

    *prepare* and *judge* are not cancelled; *judge* asserts what must hold now.
    """
    ended: list[bool] = []
    for at in range(1, limit):
        aim = Aim(at, moment, way)
        ledger = Ledger()
        with asyncio.Runner(loop_factory=loop) as runner:
            ledger.watch(runner.get_loop())
            try:
                cancelled = runner.run(_one(main, prepare, judge, aim, ledger))
            except BaseException as error:
                error.add_note(f"{way}, {moment}, at suspension {at}")
                raise
        assert ledger.complaints == [], f"{way}, {moment}, at suspension {at}"
        if not aim.fired:
            return Swept(at - 1, sum(ended), len(ended) - sum(ended))
        ended.append(cancelled)
    raise RuntimeError(f"it suspends more than {limit} times")


async def _one(
    main: Callable[[S], Awaitable[object]],
    prepare: Callable[[], Awaitable[S]],
    judge: Callable[[S], Awaitable[object]],
    aim: Aim,
    ledger: Ledger,
) -> bool:
    state = await prepare()

    async def aimed() -> object:
        task = asyncio.current_task()
        assert task is not None
        try:
            return await Watched(main(state), aim)
        except asyncio.CancelledError:
            aim.left = task.cancelling()
            raise

    began = len(ledger.tasks)
    cancelled = await _RUN[aim.way](aimed, aim)
    mine = ledger.tasks[began:]
    await asyncio.sleep(0)  # a task that has ended may have to say so yet
    await judge(state)
    assert [task for task in mine if not task.done() and not _beats(task)] == []
    return cancelled


def scope_sweep(
    main: Callable[[S], Awaitable[object]],
    *,
    prepare: Callable[[], Awaitable[S]],
    judge: Callable[[S], Awaitable[object]],
    backend: str,
    limit: int = 500,
) -> Swept:
    """Do the same with a cancel scope, on either loop and in real time.

    For what waits for threads: time that jumps would not wait for them.
    """
    ended: list[bool] = []
    for at in range(1, limit):
        aim = Aim(at, "leaving", "cancel")

        async def one(aim: Aim = aim) -> bool:
            state = await prepare()
            with anyio.CancelScope() as scope:
                aim.fire = scope.cancel
                await Watched(main(state), aim)
            await judge(state)
            return scope.cancelled_caught

        try:
            cancelled = anyio.run(one, backend=backend)
        except BaseException as error:
            error.add_note(f"a scope on {backend}, at suspension {at}")
            raise
        if not aim.fired:
            return Swept(at - 1, sum(ended), len(ended) - sum(ended))
        ended.append(cancelled)
    raise RuntimeError(f"it suspends more than {limit} times")


def _beats(task: asyncio.Task[Any]) -> bool:
    """Tell whether it is the heart of a loop, which sleeps on for a moment."""
    return "LoopHeart" in repr(task.get_coro())


async def _by_cancel(
    aimed: Callable[[], Coroutine[Any, Any, object]], aim: Aim
) -> bool:
    task = asyncio.get_running_loop().create_task(aimed())
    aim.fire = task.cancel
    await asyncio.wait((task,))
    if not aim.fired:
        task.result()
        return False
    # Heard, once, whatever else came of it; and asyncio knows how often.
    assert task.cancelled(), task
    assert aim.left == aim.fired == task.cancelling()
    return True


async def _by_timeout(
    aimed: Callable[[], Coroutine[Any, Any, object]], aim: Aim
) -> bool:
    loop = asyncio.get_running_loop()

    async def timed() -> bool:
        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(None) as scope:
                aim.fire = lambda: scope.reschedule(loop.time())
                await aimed()
        except TimeoutError:
            assert scope.expired()
            timed_out = True
        else:
            assert not scope.expired()
            timed_out = False
        assert task.cancelling() == 0
        await asyncio.sleep(0)  # nothing is left to be heard
        return timed_out

    return await loop.create_task(timed())


async def _by_group(aimed: Callable[[], Coroutine[Any, Any, object]], aim: Aim) -> bool:
    gate = asyncio.Event()

    async def sibling() -> None:
        await gate.wait()
        raise Boom

    tasks: list[asyncio.Task[Any]] = []
    failed: list[Exception] = []
    try:
        async with asyncio.TaskGroup() as group:
            other = group.create_task(sibling())
            await asyncio.sleep(0)
            aim.fire = gate.set
            tasks.append(group.create_task(aimed()))
            await asyncio.wait((tasks[0], other), return_when="FIRST_COMPLETED")
            gate.set()
    except* Boom as errors:
        failed.extend(errors.exceptions)
    assert len(failed) == 1
    return tasks[0].cancelled()


_RUN: dict[Way, Callable[[Any, Aim], Awaitable[bool]]] = {
    "cancel": _by_cancel,
    "twice": _by_cancel,
    "again": _by_cancel,
    "timeout": _by_timeout,
    "group": _by_group,
}

#: For keys that nobody else uses.
numbers = itertools.count()
