"""What a waiting caller sleeps on; rung once, from any thread."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TypeAlias

from syncpatterns._landing import Closable
from syncpatterns._loops import current_loop
from syncpatterns._timers import timers_of
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.idempotency._core import ClaimAnswer

#: What waiters are told: the answer they get, or None: nobody works on it now.
News: TypeAlias = ClaimAnswer | None


class ThreadBell:
    """Wakes one blocked thread."""

    __slots__ = ("_event", "news", "rung")

    def __init__(self) -> None:
        self._event = threading.Event()
        self.rung = False
        self.news: News = None

    def ring(self, news: News) -> None:
        """Wake the waiter and hand it *news*."""
        self.news = news
        self.rung = True
        self._event.set()

    def wait(self, clock: Clock, seconds: float) -> bool:
        """Block until rung, at most *seconds*; True if it was rung."""
        if type(clock) is SystemClock:
            self._event.wait(seconds)
            return self.rung
        call_later = timers_of(clock)
        if call_later is not None:
            cancel = call_later(seconds, self._event.set)
            try:
                self._event.wait()
            finally:
                cancel()
            return self.rung
        # A clock that can only sleep: let a thread sleep, so that the bell can
        # still be heard.
        threading.Thread(target=self._sleep, args=(clock, seconds), daemon=True).start()
        self._event.wait()
        return self.rung

    def _sleep(self, clock: Clock, seconds: float) -> None:
        clock.sleep(seconds)
        self._event.set()


class TaskBell:
    """Wakes one suspended task, on asyncio or trio."""

    __slots__ = ("_call_soon", "_event", "_home", "news", "rung")

    def __init__(self) -> None:
        import anyio  # noqa: PLC0415 - sync users never pay for the event loop

        self._event = anyio.Event()
        self._call_soon = current_loop().soon
        self._home = threading.get_ident()
        self.rung = False
        self.news: News = None

    def ring(self, news: News) -> None:
        """Wake the waiter and hand it *news*."""
        self.news = news
        self.rung = True
        self._stir()

    def _stir(self) -> None:
        if threading.get_ident() == self._home:
            self._event.set()
            return
        with suppress(RuntimeError):  # the loop has ended, and its tasks with it
            self._call_soon(self._event.set)

    async def wait(self, clock: Clock, seconds: float) -> bool:
        """Suspend until rung, at most *seconds*; True if it was rung."""
        import anyio  # noqa: PLC0415 - as above

        if type(clock) is SystemClock:
            with Closable(anyio.move_on_after(seconds)):
                await self._event.wait()
            return self.rung
        call_later = timers_of(clock)
        if call_later is not None:
            cancel = call_later(seconds, self._stir)
            try:
                await self._event.wait()
            finally:
                cancel()
            return self.rung
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._sleep, clock, seconds)
            await self._event.wait()
            tasks.cancel_scope.cancel()
        return self.rung

    async def _sleep(self, clock: Clock, seconds: float) -> None:
        await clock.asleep(seconds)
        self._event.set()
