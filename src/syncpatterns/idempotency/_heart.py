"""Heartbeats: one thread a process renews the leases of all calls.

Watching a call that ends within a third of its lease costs one dictionary
entry. The thread starts with the first call, sleeps until the next renewal is
due, and ends when nobody needs it.
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
import weakref
from typing import Any, Protocol

from syncpatterns._forks import renewed_in_child
from syncpatterns._timers import timers_of
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.idempotency._bell import TaskBell
from syncpatterns.idempotency._lease import Lease
from syncpatterns.idempotency._ports import AsyncIdempotencyStore, IdempotencyStore

_log = logging.getLogger("syncpatterns")


class Heart(Protocol):
    """Renews the leases that it watches."""

    def watch(self, lease: Lease) -> None:
        """Keep *lease* alive until `unwatch`."""
        ...

    def unwatch(self, lease: Lease) -> None:
        """Leave *lease* alone; a second call does nothing."""
        ...


class ThreadHeart:
    """Renews from one daemon thread, through a blocking store.

    A blocked event loop does not keep it from beating.
    """

    def __init__(self, store: IdempotencyStore, clock: Clock) -> None:
        self._beats = _beats_of(clock)
        self._store = store

    def watch(self, lease: Lease) -> None:
        """Keep *lease* alive until `unwatch`."""
        beats = self._beats
        beats.leases[lease] = self._store
        if lease.due < beats.wake_at:
            beats.start(lease.due)

    def unwatch(self, lease: Lease) -> None:
        """Leave *lease* alone."""
        self._beats.leases.pop(lease, None)


class _Beats:
    """The leases of all stores that share a clock, and their thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._call_later = timers_of(clock)
        self._start_over()
        renewed_in_child(self)

    def _start_over(self) -> None:
        """Forget everything: what was running runs in the parent process."""
        self.leases: dict[Lease, IdempotencyStore] = {}
        # A signal handler may call a guard while this very thread is in here,
        # and must not wait for itself.
        self._lock = threading.RLock()
        self.wake_at = math.inf
        self._numbers = itertools.count(1)
        self._generation = 0

    def start(self, due: float) -> None:
        """Be awake at *due*."""
        # A clock's sleep cannot be cut short, so a lease that is due before the
        # sleeping thread wakes gets a new thread; the old one finds that it was
        # superseded, and ends.
        with self._lock:
            if due >= self.wake_at:
                return
            # A signal handler may come in between any two of these lines with a
            # lease of its own. Whichever of the two says its generation last
            # looks at all leases after that, and is awake for both.
            generation = next(self._numbers)
            self._generation = generation
            due = min(due, next_due(self.leases))
            self.wake_at = due
        if self._call_later is not None:
            self._wake_by_timer(generation, due)
        else:
            target, args = self._wake_by_thread, (generation, due)
            name = "syncpatterns-heartbeat"
            threading.Thread(target=target, args=args, name=name, daemon=True).start()

    def _wake_by_thread(self, generation: int, due: float) -> None:
        while due < math.inf:
            self._clock.sleep(due - self._clock.monotonic())
            due = self._turn(generation)

    def _wake_by_timer(self, generation: int, due: float) -> None:
        def turn() -> None:
            self._wake_by_timer(generation, self._turn(generation))

        if self._call_later is not None and due < math.inf:
            self._call_later(due - self._clock.monotonic(), turn)

    def _beat(self, lease: Lease, store: IdempotencyStore) -> None:
        try:
            lease.beat(store, self._clock)
        except Exception:  # noqa: BLE001 - see below
            # One call's mistake must not end the heartbeat of all others.
            _log.exception("A lease could not be renewed or given up")
            self.leases.pop(lease, None)

    def _turn(self, generation: int) -> float:
        """Renew what is due; return when to wake next, infinity for never."""
        if generation != self._generation:
            return math.inf
        now = self._clock.monotonic()
        for lease, store in list(self.leases.items()):
            if lease.due <= now:
                self._beat(lease, store)
                if lease.lost:
                    self.leases.pop(lease, None)
        with self._lock:
            if generation != self._generation:
                return math.inf
            # Said before looking: a call that starts just now either finds
            # nobody awake and starts a thread, or is seen here.
            self.wake_at = math.inf
            self.wake_at = next_due(self.leases)
            return self.wake_at


def next_due(leases: dict[Lease, Any]) -> float:
    """Return when the first of *leases* is due."""
    return min((lease.due for lease in list(leases)), default=math.inf)


_system = _Beats(SystemClock())
_others: weakref.WeakKeyDictionary[Clock, _Beats] = weakref.WeakKeyDictionary()


def _beats_of(clock: Clock) -> _Beats:
    if type(clock) is SystemClock:
        return _system
    try:
        return _others.setdefault(clock, _Beats(clock))
    except TypeError:  # a clock that cannot be referred to weakly
        return _Beats(clock)


class LoopHeart:
    """Renews from a task of the running event loop.

    For stores that can only be awaited, and for clocks that belong to a loop.
    A loop that is blocked does not beat.
    """

    def __init__(self, store: AsyncIdempotencyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._leases: dict[Lease, None] = {}
        self._wake_at = math.inf
        self._generation = 0
        self._tasks: set[Any] = set()

    def watch(self, lease: Lease) -> None:
        """Keep *lease* alive until `unwatch`."""
        self._leases[lease] = None
        if lease.due < self._wake_at:
            self._wake_at = lease.due
            self._generation += 1
            self._spawn(self._generation)

    def unwatch(self, lease: Lease) -> None:
        """Leave *lease* alone."""
        self._leases.pop(lease, None)

    def _spawn(self, generation: int) -> None:
        import asyncio  # noqa: PLC0415 - sync users never pay for it

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            import trio  # noqa: PLC0415 - the other loop that anyio runs on

            trio.lowlevel.spawn_system_task(self._run, generation)
            return
        task: Any = loop.create_task(self._run(generation))
        # A loop that ends has calls that settle their keys, which may start it
        # once more, when all other tasks were cancelled. Nothing of it is lost.
        task._log_destroy_pending = False  # noqa: SLF001 - as asyncio does for its own
        self._tasks.add(task)  # the loop itself keeps weak references only
        task.add_done_callback(self._tasks.discard)

    async def _sleep(self, seconds: float) -> None:
        if timers_of(self._clock) is None:
            await self._clock.asleep(seconds)
        else:
            await TaskBell().wait(self._clock, seconds)

    async def _run(self, generation: int) -> None:
        try:
            await self._beat(generation)
        finally:
            # Also where somebody has cancelled all tasks there are, and goes on:
            # the next call starts a new one.
            if generation == self._generation:
                self._wake_at = math.inf

    async def _beat(self, generation: int) -> None:
        while generation == self._generation and self._leases:
            await self._sleep(self._wake_at - self._clock.monotonic())
            if generation != self._generation:
                return
            now = self._clock.monotonic()
            for lease in [each for each in self._leases if each.due <= now]:
                try:
                    await lease.abeat(self._store, self._clock)
                except Exception:  # noqa: BLE001 - see below
                    # One call's mistake must not end the heartbeat of others.
                    _log.exception("A lease could not be renewed or given up")
                    self._leases.pop(lease, None)
                if lease.lost:
                    self._leases.pop(lease, None)
            self._wake_at = next_due(self._leases)
