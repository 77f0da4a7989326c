"""Who may work on what: claims, and leases that are extended."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from syncpatterns.engines.sqlite._queue._damage import at_the_desk
from syncpatterns.engines.sqlite._queue._desk import LEASED, NUMBERS, READY, Desk, Row
from syncpatterns.offline_queue._core import Hold, Item
from syncpatterns.offline_queue._ports import ClaimRequest


@at_the_desk
def claim(desk: Desk, request: ClaimRequest) -> list[Item]:
    """Take what is READY: by priority, then in order, over all targets together.

    Only targets that have something READY and are not paused are looked at,
    each with a walk in the index that ends where enough was found.
    """
    if request.limit <= 0:
        return []
    if request.limit == 1:
        heads = desk.all("heads", desk.id, desk.now.steady)
        if not heads:
            return []
        if len(heads) == 1:
            ((target, id_),) = heads
            wanted = _limit_of(desk, target, request) > 0
            return [lease(desk, id_, request.lease)] if wanted else []
    limits = {
        target: limit
        for target in desk.ids("ready_targets", desk.id, desk.now.steady)
        if (limit := _limit_of(desk, target, request)) > 0
    }
    return [lease(desk, id_, request.lease) for id_ in _first(desk, limits, request)]


def _first(desk: Desk, limits: dict[int, int], request: ClaimRequest) -> list[int]:
    """Return the ids of the first READY items of the targets in *limits*."""
    if len(limits) == 1:
        ((target, limit),) = limits.items()
        return [id_ for _, _, id_ in desk.all("ready", desk.id, target, limit)]
    heads = [
        (*first, target)
        for target in limits
        for first in desk.all("ready", desk.id, target, 1)
    ]
    heapq.heapify(heads)
    found: list[int] = []
    while heads and len(found) < request.limit:
        rank, place, id_, target = heads[0]
        found.append(id_)
        limits[target] -= 1
        following = None
        if limits[target]:
            following = desk.one("next_rank", desk.id, READY, target, rank, place)
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (*following, target))
    return found


def _limit_of(desk: Desk, target: int, request: ClaimRequest) -> int:
    limit = min(request.limit, NUMBERS)
    if request.only is None and not request.caps:
        return limit
    name = desk.word(target)
    if request.only is not None and name not in request.only:
        return 0
    return min(limit, request.caps.get(name, limit))


def lease(desk: Desk, id_: int, seconds: float) -> Item:
    """Give a READY item to whoever asks, and return it as that one sees it."""
    until = desk.now.steady + max(0.0, seconds)
    (values,) = desk.all("claim", until, desk.now.wall, id_)
    return desk.item(values)


def held(desk: Desk, hold: Hold) -> Row | None:
    """Return the row if *hold* is still good.

    Also past its lease, as long as nobody has looked: the work is done, and
    nobody else has begun it.
    """
    row = desk.row(desk.id_of(hold.seq))
    if row is None or row.token != hold.token or row.state != LEASED:
        return None
    return row


@at_the_desk
def extend(desk: Desk, holds: Sequence[Hold], seconds: float) -> list[Hold]:
    """Move leases; return those that are still held."""
    until = desk.now.steady + max(0.0, seconds)
    return [
        hold
        for hold in holds
        if desk.run("extend", until, desk.id_of(hold.seq), hold.token).rowcount
    ]
