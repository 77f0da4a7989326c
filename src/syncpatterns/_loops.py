"""The running event loop, asyncio's or trio's, as what all parts need of it.

anyio has no way to leave word with a loop from a foreign thread without
waiting for the answer, and neither a commit nor a publisher may wait for those
it wakes. Nothing here imports a loop that the process does not run.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from anyio import CapacityLimiter


class Flag(Protocol):
    """An event of the loop's own kind; `set` only on the loop's thread."""

    def set(self) -> None:
        """Wake whoever waits, now and later."""
        ...

    async def wait(self) -> Any:
        """Return once it is set."""
        ...


class Loop:
    """One running event loop.

    Args:
        flag: Makes an event that tasks of this loop can wait on.
        soon: Has a function run on the loop; callable on any thread and in a
            signal handler.
    """

    __slots__ = (
        "__weakref__",
        "_lock",
        "_waiting",
        "flag",
        "limiters",
        "soon",
        "thread",
    )

    def __init__(
        self,
        flag: Callable[[], Flag],
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self.flag = flag
        self.thread = threading.get_ident()
        self.soon = soon
        self.limiters: dict[LoopLimiter, CapacityLimiter] = {}
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], None]] = []

    def later(self, wake: Callable[[], None]) -> None:
        """Have *wake* run on the loop; many of one burst share one wake-up."""
        with self._lock:
            self._waiting.append(wake)
            if len(self._waiting) > 1:
                return
        try:
            self.soon(self._flush)
        except RuntimeError:  # the loop is closed, so nobody waits on it
            with self._lock:
                self._waiting.clear()

    def _flush(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()


class LoopLimiter:
    """At most so many worker threads an event loop, for one purpose.

    anyio's own limiter has 40 for all purposes of a program. They may all hang, or
    wait for something that only the purpose at hand will free.

    Args:
        threads: How many.
    """

    __slots__ = ("_threads",)

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def here(self) -> CapacityLimiter:
        """Return the limiter of the running loop; made on first use.

        Raises:
            RuntimeError: No loop runs.
        """
        limiters = current_loop().limiters
        found = limiters.get(self)
        if found is None:
            from anyio import CapacityLimiter  # noqa: PLC0415 - sync users never pay for it

            found = limiters[self] = CapacityLimiter(self._threads)
        return found


_loops: weakref.WeakKeyDictionary[Any, Loop] = weakref.WeakKeyDictionary()
_guard = threading.Lock()


def in_event_loop() -> bool:
    """Tell whether this thread runs an event loop that blocking would stop."""
    asyncio, trio = sys.modules.get("asyncio"), sys.modules.get("trio")
    if asyncio is not None:
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            return True
    if trio is not None:
        with suppress(RuntimeError):
            trio.lowlevel.current_trio_token()
            return True
    return False


def current_loop() -> Loop:
    """Return the running event loop, asyncio's or trio's.

    Raises:
        RuntimeError: There is none.
    """
    native, flag, soon = _native()
    loop = _loops.get(native)
    if loop is None:
        with _guard:
            loop = _loops.get(native)
            if loop is None:
                loop = _loops[native] = Loop(flag, soon)
    return loop


def _native() -> tuple[Any, Callable[[], Flag], Callable[[Callable[[], None]], object]]:
    import asyncio  # noqa: PLC0415 - a process on trio need not have it

    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        import trio  # noqa: PLC0415 - the other loop that anyio runs on

        token = trio.lowlevel.current_trio_token()
        return token, trio.Event, _weakly(token, "run_sync_soon")
    return running, asyncio.Event, _weakly(running, "call_soon_threadsafe")


def _weakly(native: Any, method: str) -> Callable[[Callable[[], None]], object]:
    # A strong reference in the value would keep its own key in the dictionary.
    reference = weakref.ref(native)

    def call(function: Callable[[], None]) -> object:
        target = reference()
        if target is None:
            raise RuntimeError("the event loop is gone")
        return getattr(target, method)(function)  # trio's error is a RuntimeError too

    return call


def _start_over() -> None:
    # Another thread may have held the lock while this process was forked off.
    global _guard  # noqa: PLW0603 - the child's own
    _guard = threading.Lock()
    _loops.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_over)
