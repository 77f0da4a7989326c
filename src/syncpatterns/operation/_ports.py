"""What an operation in mode single needs from an engine: one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

from syncpatterns._transaction import Transaction
from syncpatterns.idempotency._core import Record

T = TypeVar("T")


class EngineTransaction(Transaction, Protocol):
    """A transaction as the composition sees it; effects see `Transaction`."""

    @property
    def clock(self) -> float:
        """The store's clock in seconds, the same for the whole transaction."""
        ...

    def begin_effect(self, key_hash: str) -> None:
        """From here on the transaction serves the operation's effect."""
        ...

    def load_record(self, key: str) -> Record | None:
        """Return the idempotency record of *key*."""
        ...

    def save_record(self, record: Record) -> None:
        """Write *record* in this transaction."""
        ...

    def save_resolved(
        self, record: Record, *, happened: bool, by: str, reason: str
    ) -> None:
        """Write *record*, and who settled it and why."""
        ...

    def undo(self) -> None:
        """Take back everything written so far and keep the transaction open."""
        ...


@runtime_checkable
class TransactionalEngine(Protocol):
    """An engine whose record and whose business rows share one commit."""

    @property
    def name(self) -> str:
        """Name of the engine, for errors and metrics."""
        ...

    def transact(
        self, work: Callable[[EngineTransaction], T], *, undoable: bool = False
    ) -> T:
        """Run *work* in one write transaction and commit, or undo and raise.

        Args:
            work: Called once for each try; its effects vanish if it raises.
            undoable: *work* may call `EngineTransaction.undo`.

        Raises:
            EngineBusy: Others held the database for the whole time-out.
            DiskFull: There was no room; nothing was written.
            StoreUnavailable: The database could not be used.
        """
        ...

    async def atransact(
        self, work: Callable[[EngineTransaction], T], *, undoable: bool = False
    ) -> T:
        """Do the same from an event loop; *work* runs on the engine's thread.

        A caller cancelled before *work* began leaves nothing; cancelled later
        the work goes on, and the record tells the next caller what happened.
        """
        ...

    async def aopen(self) -> Any:
        """Open connections and run migrations; a second call does nothing."""
        ...
