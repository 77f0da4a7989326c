"""Where the items are: the blocking and the awaiting store of one home."""

from __future__ import annotations

from typing import NamedTuple

from syncpatterns._wiring import home_of
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
    found = home_of(home, "queue_store", QueueStore, "enqueue")
    if found is None:
        raise ConfigurationError(
            f"{where}: OfflineQueue needs an engine from connect() that keeps "
            f"queues, or a store; a {type(home).__name__} is neither."
        )
    return Stores(*found)
