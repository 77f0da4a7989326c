"""Housekeeping in small transactions, so that no writer waits for it.

What can go is looked up on a reading connection; the writer only deletes, a
few hundred rows a time, and checks each row again.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync

from syncpatterns.engines.sqlite import _records
from syncpatterns.engines.sqlite._writing._transaction import SqliteTransaction
from syncpatterns.events import Swept

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._engine import SqliteEngine

#: Rows a transaction: deleting 200 holds the write lock for about a millisecond.
_BATCH: Final = 200


def sweep_records(engine: SqliteEngine, limit: float = math.inf) -> int:
    """Delete up to *limit* records past their windows; return how many.

    One walk through the keys: begun anew for every batch, a table full of live
    records would be read from its start each time.
    """
    removed = 0
    after = b""
    now = engine.transact(lambda tx: tx.clock)
    while removed < limit:
        batch = int(min(_BATCH, limit - removed))
        find = partial(_records.forgotten, after=after, now=now, limit=batch)
        keys = engine.read(find)
        if not keys:
            break
        removed += engine.transact(partial(_forget, keys=keys))
        after = keys[-1]
    return removed


def _forget(tx: SqliteTransaction, keys: list[bytes]) -> int:
    return _records.forget(tx.connection, keys, tx.clock)


async def asweep_records(engine: SqliteEngine, limit: float) -> int:
    """Do `sweep_records` on a worker thread."""
    return await run_sync(sweep_records, engine, limit)


def sweep_outcomes(engine: SqliteEngine) -> int:
    """Forget how queued actions ended, past its time; return how many."""
    store = engine.queue_store()
    removed = 0
    for queue in store.queues():
        while done := store.purge(queue, _BATCH):
            removed += done
    return removed


def sweep(engine: SqliteEngine, events_older_than: float) -> Swept:
    """Delete forgotten records and outcomes, and every event older than that."""
    records = sweep_records(engine)
    now = engine.transact(lambda tx: tx.clock)
    outbox = engine.outbox()
    events = 0
    while done := outbox.sweep(now - events_older_than, _BATCH):
        events += done
    records += sweep_outcomes(engine)
    return Swept(engine.name, records=records, events=events)
