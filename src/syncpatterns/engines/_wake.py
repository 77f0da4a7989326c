"""Wake tasks of an event loop from an engine's thread.

One `LoopWaker` a loop gathers the tasks of one commit, so a batch of 32
callers costs one wake-up of their loop instead of 32.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any


class LoopWaker:
    """Runs callbacks on one event loop; `wake` may be called on any thread."""

    __slots__ = ("__weakref__", "_call_soon", "_lock", "_pending", "_scheduled")

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._pending: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._scheduled = False

    def wake(self, callback: Callable[[], None]) -> None:
        """Have *callback* run on the loop soon; a closed loop is ignored."""
        with self._lock:
            self._pending.append(callback)
            if self._scheduled:
                return
            self._scheduled = True
        try:
            self._call_soon(self._flush)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            with self._lock:
                self._pending.clear()
                self._scheduled = False

    def _flush(self) -> None:
        with self._lock:
            callbacks = list(self._pending)
            self._pending.clear()
            self._scheduled = False
        for callback in callbacks:
            callback()


_wakers: weakref.WeakKeyDictionary[Any, LoopWaker] = weakref.WeakKeyDictionary()
_wakers_lock = threading.Lock()


def current_waker() -> LoopWaker:
    """Return the waker of the running event loop, asyncio's or trio's."""
    loop, call_soon = _current_loop()
    waker = _wakers.get(loop)
    if waker is None:
        with _wakers_lock:
            waker = _wakers.setdefault(loop, LoopWaker(call_soon))
    return waker


def _current_loop() -> tuple[Any, Callable[[Callable[[], None]], object]]:
    import asyncio  # noqa: PLC0415 - sync users never pay for it

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        import trio  # noqa: PLC0415 - the other loop that anyio runs on

        token = trio.lowlevel.current_trio_token()
        return token, _weak_call(token, "run_sync_soon")
    return loop, _weak_call(loop, "call_soon_threadsafe")


def _weak_call(loop: Any, method: str) -> Callable[[Callable[[], None]], object]:
    # A strong reference from the value would keep its own key alive for ever:
    # every closed loop would stay in the dictionary.
    reference = weakref.ref(loop)

    def call(callback: Callable[[], None]) -> object:
        target = reference()
        if target is None:
            raise RuntimeError("the event loop is gone")
        try:
            return getattr(target, method)(callback)
        except Exception as error:
            # trio's RunFinishedError is a RuntimeError already; be explicit.
            raise RuntimeError("the event loop is closed") from error

    return call


def _start_over() -> None:
    # Another thread may have held the lock while this process was forked off.
    global _wakers_lock  # noqa: PLW0603 - the child's own
    _wakers_lock = threading.Lock()
    _wakers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_over)
