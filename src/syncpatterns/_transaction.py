"""What an effect is given: one open transaction that it neither ends nor owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol


class Publishable(Protocol):
    """The part of a realtime `Event` that an outbox needs."""

    @property
    def id(self) -> str:
        """Unique identity; the dedupe key."""
        ...

    @property
    def channel(self) -> str:
        """Where it is published."""
        ...

    @property
    def type(self) -> str:
        """What happened, e.g. ``booking.confirmed``."""
        ...

    @property
    def data(self) -> Mapping[str, Any]:
        """A JSON object."""
        ...


class Enqueuer(Protocol):
    """The part of an `OfflineQueue` that a transaction needs."""

    @property
    def enqueue_tx(self) -> Callable[..., Any]:
        """``enqueue_tx(tx, op, payload, **options)``: store it in *tx*."""
        ...


class Transaction(Protocol):
    """The transaction around one effect.

    The effect, its audit rows, the events it publishes and the stored result
    are one commit. Commit and rollback are not the effect's business: raise
    to undo everything.
    """

    @property
    def connection(self) -> Any:
        """The driver's own connection, inside the open transaction."""
        ...

    @property
    def now(self) -> datetime:
        """The engine's wall clock in UTC, the same for the whole transaction."""
        ...

    @property
    def key_hash(self) -> str:
        """First 8 hex digits of the storage key this effect runs under.

        For audit rows and logs; empty outside an operation.
        """
        ...

    def sqlalchemy(self) -> Any:
        """Return a SQLAlchemy Connection on the same transaction."""
        ...

    def publish(self, *events: Publishable) -> None:
        """Announce *events* when, and only when, this transaction commits.

        Order is kept. Nothing is sent from here: the rows are written to the
        outbox in this transaction.

        Raises:
            PublishRejected: An event can never be published as it is.
        """
        ...

    def enqueue(self, queue: Enqueuer, op: Any, payload: Any, **options: Any) -> Any:
        """Put an action into an offline queue when, and only when, this commits.

        Args:
            queue: In the same engine.
            op: The handler's function or name, or the operation.
            payload: What to do.
            **options: As in ``queue.enqueue``: key, scope, priority, delay...

        Returns:
            The receipt of the action.

        Raises:
            ConfigurationError: The queue lives in another engine.
            QueueFull: There is no room; nothing was stored.
            KeyReused: The key was used for another payload; nothing was stored.
        """
        ...
