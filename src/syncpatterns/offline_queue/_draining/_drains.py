"""How a queue is emptied: the part of `OfflineQueue` that works."""

from __future__ import annotations

import threading
from abc import abstractmethod
from typing import TYPE_CHECKING

from syncpatterns._loops import in_event_loop
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._draining._delivers import Delivers
from syncpatterns.offline_queue._draining._report import DrainReport
from syncpatterns.offline_queue._draining._thread_renewer import ThreadRenewer
from syncpatterns.offline_queue._draining._worker import Worker

if TYPE_CHECKING:
    from anyio.abc import TaskStatus

_guard = threading.Lock()


class Drains:
    """Empties a queue: on an event loop, on a thread, as a process, or once."""

    _renewer: ThreadRenewer | None = None

    @abstractmethod
    def _delivers(self) -> Delivers:
        """Return what delivers an item of this queue."""

    # ------------------------------------------------------------ event loops

    async def adrain(
        self,
        *,
        once: bool = False,
        concurrency: int = 8,
        grace: float = 5.0,
        task_status: TaskStatus[None] | None = None,
    ) -> DrainReport:
        """Deliver what is in the queue, now and from now on, until cancelled.

        ``lifespan(engine, queue.adrain)`` runs it beside a web application, on
        asyncio or trio. It claims no more than it can start; keeps the leases
        of what is under way; waits for what is due; and leaves targets alone
        that are away, looking at them now and then. An error of the store is
        logged, and tried again.

        Cancelled, it claims nothing more. What no handler has begun goes back at
        once; what runs gets *grace*, and is then cancelled and goes back, with
        no attempt used. What has been answered is stored in any case, within a
        few seconds. A process that is killed leaves its items to their leases.

        Args:
            once: Return as soon as nothing can be delivered now.
            concurrency: Most items under way, and most threads for blocking
                handlers. What a crash can repeat is never more than this.
            grace: Seconds that handlers get to end when it is cancelled.
            task_status: For ``await task_group.start(queue.adrain)``.

        Returns:
            What was done and what is left, once it is over: with *once*, or when
            the engine is closed.

        Raises:
            ConfigurationError: A figure can never work.
            StoreUnavailable: With *once*: the store failed.
        """
        from syncpatterns.offline_queue._draining._drain import Drain  # noqa: PLC0415 - blocking users never pay for the event loop

        drain = Drain(self._delivers(), once=once, concurrency=concurrency, grace=grace)
        if task_status is None:
            return await drain.run()
        return await drain.run(task_status=task_status)

    async def aflush(self, *, concurrency: int = 8) -> DrainReport:
        """Look at targets that are away, deliver what can be delivered, and return.

        Offline it says so in `DrainReport.offline` and uses no attempt. It may
        run beside a drain; both take what they get.

        Args:
            concurrency: Most items under way.

        Raises:
            StoreUnavailable: The store failed.
        """
        from syncpatterns.offline_queue._draining._drain import Drain  # noqa: PLC0415 - as above

        surface = self._delivers()
        return await Drain(
            surface, once=True, concurrency=concurrency, hurry=True
        ).run()

    # ---------------------------------------------------------------- threads

    def work(
        self, *, once: bool = False, stop: threading.Event | None = None
    ) -> DrainReport:
        """Deliver one item after the other on this thread, until *stop* is set.

        Several threads may work on one queue. The item that is under way when
        *stop* is set is finished and settled first.

        Args:
            once: Return as soon as nothing can be delivered now.
            stop: Heard between two items, and within a twentieth of a second
                while there is nothing to do; None works until the engine closes.

        Returns:
            What was done and what is left.

        Raises:
            ConfigurationError: This thread runs an event loop, which would
                stand still: use `adrain` there.
            StoreUnavailable: With *once*: the store failed.
        """
        self._refuse_a_loop("work", "adrain")
        stopped = (lambda: False) if stop is None else stop.is_set
        return Worker(
            self._delivers(), self._shared_renewer(), once=once, stopped=stopped
        ).run()

    def flush(self) -> DrainReport:
        """Look at targets that are away, deliver what can be delivered, and return.

        Offline it says so in `DrainReport.offline` and uses no attempt.

        Raises:
            ConfigurationError: This thread runs an event loop: use `aflush`.
            StoreUnavailable: The store failed.
        """
        self._refuse_a_loop("flush", "aflush")
        worker = Worker(self._delivers(), self._shared_renewer(), once=True, hurry=True)
        return worker.run()

    def sync(self) -> DrainReport:
        """Do `flush`, under the name that other libraries have for it."""
        return self.flush()

    # -------------------------------------------------------------- a process

    def drain(
        self, *, once: bool = False, concurrency: int = 8, grace: float = 5.0
    ) -> DrainReport:
        """Run `adrain` as a whole program: until SIGTERM or SIGINT, or *once*.

        It makes an event loop for itself. On the main thread the two signals
        end it in order, as cancelling `adrain` does; on another one, only
        closing the engine does.

        Raises:
            ConfigurationError: A figure can never work, or this thread runs an
                event loop already: use `adrain` there.
            StoreUnavailable: With *once*: the store failed.
        """
        from syncpatterns.offline_queue._draining._process import drain_process  # noqa: PLC0415 - as above

        self._refuse_a_loop("drain", "adrain")
        return drain_process(
            self._delivers(), once=once, concurrency=concurrency, grace=grace
        )

    # ----------------------------------------------------------------- inside

    def _shared_renewer(self) -> ThreadRenewer:
        with _guard:
            if self._renewer is None:
                self._renewer = ThreadRenewer(self._delivers())
            return self._renewer

    def _refuse_a_loop(self, name: str, twin: str) -> None:
        if in_event_loop():
            raise ConfigurationError(
                f"{name}() would stop the event loop that runs on this thread; use "
                f"await {twin}() here."
            )
