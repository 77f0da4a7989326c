"""Who may work on what: claims, and leases that are extended."""

from __future__ import annotations

import heapq

from syncpatterns.engines.memory._queue._rows import QueueTable
from syncpatterns.engines.memory._queue._values import Now, Row
from syncpatterns.offline_queue._core import Hold, Item, ItemState
from syncpatterns.offline_queue._ports import ClaimRequest


def claim(table: QueueTable, request: ClaimRequest, now: Now) -> list[Item]:
    """Take what is READY: by priority, then in order, over all targets together.

    Only targets that have something READY are looked at, one key each, so that
    neither a paused target nor one at its cap is in the way of the others.
    """
    ready = table.index.ready
    heads: list[tuple[int, int, int, str]] = []
    for target, keys in ready.items():
        asked = request.only is None or target in request.only
        first = keys.first() if asked and not table.paused(target, now) else None
        if first is not None:
            heads.append((*first, target))
    heapq.heapify(heads)
    claimed: list[Item] = []
    taken: dict[str, int] = {}
    while heads and len(claimed) < request.limit:
        _, _, seq, target = heapq.heappop(heads)
        if taken.get(target, 0) >= request.caps.get(target, request.limit):
            continue
        taken[target] = taken.get(target, 0) + 1
        claimed.append(lease(table, table.rows[seq], request.lease, now))
        left = ready.get(target)
        first = None if left is None else left.first()
        if first is not None:
            heapq.heappush(heads, (*first, target))
    return claimed


def lease(table: QueueTable, row: Row, seconds: float, now: Now) -> Item:
    """Give *row* to whoever asks, and return it as that one sees it."""
    item = row.item
    token = item.token + 1
    if item.sent_at is None:
        row = row._replace(sent_token=token).with_item(sent_at=now.wall)
    row = row.with_item(
        state=ItemState.LEASED,
        token=token,
        deliveries=item.deliveries + 1,
        lease_until=now.steady + max(0.0, seconds),
    )
    table.write(row)
    return row.shown(now)


def held(table: QueueTable, hold: Hold) -> Row | None:
    """Return the row if *hold* is still good.

    Also past its lease, as long as nobody has looked: the work is done, and
    nobody else has begun it.
    """
    row = table.rows.get(hold.seq)
    if row is None or row.item.token != hold.token:
        return None
    return row if row.item.state is ItemState.LEASED else None


def extend(table: QueueTable, hold: Hold, seconds: float, now: Now) -> bool:
    """Move a lease; False if it is no longer held."""
    row = held(table, hold)
    if row is not None:
        until = now.steady + max(0.0, seconds)
        table.write(row.with_item(lease_until=until))
    return row is not None
