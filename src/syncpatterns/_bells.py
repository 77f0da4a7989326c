"""What a task or a thread waits on: rung from anywhere, or by time."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any, Final

from syncpatterns._loops import current_loop
from syncpatterns._timers import timers_of
from syncpatterns.clock import Clock, SystemClock

#: Real seconds between two looks at what cannot ring: a foreign stop event, a
#: clock that is moved by hand.
_GLANCE: Final = 0.05


class TaskBell:
    """One task waits until somebody rings; rings before it waits are one ring."""

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

    async def wait(self, clock: Clock, seconds: float = math.inf) -> bool:
        """Suspend until rung, at most *seconds*; return whether it was rung."""
        if self._rung or seconds <= 0:
            await _let_others_run()
        else:
            await self._wait(clock, seconds)
        rung = self._rung
        # First a new flag, then the mark: a ring in between is heard by the
        # look that follows, a ring after it by the new flag.
        if rung:
            self._flag = self._loop.flag()
            self._rung = False
        return rung

    async def _wait(self, clock: Clock, seconds: float) -> None:
        import anyio  # noqa: PLC0415 - blocking users never pay for the event loop

        if math.isinf(seconds):
            await self._flag.wait()
        elif type(clock) is SystemClock or getattr(clock, "is_loop_time", False):
            with anyio.move_on_after(seconds):
                await self._flag.wait()
        else:
            call_later = timers_of(clock)
            if call_later is None:
                await self._race(clock, seconds)
                return
            # A clock moved by hand calls back; what is set is only the flag, so
            # that a ring can be told from a time-out.
            flag = self._flag
            wake = _on_loop(self._loop, flag)
            cancel = call_later(seconds, wake)
            try:
                await flag.wait()
            finally:
                cancel()
            if not self._rung:
                self._flag = self._loop.flag()

    async def _race(self, clock: Clock, seconds: float) -> None:
        import anyio  # noqa: PLC0415 - blocking users never pay for the event loop

        async with anyio.create_task_group() as tasks:

            async def sleep() -> None:
                await clock.asleep(seconds)
                tasks.cancel_scope.cancel()

            tasks.start_soon(sleep)
            await self._flag.wait()
            tasks.cancel_scope.cancel()

    def _set(self) -> None:
        # The ring may have been heard meanwhile, by a wait that was just ending.
        # A flag that stayed up for it would make every later wait end at once.
        if self._rung:
            self._flag.set()


async def _let_others_run() -> None:
    from anyio.lowlevel import checkpoint  # noqa: PLC0415 - as above

    await checkpoint()


def _on_loop(loop: Any, flag: Any) -> Callable[[], None]:
    def wake() -> None:
        if threading.get_ident() == loop.thread:
            flag.set()
        else:
            loop.later(flag.set)

    return wake


class ThreadBell:
    """One thread waits until somebody rings; rings before it waits are one ring."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """Wake the thread; callable on any thread, never blocks."""
        # Rung already is the rule where a thread works and hears its own commits.
        # A wait that is just ending wipes that ring out before its thread looks.
        if not self._event.is_set():
            self._event.set()

    def wait(self, clock: Clock, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Block until rung or *stopped*, at most *seconds*; True if it was rung.

        Nothing sleeps on the clock: a test that moves it, or sets the event
        behind *stopped*, is heard within a twentieth of a second, and leaves no
        thread behind.
        """
        until = clock.monotonic() + seconds
        system = type(clock) is SystemClock
        while not stopped():
            left = until - clock.monotonic()
            if left <= 0 or self._event.wait(min(left, _GLANCE) if system else _GLANCE):
                break
        rung = self._event.is_set()
        if rung:  # else a ring of right now would be wiped out unheard
            self._event.clear()
        return rung
