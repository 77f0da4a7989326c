"""Cancel an operation at every point where it can be cancelled.

The idea is SQLite's out-of-memory tests: make the n-th step fail, for n = 1,
2, 3, ... until a run ends in which nothing failed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

import anyio

from syncpatterns.testing._require import require
from syncpatterns.testing._simloop import SimLoop

__all__ = ["CancelSweep", "cancel_sweep"]

S = TypeVar("S")
Judge = Callable[[S], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class CancelSweep:
    """What a sweep did.

    Attributes:
        points: Runs in which the cancellation was sent: the number of steps.
        cancelled: Of these, runs that ended as cancelled.
        finished: Of these, runs that ended with a result all the same.
    """

    points: int
    cancelled: int
    finished: int


@dataclass(slots=True)
class _Trigger:
    """Cancels the scope at step *at*, counted from when it was given one."""

    at: int
    scope: anyio.CancelScope | None = None
    steps: int = 0
    fired: bool = False

    def __call__(self) -> None:
        if self.scope is None or self.fired:
            return
        self.steps += 1
        if self.steps == self.at:
            self.fired = True
            self.scope.cancel()


@overload
def cancel_sweep(
    main: Callable[[], Awaitable[object]],
    *,
    backend: Literal["asyncio", "trio"] = "asyncio",
    seed: int = 0,
    limit: int = 10_000,
) -> CancelSweep: ...
@overload
def cancel_sweep(
    main: Callable[[S], Awaitable[object]],
    *,
    prepare: Callable[[], Awaitable[S]],
    judge: Judge[S] | None = None,
    backend: Literal["asyncio", "trio"] = "asyncio",
    seed: int = 0,
    limit: int = 10_000,
) -> CancelSweep: ...
def cancel_sweep(
    main: Callable[..., Awaitable[object]],
    *,
    prepare: Callable[[], Awaitable[Any]] | None = None,
    judge: Judge[Any] | None = None,
    backend: Literal["asyncio", "trio"] = "asyncio",
    seed: int = 0,
    limit: int = 10_000,
) -> CancelSweep:
    """Run *main* again and again, cancelled at step 1, 2, ... until it is not.

    Each run has a fresh loop with virtual time. *prepare* and *judge* are not
    cancelled; *judge* runs after *main* has ended, in the same loop, and
    asserts what must hold: nothing is held that only time will free.

    Args:
        main: What is cancelled; gets what *prepare* returned, if it is given.
        prepare: Makes the fresh state of one run.
        judge: Looks at that state; an assertion error names step and seed.
        backend: ``asyncio`` is seeded; on ``trio`` the order of tasks is
            trio's own (it has no public seed), the time is virtual too.
        seed: Of the `SimLoop`.
        limit: Steps after which to give up.

    Raises:
        RuntimeError: If *main* still took more steps after *limit* runs.
    """
    cancelled = finished = 0
    for at in range(1, limit + 1):
        trigger = _Trigger(at)

        async def one_run(trigger: _Trigger = trigger) -> bool:
            state = await prepare() if prepare is not None else None
            with anyio.CancelScope() as scope:
                trigger.scope = scope
                try:
                    await (main(state) if prepare is not None else main())
                finally:
                    trigger.scope = None
            if judge is not None:
                await judge(state)
            return scope.cancelled_caught

        try:
            caught = _run(one_run, trigger, backend, seed)
        except BaseException as error:
            error.add_note(f"cancelled at step {at} on {backend}, seed {seed}")
            raise
        if not trigger.fired:
            return CancelSweep(at - 1, cancelled, finished)
        cancelled += caught
        finished += not caught
    raise RuntimeError(f"still cancellable after {limit} steps on {backend}")


def _run(
    main: Callable[[], Awaitable[bool]], trigger: _Trigger, backend: str, seed: int
) -> bool:
    if backend == "trio":
        return _run_trio(main, trigger)

    def new_loop() -> SimLoop:
        loop = SimLoop(seed)
        loop.before_turn = trigger
        return loop

    return anyio.run(main, backend_options={"loop_factory": new_loop})


def _run_trio(main: Callable[[], Awaitable[bool]], trigger: _Trigger) -> bool:
    trio_testing = require("trio.testing", "cancel_sweep(backend='trio')")
    import trio  # noqa: PLC0415 - present, as the line above has found

    class StepCounter(trio.abc.Instrument):
        """Counts the steps of one task and of those it has started.

        Trio's own tasks take steps too, now before and now after ours.
        """

        root: trio.lowlevel.Task | None = None

        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            ancestor: trio.lowlevel.Task | None = task
            while ancestor is not None and ancestor is not self.root:
                nursery = ancestor.parent_nursery
                ancestor = nursery.parent_task if nursery is not None else None
            if ancestor is not None:
                trigger()

    counter = StepCounter()

    async def rooted() -> bool:
        counter.root = trio.lowlevel.current_task()
        return await main()

    options = {
        "clock": trio_testing.MockClock(autojump_threshold=0),
        "instruments": [counter],
    }
    return anyio.run(rooted, backend="trio", backend_options=options)
