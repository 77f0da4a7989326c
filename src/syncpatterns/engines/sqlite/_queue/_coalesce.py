"""How a new item meets undelivered ones of the same entity; see `Coalesce`."""

from __future__ import annotations

from typing import NamedTuple

from syncpatterns.engines.sqlite._queue._damage import at_the_desk
from syncpatterns.engines.sqlite._queue._desk import DEAD, Desk, Row
from syncpatterns.offline_queue._core import (
    Coalesce,
    NewItem,
    merged_meanwhile,
)


class Meeting(NamedTuple):
    """What came of it; nothing at all is the usual case.

    Args:
        survivor: Number of the waiting item that stands for the new one too.
        replaced: The waiting item whose place the new one takes.
        cancelled: Ids of waiting items that cancel out with the new one.
    """

    survivor: int = 0
    replaced: Row | None = None
    cancelled: tuple[int, ...] = ()


def meet(desk: Desk, new: NewItem, how: Coalesce) -> Meeting:
    """Decide what becomes of *new* and of those that wait for its entity.

    Raises:
        Outdated: The item that was merged into *new* has moved on.
    """
    if how.how == "cancel_pair":
        return Meeting(cancelled=_run(desk, new, how))
    partner = _partner(desk, new)
    if how.how == "replace":
        if partner is None or partner.id != desk.id_of(how.expected):
            raise merged_meanwhile("sqlite", desk.name, new, how.expected)
        return Meeting(replaced=partner)
    if partner is None:
        return Meeting()
    if how.how == "keep_first":
        return Meeting(survivor=partner.id - desk.base)
    return Meeting(replaced=partner)


@at_the_desk
def newest(desk: Desk, operation: str, entity: str, scope: str) -> Row | None:
    """Return the newest item of any lane that a new one could be merged with."""
    word = desk.word_id(operation)
    for id_ in desk.ids("partners", desk.id, entity, word, desk.now.wall, scope):
        row = desk.row(id_)
        if row is not None and _is_last(desk, row):
            return row
    return None


def _partner(desk: Desk, new: NewItem) -> Row | None:
    """Return the newest item that *new* may meet, if nothing lies behind it."""
    if new.entity is None:
        return None
    word, wall = desk.learn(new.operation), desk.now.wall
    here = (new.entity, word, wall, new.lane, new.scope)
    found = desk.one("partner", desk.id, *here)
    row = None if found is None else desk.row(found[0])
    if row is None or not _is_last(desk, row):
        return None
    # What one waits for, the other would not.
    same = _parents(desk, row) == {parent.seq for parent in new.parents}
    return row if same else None


def _run(desk: Desk, new: NewItem, how: Coalesce) -> tuple[int, ...]:
    """Return the run from the item that creates to the last one; () if it is broken.

    It is broken by an item that may have reached somebody, or is DEAD and holds
    its lane, and, in a lane, by an item of another entity or scope.
    """
    if new.entity is None:
        return ()
    creates = desk.learn(how.creates)
    about = (new.entity, new.scope)
    run: list[int] = []
    for row in _back_from_the_end(desk, new.lane, *about):
        if (row.entity, row.scope) != about or not _may_meet(desk, row):
            return ()
        run.append(row.id)
        if row.operation == creates:
            return tuple(reversed(run))
    return ()


def _back_from_the_end(
    desk: Desk, lane: str | None, entity: str, scope: str
) -> list[Row]:
    if lane is not None:
        # No further than the entity reaches: what comes before is another's.
        ours = len(desk.ids("undelivered", desk.id, entity, scope))
        return _rows(desk, desk.ids("backwards", desk.id, lane, ours + 1))
    rows = _rows(desk, desk.ids("of_entity", desk.id, entity, scope))
    alone = [row for row in rows if row.lane is None]
    # By place, not by number: what replaced another stands where that one stood.
    return sorted(alone, key=lambda row: row.place, reverse=True)


def _rows(desk: Desk, ids: list[int]) -> list[Row]:
    found = [desk.row(id_) for id_ in ids]
    return [row for row in found if row is not None]


def _may_meet(desk: Desk, row: Row) -> bool:
    if row.state >= DEAD or row.sent_at is not None:
        return False  # nothing waits there, or somebody may have it
    # One that is past its time will never be done: nothing may rely on it.
    return row.expires_at is None or row.expires_at > desk.now.wall


def _is_last(desk: Desk, row: Row) -> bool:
    return row.lane is None or desk.one("last", desk.id, row.lane)[0] == row.id


def _parents(desk: Desk, row: Row) -> set[int]:
    return {edge[0] for edge in desk.all("edges", row.id)}
