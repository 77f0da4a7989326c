"""Who works on which key in this process, and who waits for it.

The first caller of a key leads: it alone talks to the store. Those who come
while it is at it follow: they sleep until it ends and share its answer, so a
hundred duplicates cost the store as much as one call.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from syncpatterns._forks import renewed_in_child
from syncpatterns.idempotency._bell import News


class Ringer(Protocol):
    """The part of a bell that its ringer sees."""

    def ring(self, news: News) -> None:
        """Wake the waiter and hand it *news*."""
        ...


class Flight:
    """One leading call and the bells of those who follow it.

    Args:
        key: Storage key.
        fingerprint: What is asked for; only the same request may share.
    """

    __slots__ = ("bells", "fingerprint", "key")

    def __init__(self, key: str, fingerprint: bytes) -> None:
        self.key = key
        self.fingerprint = fingerprint
        self.bells: list[Ringer] | None = None


class TooManyWaiters(Exception):
    """The waiting room is full."""


class Flights:
    """The flights over one store, shared by threads and tasks alike."""

    def __init__(self) -> None:
        self._start_over()
        renewed_in_child(self)

    def _start_over(self) -> None:
        """Forget everything: in a forked child no leader is left to land."""
        # An abandoned coroutine is ended by the garbage collector, which may run
        # while this very thread is in here: it leaves, and must not wait for itself.
        self._lock = threading.RLock()
        self._leading: dict[str, Flight] = {}
        self.waiting = 0

    def enter(self, flight: Flight) -> Flight | None:
        """Return the flight to follow, or None: this one leads.

        A leader of the same key with another fingerprint is no company; such a
        call asks the store for itself and is refused there.
        """
        leader = self._leading.setdefault(flight.key, flight)
        if leader is flight or leader.fingerprint != flight.fingerprint:
            return None
        return leader

    def follow(self, leader: Flight, bell: Ringer) -> bool:
        """Have *bell* rung when *leader* ends; False if it has ended already."""
        with self._lock:
            if self._leading.get(leader.key) is not leader:
                return False
            if leader.bells is None:
                leader.bells = []
            leader.bells.append(bell)
            return True

    def unfollow(self, leader: Flight, bell: Ringer) -> None:
        """Take *bell* back, if it was not rung."""
        with self._lock:
            if leader.bells is not None and bell in leader.bells:
                leader.bells.remove(bell)

    def leave(self, flight: Flight, news: News) -> None:
        """End *flight*, if it leads, and tell its followers *news*."""
        with self._lock:
            if self._leading.get(flight.key) is not flight:
                return
            del self._leading[flight.key]
            bells, flight.bells = flight.bells, None
        for bell in bells or ():
            bell.ring(news)

    @contextmanager
    def waiting_room(self, places: int) -> Generator[None]:
        """Count the caller as waiting.

        Raises:
            TooManyWaiters: All *places* are taken.
        """
        with self._lock:
            if self.waiting >= places:
                raise TooManyWaiters
            self.waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self.waiting -= 1


_by_home: weakref.WeakKeyDictionary[object, Flights] = weakref.WeakKeyDictionary()


def flights_over(home: object) -> Flights:
    """Return the flights over *home*, the engine or store the user passed."""
    try:
        return _by_home.setdefault(home, Flights())
    except TypeError:  # it cannot be referred to weakly: no company from others
        return Flights()
