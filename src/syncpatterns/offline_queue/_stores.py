"""Where the items are: the blocking and the awaiting store of one home."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import QueueCapabilities
from syncpatterns.offline_queue._ports import AsyncQueueStore, QueueStore


class Stores(NamedTuple):
    """The stores of one queue.

    Args:
        name: Of the engine.
        blocking: For threads; None if there is none.
        awaiting: For event loops; None if there is none.
    """

    name: str
    blocking: QueueStore | None
    awaiting: AsyncQueueStore | None

    @property
    def capabilities(self) -> QueueCapabilities:
        """What they can do."""
        store = self.blocking or self.awaiting
        if store is None:
            raise ConfigurationError(f"{self.name}: there is no store.")
        return store.capabilities

    def store(self) -> QueueStore:
        """Return the blocking store.

        Raises:
            ConfigurationError: There is none.
        """
        if self.blocking is None:
            raise ConfigurationError(
                f"{self.name}: this store can only be awaited. Use the methods that "
                "begin with a, such as `await queue.aenqueue(...)`."
            )
        return self.blocking

    def astore(self) -> AsyncQueueStore:
        """Return the store for an event loop.

        Raises:
            ConfigurationError: There is none.
        """
        if self.awaiting is None:
            raise ConfigurationError(
                f"{self.name}: this store blocks and would stop the event loop. Use "
                "the methods without a, on a thread, or an engine from connect()."
            )
        return self.awaiting


def stores_of(where: str, home: object) -> Stores:
    """Return the stores of an engine, or the store that *home* is itself.

    Raises:
        ConfigurationError: It is neither.
    """
    blocking: Any = _made_by(home, "queue_store")
    awaiting: Any = _made_by(home, "async_queue_store")
    if blocking is None and awaiting is None:
        if isinstance(home, type) or not isinstance(home, QueueStore):
            raise ConfigurationError(
                f"{where}: OfflineQueue needs an engine from connect() that keeps "
                f"queues, or a store; a {type(home).__name__} is neither."
            )
        if inspect.iscoroutinefunction(home.enqueue):
            awaiting = home
        else:
            blocking = home
    name = str(getattr(home, "name", None) or type(home).__name__)
    return Stores(name, blocking, awaiting)


def _made_by(home: object, method: str) -> object | None:
    make = None if isinstance(home, type) else getattr(home, method, None)
    return make() if callable(make) else None


def clock_of(where: str, home: object, clock: object) -> Clock:
    """Return *clock*, or else the engine's own, or else the machine's.

    Raises:
        ConfigurationError: *clock* is no clock.
    """
    if clock is None:
        clock = getattr(home, "clock", None)
        return clock if isinstance(clock, Clock) else SystemClock()
    if isinstance(clock, type) or not isinstance(clock, Clock):
        raise ConfigurationError(
            f"{where}: clock= takes a syncpatterns.clock.Clock, not {clock!r}."
        )
    return clock
