"""Call an async function from a thread: one event loop for the process.

It serves operations whose provider is awaited while the caller blocks. The
loop is asyncio's, starts with the first such call, and ends with the process.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

T = TypeVar("T")


def call_async(function: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Run *function* to its end on the portal's loop and return its result.

    Context variables of the caller are seen in there.
    """
    context = copy_context()
    sniffio = sys.modules.get("sniffio")
    if sniffio is not None:
        # Called inside a trio task, it says trio, and anyio would believe it.
        context.run(sniffio.current_async_library_cvar.set, "asyncio")
    result: T = _home.portal().call(_in_context, context, function, args)
    return result


async def _in_context(
    context: Context, function: Callable[..., Awaitable[T]], args: tuple[Any, ...]
) -> T:
    async def run() -> T:
        return await function(*args)

    return await asyncio.get_running_loop().create_task(run(), context=context)


class _Home:
    """The process's portal; a forked child gets one of its own."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._manager: AbstractContextManager[BlockingPortal] | None = None

    def portal(self) -> BlockingPortal:
        from anyio.from_thread import start_blocking_portal  # noqa: PLC0415 - first use

        with self._lock:
            if self._portal is None:
                self._manager = start_blocking_portal("asyncio")
                self._portal = self._manager.__enter__()
            return self._portal

    def close(self) -> None:
        with self._lock:
            manager, portal = self._manager, self._portal
            self._manager = self._portal = None
        if manager is not None and portal is not None:
            # Whoever still waits is a daemon thread: nothing may hold up the end.
            with suppress(RuntimeError):  # it has stopped already
                portal.call(portal.stop, True)  # noqa: FBT003 - anyio's order of arguments
            manager.__exit__(None, None, None)


_home = _Home()
atexit.register(_home.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_home.forget)
