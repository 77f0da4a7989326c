"""What a queue shows of itself, read from one snapshot."""

from __future__ import annotations

from typing import Final

from syncpatterns.engines.sqlite._queue._damage import at_the_desk
from syncpatterns.engines.sqlite._queue._desk import (
    BLOCKS,
    CODES,
    DEAD,
    LEASED,
    NUMBERS,
    READY,
    STATES,
    Desk,
)
from syncpatterns.engines.sqlite._queue._hands import shown_pause
from syncpatterns.offline_queue._core import (
    LIVE,
    Ended,
    Filter,
    Item,
    ItemState,
    QueueStats,
)

#: Items up to which the numbers of all that are in a state are read and sorted;
#: above it there are enough of them to be met on a walk through all items.
_FEW: Final = 50_000
#: What a queue shows that is not there.
NOTHING: Final = QueueStats(
    dict.fromkeys((*LIVE, ItemState.DEAD), 0), {}, 0, None, 0, ()
)


@at_the_desk
def get(desk: Desk, seq: int) -> Item | None:
    """Return an item that is live or DEAD."""
    values = desk.one("item", desk.id_of(seq))
    return None if values is None else desk.item(values)


@at_the_desk
def find(desk: Desk, place: bytes) -> int | None:
    """Return the number of the item that is found by *place*."""
    found = desk.one("key", desk.id, place)
    if found is None:
        return None
    seq = int(found[0])
    id_ = desk.base + seq
    known = desk.row(id_) is not None or desk.outcome(id_) is not None
    return seq if known else None


@at_the_desk
def ended(desk: Desk, seq: int) -> Ended | None:
    """Return how an item ended."""
    id_ = desk.id_of(seq)
    row = desk.row(id_)
    if row is not None:
        return desk.dead(row) if row.state >= DEAD else None
    kept = desk.outcome(id_)
    return None if kept is None else kept[0]


@at_the_desk
def items(desk: Desk, which: Filter, after: int, limit: int) -> list[Item]:
    """Return up to *limit* items with numbers above *after*, in their order."""
    after = max(0, after)
    if limit <= 0 or after >= NUMBERS:
        return []
    ids = _few(desk, which, desk.base + after)
    if ids is None:
        return _walk(desk, which, after, limit)
    found: list[Item] = []
    for id_ in sorted(ids):
        values = desk.one("item", id_)
        item = None if values is None else desk.item(values)
        if item is not None and _matches(item, which):
            found.append(item)
            if len(found) == limit:
                break
    return found


def _few(desk: Desk, which: Filter, after: int) -> list[int] | None:
    """Return the ids of those that can match, if they are easily found."""
    if which.lane is not None:
        ids = desk.ids("ids_in_lane", desk.id, which.lane, after)
        if not which.states or ItemState.DEAD in which.states:
            ids += desk.ids("dead_in_lane", desk.id, DEAD, after, which.lane)
        return ids
    if not which.states:
        return None
    codes = [code for state in which.states for code in CODES.get(state, ())]
    counts = desk.all("counts", desk.id)
    if sum(items for code, _, items, *_ in counts if code in codes) > _FEW:
        return None
    found: list[int] = []
    for code in codes:
        statement = "leased_ids" if code == LEASED else "ids_in_state"
        found += desk.ids(statement, desk.id, code, after)
    return found


def _walk(desk: Desk, which: Filter, after: int, limit: int) -> list[Item]:
    found: list[Item] = []
    cursor = desk.run("list", desk.base + after, desk.base + NUMBERS)
    for values in cursor:
        item = desk.item(values)
        if _matches(item, which):
            found.append(item)
            if len(found) == limit:
                break
    cursor.close()
    return found


def _matches(item: Item, which: Filter) -> bool:
    return (
        (not which.states or item.state in which.states)
        and which.operation in ("", item.operation)
        and which.target in ("", item.target)
        and which.lane in (None, item.lane)
        and which.reason in ("", item.reason)
    )


@at_the_desk
def stats(desk: Desk) -> QueueStats:
    """Return how much is in it; costs as much as there are targets and pauses."""
    states: dict[ItemState, int] = dict.fromkeys((*LIVE, ItemState.DEAD), 0)
    targets: dict[str, dict[ItemState, int]] = {}
    blocked = 0
    oldest: float | None = None
    for code, target, count, _, number in desk.all("counts", desk.id):
        state = STATES[int(code)]
        states[state] += count
        of = targets.setdefault(target, {})
        of[state] = of.get(state, 0) + count
        if code == BLOCKS:
            blocked += count
        elif code == READY:
            first = _oldest_ready(desk, number)
            oldest = first if oldest is None else min(oldest, first)
    _, live, _ = desk.one("live", desk.id) or (0, 0, 0)
    pauses = [
        shown_pause(desk, name, until, reason)
        for _, name, until, reason in desk.all("pauses", desk.id)
        if until is None or until > desk.now.steady
    ]
    pauses.sort()
    return QueueStats(states, targets, live, oldest, blocked, tuple(pauses))


def _oldest_ready(desk: Desk, target: int) -> float:
    """Return when the first READY item of a target was enqueued.

    The first of each priority is looked at, one step in the index each.
    """
    found: list[float] = []
    rank, place = -(1 << 62), -1
    while (
        first := desk.one("next_rank", desk.id, READY, target, rank, place)
    ) is not None:
        if found and not first[0] > rank:  # a place that is no number: it would not end
            raise ValueError("no next rank")
        rank, place, id_ = first
        (created_at,) = desk.one("created", id_)
        found.append(created_at)
        place = NUMBERS
    return min(found)


@at_the_desk
def blocked_lanes(desk: Desk) -> dict[str, int]:
    """Return the lanes that a DEAD head holds up, each with its number."""
    rows = desk.all("blocked_lanes", desk.id)
    return {lane: id_ - desk.base for lane, id_ in rows}
