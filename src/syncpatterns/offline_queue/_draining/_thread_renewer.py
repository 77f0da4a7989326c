"""Keeps what blocking workers work on theirs: one thread for all of a queue."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from syncpatterns._bells import ThreadBell
from syncpatterns._forks import renewed_in_child
from syncpatterns.errors import EngineClosed
from syncpatterns.offline_queue._draining._delivers import Delivers
from syncpatterns.offline_queue._draining._trouble import Trouble
from syncpatterns.offline_queue._flights import Flight


class ThreadRenewer:
    """Renews the leases of all blocking workers of one queue, in one call.

    Its thread lives as long as a worker does, and sleeps until a third of the
    lease has passed. A worker that lost its item cannot be stopped: it finds
    `Flight.lost` set, and its result is refused.

    Args:
        surface: The surface of the queue.
    """

    def __init__(self, surface: Delivers) -> None:
        self._surface = surface
        self._lock = threading.Lock()
        self._flights: dict[Flight, None] = {}
        self._on_duty = 0
        self._bell = ThreadBell()
        self._thread: threading.Thread | None = None
        renewed_in_child(self)

    def _start_over(self) -> None:
        """Start over: what was under way is the parent's."""
        self._lock = threading.Lock()
        self._flights = {}
        self._on_duty = 0

    @contextmanager
    def on_duty(self) -> Generator[None]:
        """Have the thread run while the block does."""
        with self._lock:
            self._on_duty += 1
            if self._on_duty == 1:
                self._bell = ThreadBell()
                self._thread = threading.Thread(
                    target=self._run,
                    args=(self._bell,),
                    name="syncpatterns-queue-renewer",
                    daemon=True,
                )
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._on_duty -= 1
                ended, bell = self._thread, self._bell
                last = self._on_duty <= 0
            if last and ended is not None:
                bell.ring()
                ended.join()

    @contextmanager
    def watching(self, flight: Flight) -> Generator[None]:
        """Keep the lease of *flight* while the block runs."""
        self._flights[flight] = None
        try:
            yield
        finally:
            self._flights.pop(flight, None)

    def _run(self, bell: ThreadBell) -> None:
        trouble = Trouble(
            self._surface.name,
            "its engine",
            "could not renew leases",
            "they have not ended yet",
        )
        third = self._surface.lease / 3
        wait = third
        while not bell.wait(self._surface.clock, wait, lambda: False):
            try:
                self._renew()
                trouble.over()
                wait = third
            except EngineClosed:
                return
            except Exception as error:  # noqa: BLE001 - logged; tried again in time
                trouble.again(error)
                wait = third / 4

    def _renew(self) -> None:
        flights = list(self._flights)
        if not flights:
            return
        holds = [flight.item.hold for flight in flights]
        store = self._surface.ready()
        held = set(store.extend(self._surface.name, holds, self._surface.lease))
        for flight in flights:
            if flight.item.hold not in held and flight in self._flights:
                flight.lost = True
