"""A seeded asyncio loop with virtual time.

Every order of the tasks that could run is a legal order, and no real second
has to pass for a timer to fire. So one seed is one repeatable schedule, and a
few hundred seeds find races that a year of ordinary runs may not. The idea is
FoundationDB's simulation and TigerBeetle's VOPR, for the part of a Python
program that runs in one event loop.

On trio, virtual time is ``trio.testing.MockClock``; the seed of its scheduler
is private to trio, so there is no counterpart of this loop.
"""

from __future__ import annotations

import asyncio
import math
import random
import selectors
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import anyio
from typing_extensions import TypeVarTuple, Unpack

__all__ = ["Deadlock", "Livelock", "SimLoop", "simulate"]

T = TypeVar("T")
Args = TypeVarTuple("Args")

_RESOLUTION = 1e-9


class Deadlock(RuntimeError):
    """Every task waits and no timer is set: nothing can ever happen again."""


class Livelock(RuntimeError):
    """The loop took *max_steps* steps and was still not done."""


class SimLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose order of tasks and whose time come from a seed.

    Runs of Python code are repeatable as long as they stay in the loop: what a
    thread or a socket does in real time is not under the seed. A run that waits
    for a thread needs *grace*.

    ::

        anyio.run(main, backend_options={"loop_factory": lambda: SimLoop(7)})

    Args:
        seed: Decides the order of tasks that are ready at the same time.
        max_steps: Turns of the loop after which the run counts as a livelock.
        grace: Real seconds to wait for threads and sockets before virtual time
            jumps or a deadlock is declared.

    Attributes:
        seed: The seed.
        steps: Turns taken so far.
        before_turn: Called before each turn, if not None.
    """

    def __init__(
        self, seed: int = 0, *, max_steps: int = 200_000, grace: float = 0.0
    ) -> None:
        self.seed = seed
        self.steps = 0
        self.before_turn: Callable[[], None] | None = None
        self._turns_allowed = self._max_steps = max_steps
        self._random = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        self._virtual_now = 0.0
        super().__init__(_JumpingSelector(self, grace))
        if not hasattr(self, "_ready"):
            raise RuntimeError("SimLoop does not know this version of asyncio")
        self._clock_resolution = _RESOLUTION

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Move virtual time forward by *seconds*."""
        self._virtual_now += seconds
        # asyncio runs what is due before now + resolution: with a resolution
        # that is lost in rounding, a timer due right now would never run.
        self._clock_resolution = max(_RESOLUTION, 2 * math.ulp(self._virtual_now))

    def where(self) -> str:
        """Say at which point of which schedule the loop is."""
        return f"at t={self._virtual_now:.6g} s, turn {self.steps}, seed {self.seed}"

    def _run_once(self) -> None:
        """Take one turn; asyncio calls this for as long as the loop runs."""
        self.steps += 1
        if self.steps > self._max_steps:
            where = self.where()
            self._max_steps += self._turns_allowed  # for the cancellation to come
            raise Livelock(f"still busy {where}")
        if self.before_turn is not None:
            self.before_turn()
        self._shuffle_tasks()
        super()._run_once()  # type: ignore[misc]  # typeshed leaves it out

    def _shuffle_tasks(self) -> None:
        """Permute the tasks that are ready; leave other callbacks in place.

        asyncio promises that callbacks run in the order they were scheduled,
        and transports rely on it. Nobody may rely on the order of tasks.
        """
        ready: deque[asyncio.Handle] = vars(self)["_ready"]
        if len(ready) < 2:  # noqa: PLR2004 - one callback has one order
            return
        handles = list(ready)
        places = [i for i, handle in enumerate(handles) if _steps_a_task(handle)]
        order = places.copy()
        self._random.shuffle(order)
        for place, source in zip(places, order, strict=True):
            ready[place] = handles[source]


class _JumpingSelector(selectors.BaseSelector):
    """A real selector that never waits for time to pass."""

    def __init__(self, loop: SimLoop, grace: float) -> None:
        self._real = selectors.DefaultSelector()
        self._loop = loop
        self._grace = grace

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        idle = timeout is None or timeout > 0
        if not ready and idle and self._grace:
            ready = self._real.select(self._grace)
        if ready or not idle:
            return ready
        if timeout is None:
            raise Deadlock(f"nothing can ever run again {self._loop.where()}")
        self._loop.jump(timeout)
        return ready

    def register(
        self, fileobj: Any, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(
        self, fileobj: Any, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


def simulate(
    main: Callable[[Unpack[Args]], Awaitable[T]],
    seed: int = 0,
    *args: *Args,
    max_steps: int = 200_000,
    grace: float = 0.0,
) -> T:
    """Run ``main(*args)`` on a fresh `SimLoop` and return what it returns.

    An error carries a note with the seed that repeats it.

    Args:
        main: The coroutine function to run.
        seed: Decides the order of tasks that are ready at the same time.
        *args: Passed to *main*.
        max_steps: Turns of the loop after which the run counts as a livelock.
        grace: Real seconds to wait for threads before time jumps.

    Raises:
        Deadlock: If every task waits and no timer is set.
        Livelock: If the run is not done after *max_steps* turns.
    """

    def new_loop() -> SimLoop:
        return SimLoop(seed, max_steps=max_steps, grace=grace)

    try:
        return anyio.run(main, *args, backend_options={"loop_factory": new_loop})
    except BaseException as error:
        error.add_note(f"repeat with simulate(..., seed={seed})")
        raise


def _steps_a_task(handle: asyncio.Handle) -> bool:
    callback = handle._callback  # type: ignore[attr-defined]  # noqa: SLF001 - as asyncio's own debug output does
    return isinstance(getattr(callback, "__self__", None), asyncio.Task)
