"""Enqueueing inside a business transaction: both are committed, or neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from syncpatterns.errors import ConfigurationError, QueueFull
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.offline_queue._taking._receipts import Receipt, receipt_of
from syncpatterns.offline_queue._taking._storing import facts, full_queue, overflow_of

if TYPE_CHECKING:
    from syncpatterns.offline_queue._shared import Shared
    from syncpatterns.offline_queue._taking._drafts import Draft


def check_transactional(shared: Shared) -> None:
    """Refuse a store whose items cannot share a commit with anything.

    Raises:
        ConfigurationError: This is one.
    """
    if shared.stores.blocking is None or not shared.stores.capabilities.transactional:
        raise ConfigurationError(
            f"{shared.name}: {shared.stores.name} has no transactions that an item "
            "could "
            "share. Keep the queue in the database of the business rows, such as "
            "sqlite:///app.db, or use enqueue() after the commit."
        )


def enqueue_in(shared: Shared, tx: Any, draft: Draft) -> Receipt[Any]:
    """Store *draft* in the open transaction *tx*.

    Raises:
        QueueFull: There is no room; the transaction goes on.
        KeyReused: The key was used for another payload.
        ConfigurationError: The store has no transactions, or the payload would
            have to be merged with what waits, which is read outside of them.
    """
    check_transactional(shared)
    if tx is None:  # a store takes it for a transaction of its own
        raise ConfigurationError(
            f"{draft.handler.name}: enqueue_tx() needs the open transaction that an "
            "effect gets, and got None. To store it by itself, call enqueue()."
        )
    rule = draft.handler.coalesce
    if rule is not None and rule.merged is not None:
        raise ConfigurationError(
            f"{draft.handler.name}: merge() calls your function with what waits, and "
            "not inside a transaction. Use last_write(), or enqueue() after the commit."
        )
    store = shared.stores.store()
    if not shared.configured:  # not noted: the transaction may be rolled back
        store.configure(shared.name, shared.settings.rules, tx)
    request = EnqueueRequest(shared.name, [draft.item], overflow_of(shared))
    try:
        stored = store.enqueue(request, tx)
    except QueueFull as full:
        raise full_queue(shared, [draft], full) from full

    def tell() -> None:
        shared.tell(*facts(shared, [draft], stored))

    after_commit: Callable[[Callable[[], None]], object] | None = getattr(
        tx, "after_commit", None
    )
    if after_commit is not None and shared.hooks:
        after_commit(tell)
    return receipt_of(shared, stored[0].seq, draft.item)
