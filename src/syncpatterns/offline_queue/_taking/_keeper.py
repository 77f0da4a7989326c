"""Keeps what direct calls work on theirs, longer than a lease.

A drain renews its own items. A `call()` has no drain around it: one thread
renews the leases of all calls of a queue, by one request every third of a
lease. Most calls are over before the first: they cost an entry in a dict.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncpatterns._forks import renewed_in_child
from syncpatterns._timers import timers_of
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.offline_queue._flights import Flight, Verdict
from syncpatterns.offline_queue._ports import QueueStore

if TYPE_CHECKING:
    from syncpatterns.offline_queue._shared import Shared

_log = logging.getLogger("syncpatterns.offline_queue")


class Keeper:
    """Renews the leases of the flights that it watches; for any thread.

    Args:
        queue: Name of the queue.
        lease: Seconds for which its items are claimed.
        clock: Where the time comes from.
        store: Returns the blocking store.
    """

    def __init__(
        self, queue: str, lease: float, clock: Clock, store: Callable[[], QueueStore]
    ) -> None:
        self._queue = queue
        self._lease = lease
        self._clock = clock
        self._store = store
        self._start_over()
        renewed_in_child(self)

    def _start_over(self) -> None:
        """Forget everything: in a forked child the calls are the parent's."""
        self._lock = threading.Lock()
        self._flights: dict[Flight, None] = {}
        self._awake = False
        self._never = threading.Event()

    @contextmanager
    def watching(self, flight: Flight) -> Generator[None]:
        """Keep *flight* ours while the block runs."""
        with self._lock:
            self._flights[flight] = None
            asleep, self._awake = not self._awake, True
        if asleep:
            self._later(self._lease / 3)
        try:
            yield
        finally:
            with self._lock:
                self._flights.pop(flight, None)

    def _later(self, seconds: float) -> None:
        call_later = timers_of(self._clock)
        if call_later is not None:  # a clock moved by hand calls back
            call_later(seconds, self._turn_by_timer)
            return
        threading.Thread(
            target=self._turn_by_thread, name="syncpatterns-queue-leases", daemon=True
        ).start()

    def _turn_by_timer(self) -> None:
        seconds = self._turn()
        if seconds is not None:
            self._later(seconds)

    def _turn_by_thread(self) -> None:
        seconds: float | None = self._lease / 3
        while seconds is not None:
            if type(self._clock) is SystemClock:
                self._never.wait(seconds)  # a daemon: the end of the process ends it
            else:
                self._clock.sleep(seconds)
            seconds = self._turn()

    def _turn(self) -> float | None:
        """Renew; return the seconds until the next turn, None if nobody needs one."""
        with self._lock:
            flights = list(self._flights)
            if not flights:
                self._awake = False
                return None
        holds = [flight.item.hold for flight in flights]
        try:
            held = set(self._store().extend(self._queue, holds, self._lease))
        except Exception as error:  # noqa: BLE001 - logged; tried again in time
            _unkept(self._queue, len(flights), error)
            return self._lease / 12
        for flight in flights:
            if flight.item.hold not in held:
                with self._lock:
                    # One that is over meanwhile was settled, not lost.
                    flight.lost = flight in self._flights
                    self._flights.pop(flight, None)
        return self._lease / 3


async def akept(
    shared: Shared, flight: Flight, deliver: Callable[[Flight], Awaitable[Verdict]]
) -> Verdict:
    """Deliver *flight* while a task of the loop renews its lease.

    For a store that can only be awaited, which no thread can ask.
    """
    import anyio  # noqa: PLC0415 - sync users never pay for the event loop

    lease, store = shared.settings.lease, shared.stores.astore()

    async def renew() -> None:
        wait = lease / 3
        while not flight.lost:
            await shared.clock.asleep(wait)
            try:
                held = await store.extend(shared.name, [flight.item.hold], lease)
            except Exception as error:  # noqa: BLE001 - logged; tried again in time
                _unkept(shared.name, 1, error)
                wait = lease / 12
                continue
            flight.lost, wait = not held, lease / 3

    verdicts: list[Verdict] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(renew)
        verdicts.append(await deliver(flight))
        tasks.cancel_scope.cancel()
    return verdicts[0]


def _unkept(queue: str, flights: int, error: Exception) -> None:
    _log.warning(
        "Queue %r could not renew the leases of %d calls (%s); it tries again before "
        "they end.",
        queue,
        flights,
        type(error).__name__,
    )
