"""Wake tasks of asyncio or trio, from their own loop or from any thread.

anyio has no way to leave word with a loop from a foreign thread without
waiting for the answer, and a publisher must never wait for a subscriber.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, Protocol


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

    __slots__ = ("__weakref__", "_lock", "_waiting", "flag", "soon", "thread")

    def __init__(
        self,
        flag: Callable[[], Flag],
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self.flag = flag
        self.thread = threading.get_ident()
        self.soon = soon
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


class Doorbell:
    """One task waits until anybody rings; rings before it looks are one ring."""

    __slots__ = ("_flag", "_loop", "_rung")

    def __init__(self) -> None:
        self._loop = current_loop()
        self._flag = self._loop.flag()
        self._rung = False

    def ring(self) -> None:
        """Wake the task; callable on any thread, never blocks."""
        if self._rung:
            return
        self._rung = True
        if threading.get_ident() == self._loop.thread:
            self._flag.set()
        else:
            self._loop.later(self._set)

    async def wait(self) -> None:
        """Return once somebody has rung since the last call."""
        await self._flag.wait()
        # First a new flag, then the mark: a ring in between is heard by the
        # look that follows, a ring after it by the new flag.
        self._flag = self._loop.flag()
        self._rung = False

    def _set(self) -> None:
        self._flag.set()


_loops: weakref.WeakKeyDictionary[Any, Loop] = weakref.WeakKeyDictionary()
_guard = threading.Lock()


def current_loop() -> Loop:
    """Return the running event loop, asyncio's or trio's.

    Raises:
        RuntimeError: There is none.
    """
    native, flag, soon = _native()
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
