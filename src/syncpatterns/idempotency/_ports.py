"""What idempotency needs from an engine, as ordinary methods.

A third-party engine implements `IdempotencyStore` (and the async twin if its
client is async) and runs `syncpatterns.testing.conformance.idempotency`.
Every method is atomic, uses the store's own clock, and is safe to call from
any thread. *key* is always a storage key: 64 hex digits.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from syncpatterns.idempotency._core import (
    ClaimAnswer,
    ClaimRequest,
    Notes,
    Record,
    StoredOutcome,
    Windows,
)


@runtime_checkable
class IdempotencyStore(Protocol):
    """A blocking store of idempotency records."""

    @property
    def name(self) -> str:
        """Name of the engine, for errors and metrics."""
        ...

    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Take the key or say who has it; one atomic step.

        Raises:
            StoreUnavailable: Nothing was claimed, as far as the store knows.
            StoreFull: There is no room, and live records are never evicted.
        """
        ...

    def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
        """Move the lease to *lease* seconds from now; False if *token* is stale."""
        ...

    def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        """Store the answer; False if *token* is stale and nothing was changed."""
        ...

    def release(self, key: str, token: int) -> bool:
        """Give the key back because nothing happened; False if *token* is stale."""
        ...

    def abandon(self, key: str, token: int) -> bool:
        """Mark the outcome unknown; False if *token* is stale."""
        ...

    def note(self, key: str, token: int, notes: Notes) -> bool:
        """Keep *notes* with the claim, by name; False if *token* is stale.

        They are handed to whoever claims the key next for the same request,
        and dropped when the record is completed.
        """
        ...

    def resolve(
        self,
        key: str,
        outcome: StoredOutcome | None,
        windows: Windows,
        *,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Settle an unknown record; False if it is not unknown.

        *by* and *reason* say who decided and why; a store that outlives its
        process keeps them.
        """
        ...

    def inspect(self, key: str) -> Record | None:
        """Return the record, also one that is past its windows but not swept."""
        ...

    def evict(self, key: str) -> bool:
        """Forget the key, whatever its state; True if there was a record.

        For operators: a forgotten key runs again.
        """
        ...

    def unresolved(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* records whose outcome is unknown, oldest first."""
        ...

    def lapsed(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* claims whose owner vanished, longest ago first."""
        ...

    def sweep(self, limit: int = 1000) -> int:
        """Delete up to *limit* forgotten records; return how many.

        Never changes the answer of a later claim.
        """
        ...


@runtime_checkable
class AsyncIdempotencyStore(Protocol):
    """The same store for an event loop; each method is `IdempotencyStore`'s.

    Cancelled while a method runs, a call waits for its answer all the same. A class
    whose methods set no time-out on their task says ``waits_in_place = True``, which
    saves a task for each; see `waits_in_place`.
    """

    @property
    def name(self) -> str:
        """Name of the engine, for errors and metrics."""
        ...

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Take the key or say who has it; one atomic step."""
        ...

    async def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
        """Move the lease to *lease* seconds from now; False if *token* is stale."""
        ...

    async def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        """Store the answer; False if *token* is stale and nothing was changed."""
        ...

    async def release(self, key: str, token: int) -> bool:
        """Give the key back because nothing happened; False if *token* is stale."""
        ...

    async def abandon(self, key: str, token: int) -> bool:
        """Mark the outcome unknown; False if *token* is stale."""
        ...

    async def note(self, key: str, token: int, notes: Notes) -> bool:
        """Keep *notes* with the claim, by name; False if *token* is stale."""
        ...

    async def resolve(
        self,
        key: str,
        outcome: StoredOutcome | None,
        windows: Windows,
        *,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Settle an unknown record; False if it is not unknown."""
        ...

    async def inspect(self, key: str) -> Record | None:
        """Return the record, also one that is past its windows but not swept."""
        ...

    async def evict(self, key: str) -> bool:
        """Forget the key, whatever its state; True if there was a record."""
        ...

    async def unresolved(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* records whose outcome is unknown, oldest first."""
        ...

    async def lapsed(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* claims whose owner vanished, longest ago first."""
        ...

    async def sweep(self, limit: int = 1000) -> int:
        """Delete up to *limit* forgotten records; return how many."""
        ...


class Stores(NamedTuple):
    """How one engine can be reached; at least one way."""

    name: str
    blocking: IdempotencyStore | None
    awaiting: AsyncIdempotencyStore | None


def waits_in_place(home: object) -> bool:
    """Tell whether the awaiting methods of *home* never have their task cancelled.

    Its class says so itself, with ``waits_in_place = True``: nothing in them sets
    a time-out (``asyncio.timeout``, ``wait_for``, a cancel scope with a deadline),
    so what cancels the task comes from outside, and a clean-up needs no task of its
    own. A class that does not say so is no less safe; a clean-up costs a task.
    Neither inherited nor passed on by a wrapper: what those add may set time-outs.
    """
    return vars(type(home)).get("waits_in_place") is True


@runtime_checkable
class IdempotencyEngine(Protocol):
    """An engine that keeps idempotency records."""

    @property
    def name(self) -> str:
        """Name of the engine, for errors and metrics."""
        ...

    def idempotency_store(self) -> IdempotencyStore:
        """Return the blocking store."""
        ...

    def async_idempotency_store(self) -> AsyncIdempotencyStore:
        """Return the store for an event loop."""
        ...
