"""Who waits for something to happen in a queue: receipts, and senders without room."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from syncpatterns._bells import TaskBell, ThreadBell
from syncpatterns._forks import renewed_in_child
from syncpatterns.clock import Clock
from syncpatterns.offline_queue._stores import Stores

if TYPE_CHECKING:
    from syncpatterns.offline_queue._ports import AsyncQueueStore, QueueStore


class Changes:
    """Rings whoever waits when this process has changed the queue.

    What other processes do rings nobody: whoever waits looks again from time
    to time.

    Args:
        stores: Which tell of commits.
        clock: Where the time comes from.
    """

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock
        self._lock = threading.Lock()
        self._bells: set[Any] = set()
        self._count = 0
        self._listening = False
        renewed_in_child(self)

    def count(self) -> int:
        """Return how often it has rung; ask before looking at the store."""
        with self._lock:
            listening, self._listening = self._listening, True
        if not listening:  # outside of the lock: a store takes one of its own
            store = self._stores.blocking or self._stores.awaiting
            if store is not None:
                _listen(store, self)
        return self._count

    def wait(self, seen: int, seconds: float) -> None:
        """Block until it has rung since *seen*, at most *seconds*."""
        bell = ThreadBell()
        try:
            if self._entered(bell, seen):
                bell.wait(self._clock, seconds, lambda: False)
        finally:
            self._leave(bell)

    async def await_change(self, seen: int, seconds: float) -> None:
        """Suspend until it has rung since *seen*, at most *seconds*."""
        bell = TaskBell()
        try:
            if self._entered(bell, seen):
                await bell.wait(self._clock, seconds)
        finally:
            self._leave(bell)

    def ring(self) -> None:
        """Wake all who wait."""
        with self._lock:
            self._count += 1
            bells = list(self._bells)
        for bell in bells:
            bell.ring()

    def _entered(self, bell: Any, seen: int) -> bool:
        with self._lock:
            self._bells.add(bell)
            return self._count == seen

    def _leave(self, bell: Any) -> None:
        with self._lock:
            self._bells.discard(bell)

    def _start_over(self) -> None:
        """In a forked child: those who wait are the parent's."""
        self._lock = threading.Lock()
        self._bells = set()


def _listen(store: QueueStore | AsyncQueueStore, changes: Changes) -> None:
    """Ring *changes* after commits of *store*, which outlives many queues.

    It holds none of them, and the listener of one that is gone takes itself off
    when it is called next. Not a finalizer: the collector may run inside of the
    store, while it holds the lock that taking off a listener needs. A thread then
    waited for itself, for ever, in the middle of a claim.
    """
    reference = weakref.ref(changes)
    off: list[Callable[[], None]] = []

    def ring() -> None:
        found = reference()
        if found is not None:
            found.ring()
            return
        with suppress(IndexError):  # two threads tell at once
            off.pop()()

    off.append(store.on_change(ring))
