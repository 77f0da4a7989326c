"""How a new item meets undelivered ones of the same entity; see `Coalesce`."""

from __future__ import annotations

from heapq import nsmallest
from typing import NamedTuple

from syncpatterns.engines.memory._queue._rows import QueueTable
from syncpatterns.engines.memory._queue._values import Now, Row
from syncpatterns.offline_queue._core import (
    Coalesce,
    ItemState,
    NewItem,
    merged_meanwhile,
)

_NOT_HELD = (
    ItemState.READY,
    ItemState.WAITING,
    ItemState.SCHEDULED,
    ItemState.PARKED,
)


class Meeting(NamedTuple):
    """What came of it; nothing at all is the usual case.

    Args:
        survivor: Number of the waiting item that stands for the new one too.
        replaced: The waiting item whose place the new one takes.
        cancelled: Waiting items that cancel out with the new one.
    """

    survivor: int = 0
    replaced: Row | None = None
    cancelled: tuple[int, ...] = ()


def meet(table: QueueTable, new: NewItem, now: Now) -> Meeting:
    """Decide what becomes of *new* and of those that wait for its entity.

    Raises:
        Outdated: The item that was merged into *new* has moved on.
    """
    how = new.coalesce
    if how is None:
        return Meeting()
    if how.how == "cancel_pair":
        return Meeting(cancelled=_run(table, new, how, now))
    partner = _partner(table, new, now)
    if how.how == "replace":
        if partner is None or partner.item.seq != how.expected:
            raise merged_meanwhile("memory", table.name, new, how.expected)
        return Meeting(replaced=partner)
    if partner is None:
        return Meeting()
    if how.how == "keep_first":
        return Meeting(survivor=partner.item.seq)
    return Meeting(replaced=partner)


def newest(table: QueueTable, new: NewItem, entity: str, now: Now) -> Row | None:
    """Return the newest undelivered item of the entity, if nothing lies behind it."""
    if new.lane is not None:
        row = _last(table, new.lane)
        if row is None or (row.item.entity, row.item.scope) != (entity, new.scope):
            return None
        return row if may_meet(row, new.operation, now) else None
    for _, seq in _of_entity(table, entity, new.scope):
        row = table.rows[seq]
        if row.item.lane is None and may_meet(row, new.operation, now):
            return row
    return None


def waiting(
    table: QueueTable, operation: str, entity: str, scope: str, now: Now
) -> Row | None:
    """Return the newest item of any lane that a new one could be merged with."""
    for _, seq in _of_entity(table, entity, scope):
        row = table.rows[seq]
        lane = row.item.lane
        last = lane is None or _last(table, lane) == row
        if last and may_meet(row, operation, now):
            return row
    return None


def _partner(table: QueueTable, new: NewItem, now: Now) -> Row | None:
    if new.entity is None:
        return None
    row = newest(table, new, new.entity, now)
    if row is None or _parents(row) != {each.seq for each in new.parents}:
        return None  # what one waits for, the other would not
    return row


def _run(table: QueueTable, new: NewItem, how: Coalesce, now: Now) -> tuple[int, ...]:
    """Return the run from the item that creates to the last one; () if it is broken.

    It is broken by an item that may have reached somebody, and, in a lane, by
    an item of another entity or scope.
    """
    if new.entity is None:
        return ()
    rows = (table.rows[seq] for _, seq in _of_entity(table, new.entity, new.scope))
    of_entity = [row for row in rows if row.item.lane == new.lane]
    behind = of_entity
    if new.lane in table.index.lanes:
        backward = table.index.lanes[new.lane].backward
        last = nsmallest(len(of_entity), backward)
        behind = [table.rows[-number] for _, number in last]
    run: list[int] = []
    for row, expected in zip(of_entity, behind, strict=True):
        if row != expected or not may_meet(row, row.item.operation, now):
            return ()
        run.append(row.item.seq)
        if row.item.operation == how.creates:
            return tuple(reversed(run))
    return ()


def may_meet(row: Row, operation: str, now: Now) -> bool:
    """Tell whether *row* certainly reached nobody, and still will be delivered."""
    item = row.item
    unsent = item.state in _NOT_HELD and item.sent_at is None
    # One that is past its time will never be done: nothing may rely on it.
    return unsent and item.operation == operation and item.expires_at > now.wall


def _last(table: QueueTable, name: str) -> Row | None:
    lane = table.index.lanes.get(name)
    return None if lane is None else table.rows[lane.last]


def _of_entity(table: QueueTable, entity: str, scope: str) -> list[tuple[int, int]]:
    keys = table.index.entities.get((entity, scope))
    return [] if keys is None else keys.ordered()


def _parents(row: Row) -> set[int]:
    return {edge.parent for edge in row.edges}
