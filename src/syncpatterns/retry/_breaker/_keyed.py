"""`Breakers`: one circuit breaker for each host, tenant or shard."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, NoReturn, SupportsIndex, TypeVar, cast

import cachetools
import pybreaker

from syncpatterns._forks import renewed_in_child
from syncpatterns.errors import ConfigurationError
from syncpatterns.retry._breaker._breaker import CircuitBreaker
from syncpatterns.retry._breaker._rules import require_count

K = TypeVar("K", bound=Hashable)


class Breakers(Generic[K]):
    """A breaker for each key, made on first use, the least used forgotten.

    One breaker in front of many hosts turns the outage of one into an outage
    of all. A breaker that is not closed is never forgotten: a fresh, closed
    one in its place would let the whole crowd through to a service that is
    down. So there may be more than *maxsize* while many are open; the surplus
    goes with the first `get` after they have closed. A breaker that somebody
    has isolated or disabled is kept as well.

    ::

        breakers = Breakers(lambda host: CircuitBreaker(name=host))
        breakers.get(url.host).call(fetch, url)

    Threads and tasks may share it: callers with one key get one breaker.

    Args:
        factory: Makes the breaker for a key.
        maxsize: How many to keep.

    Raises:
        ConfigurationError: *factory* cannot be called, or *maxsize* is no
            whole number of at least 1.
    """

    __slots__ = ("__weakref__", "_factory", "_kept", "_lock", "_maxsize")

    def __init__(
        self, factory: Callable[[K], CircuitBreaker], maxsize: int = 1000
    ) -> None:
        given = cast("object", factory)
        if not callable(given) or isinstance(given, pybreaker.CircuitBreaker):
            message = "factory= must be a function that makes the breaker for a key."
            raise ConfigurationError(message)
        require_count("maxsize", maxsize)
        self._factory = factory
        self._maxsize = maxsize
        # The cache orders by use; when to forget what is decided here, since it
        # can be that nothing may go.
        self._kept: cachetools.LRUCache[K, CircuitBreaker] = cachetools.LRUCache(
            float("inf")
        )
        self._lock = threading.RLock()
        renewed_in_child(self)

    def _start_over(self) -> None:
        self._lock = threading.RLock()

    def get(self, key: K) -> CircuitBreaker:
        """Return the breaker of *key*.

        Raises:
            ConfigurationError: *factory* did not make a `CircuitBreaker`.
        """
        with self._lock:
            known = self._kept.get(key)
        if known is not None:
            return known
        # Outside the lock: the factory is not ours. Of two made at the same
        # time the first one stays.
        made = self._factory(key)
        if not isinstance(cast("object", made), CircuitBreaker):
            message = f"factory= made {type(made).__qualname__}, not a CircuitBreaker."
            raise ConfigurationError(message)
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                return known
            self._kept[key] = made
            self._forget_needs_lock(made)
            return made

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        message = (
            "Breakers cannot be copied or pickled: all who call one host share one "
            "breaker. Make them at import, once in each process."
        )
        raise TypeError(message)

    def __getitem__(self, key: K) -> CircuitBreaker:
        return self.get(key)

    def discard(self, key: K) -> None:
        """Forget the breaker of *key*, in whatever state; none is no error."""
        with self._lock:
            self._kept.pop(key, None)

    def items(self) -> list[tuple[K, CircuitBreaker]]:
        """Return all keys with their breakers, for a health page."""
        with self._lock:
            return list(self._kept.items())

    def __iter__(self) -> Iterator[K]:
        return iter([key for key, _ in self.items()])

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._kept

    def __repr__(self) -> str:
        return f"<Breakers: {len(self)} kept, maxsize={self._maxsize}>"

    def _forget_needs_lock(self, newest: CircuitBreaker) -> None:
        """Drop the least recently used that may go, until the size is right."""
        spared: list[tuple[K, CircuitBreaker]] = []
        surplus = len(self._kept) - self._maxsize
        while surplus > 0 and self._kept:
            key, breaker = self._kept.popitem()
            if breaker is newest or not breaker.is_idle:
                spared.append((key, breaker))
            else:
                surplus -= 1
        for key, breaker in spared:
            self._kept[key] = breaker
