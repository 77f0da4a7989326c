"""A drain as a whole program: an event loop of its own, and the signals that end it."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Final

import anyio

from syncpatterns.offline_queue._draining._delivers import Delivers
from syncpatterns.offline_queue._draining._drain import Drain, only
from syncpatterns.offline_queue._draining._report import DrainReport

_log = logging.getLogger("syncpatterns.offline_queue")

_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


def drain_process(
    surface: Delivers, *, once: bool, concurrency: int, grace: float
) -> DrainReport:
    """Drain until it is over, or until SIGTERM or SIGINT on the main thread."""
    drain = Drain(surface, once=once, concurrency=concurrency, grace=grace)

    async def main() -> DrainReport:
        try:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    if threading.current_thread() is threading.main_thread():
                        tasks.start_soon(_end_on_signal, scope, surface.name)
                    await drain.run()
                    tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise only(group) from None
        return drain.report

    return anyio.run(main)


async def _end_on_signal(scope: anyio.CancelScope, name: str) -> None:
    try:
        with anyio.open_signal_receiver(*_ENDING) as signals:
            async for number in signals:
                what = signal.Signals(number).name
                _log.info("Queue %r ends because of %s.", name, what)
                scope.cancel()
                return
    except NotImplementedError:
        # asyncio on Windows: Ctrl-C ends the program as KeyboardInterrupt, which
        # cancels the drain as well.
        _log.debug("Queue %r cannot listen to signals here.", name)
