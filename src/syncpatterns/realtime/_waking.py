"""A bell that a task waits for, rung from its own loop or from any thread."""

from __future__ import annotations

import threading

from syncpatterns._loops import current_loop


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
