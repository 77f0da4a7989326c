"""Keys, and a field service whose words must not be found anywhere."""

from __future__ import annotations

from typing import Any

from syncpatterns.offline_queue import OfflineQueue
from syncpatterns.retry import no_jitter
from syncpatterns.sealing import Keyring
from tests.unit.offline_queue.surface import Crm, Lead, Update

OP = "leads.update"
#: In payloads, headers, lanes, entities and results; 12 characters that nothing else
#: says by chance.
CANARY = "canary-q7Zx2"

OLD_KEY, NEW_KEY, INDEX = (Keyring.new_key() for _ in range(3))
OLD = Keyring({"old": OLD_KEY}, index=INDEX)
BOTH = Keyring({"old": OLD_KEY, "new": NEW_KEY}, index=INDEX, current="new")
NEW = Keyring({"new": NEW_KEY}, index=INDEX)
#: Another key under the name that OLD uses.
WRONG = Keyring({"old": Keyring.new_key()}, index=INDEX)


def field(engine: Any, crm: Crm, **options: Any) -> OfflineQueue:
    """Make a queue with one lane a lead; the CRM does what it is told."""
    options.setdefault("backoff", no_jitter(1, 4))
    coalesce = options.pop("coalesce", None)
    queue = OfflineQueue("field", engine, **options)

    @queue.handler(OP, lane=lambda p: f"lead:{p.lead}", coalesce=coalesce)
    def update(payload: Update, ctx: Any) -> Lead:
        return crm.answer(payload, ctx)

    return queue


def raw(queue: OfflineQueue) -> Any:
    """Return the store itself, as anybody sees it who has no key."""
    store: Any = queue._shared.stores.store()
    return store._store


def seals_in(queue: OfflineQueue) -> Any:
    """Return what seals and opens for *queue*."""
    store: Any = queue._shared.stores.store()
    return store._seals
