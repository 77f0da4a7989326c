"""Call an async function from a thread: one event loop for the process.

It serves operations and handlers that are awaited while their caller blocks.
The loop is asyncio's, starts with the first such call, and ends with the process.

anyio's blocking portal is not used: it is held by a generator, whose clean-up
in a forked child waits for a thread that the child does not have.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Final, TypeVar

from syncpatterns._outcome import Err, Ok, Outcome
from syncpatterns.errors import ConfigurationError

T = TypeVar("T")

#: Seconds that the end of the process waits for what still runs in here.
_PATIENCE: Final = 2.0


def call_async(function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
    """Run *function* to its end on the portal's loop and return its result.

    Context variables of the caller are seen in there.

    Raises:
        ConfigurationError: Called inside such a function, which would wait for
            itself.
    """
    check()
    loop = _home.loop()
    context = copy_context()
    sniffio = sys.modules.get("sniffio")
    if sniffio is not None:
        # Called inside a trio task, it says trio, and anyio would believe it.
        context.run(sniffio.current_async_library_cvar.set, "asyncio")
    submit = asyncio.run_coroutine_threadsafe
    future = context.run(submit, _boxed(function, *args), loop)
    try:
        answer = future.result()
    except BaseException:
        future.cancel()  # does nothing unless the wait was interrupted
        raise
    if isinstance(answer, Err):
        raise answer.error
    return answer.value


async def _boxed(
    function: Callable[..., Coroutine[Any, Any, T]], *args: Any
) -> Outcome[T]:
    """Await *function*; what would end the loop is handed over as a value.

    A task that raises SystemExit ends asyncio's loop on the spot, and with it what
    every other thread waits for in here, and all later calls of the process.
    """
    try:
        return Ok(await function(*args))
    except (SystemExit, KeyboardInterrupt) as error:
        return Err(error)


def check() -> None:
    """Refuse to wait in the portal's own thread.

    Raises:
        ConfigurationError: This is that thread.
    """
    if _home.is_here():
        raise ConfigurationError(
            "call() inside an async function that is run for a blocking caller would "
            "wait for itself. Use `await ....acall(...)` there."
        )


class _Home:
    """The process's loop and its thread; a forked child gets its own."""

    def __init__(self) -> None:
        self._inherited: list[object] = []
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def leave_behind(self) -> None:
        """Forget the parent's loop, but do not clean it up: it is not ours."""
        self._inherited += [self._loop, self._stop]
        self._forget()

    def is_here(self) -> bool:
        """Tell whether the loop runs in this very thread."""
        return threading.current_thread() is self._thread

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop; start it with the first call."""
        with self._lock:
            if self._loop is None:
                ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]
                ready = Future()
                self._thread = threading.Thread(
                    target=asyncio.run,
                    args=(_serve(ready),),
                    name="syncpatterns-portal",
                    daemon=True,
                )
                self._thread.start()
                self._loop, self._stop = ready.result()
            return self._loop

    def close(self) -> None:
        """Cancel what runs, and end."""
        with self._lock:
            loop, stop, thread = self._loop, self._stop, self._thread
            self._loop = self._stop = self._thread = None
        if loop is not None and stop is not None and thread is not None:
            with suppress(RuntimeError):  # it was closed already
                loop.call_soon_threadsafe(stop.set)
            thread.join(_PATIENCE)  # a daemon: it holds up the end no longer


async def _serve(
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]],
) -> None:
    stop = asyncio.Event()
    ready.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()


_home = _Home()
atexit.register(_home.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_home.leave_behind)
