"""How items end, and what that does to those behind them and to their children.

An end can reach far: a DEAD head may take its lane along, and each of those
their children. So it is worked off as a list, however deep it goes, and the
lanes are set right once everybody has left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from syncpatterns.engines.sqlite._queue._desk import (
    DEAD,
    DEAD_IN_LANE,
    WAITING,
    Desk,
    Row,
    hash_in,
    place_of,
)
from syncpatterns.engines.sqlite._queue._lanes import settle_lane, stand
from syncpatterns.engines.sqlite._queue._parents import columns_of
from syncpatterns.offline_queue._core import Ended, ItemState

_UNDONE = (ItemState.DEAD, ItemState.EXPIRED)


class End(NamedTuple):
    """One item that is to end.

    Args:
        id: Which one.
        state: How.
        reason: Why, as one word.
        error: What was said, for people.
        result: What it returned.
        survivor: Number of the one that takes its place.
        discard: Keep no payload, and let its lane go on.
        token: Of the claim that says so; 0 if nobody held it.
        follows: It goes with the head of its lane.
    """

    id: int
    state: ItemState
    reason: str = ""
    error: str = ""
    result: bytes = b""
    survivor: int = 0
    discard: bool = False
    token: int = 0
    follows: bool = False


def acknowledge(desk: Desk, id_: int, token: int, result: bytes) -> list[Ended] | None:
    """End an item DONE; None if the hold is stale. What happens most, at once."""
    found = desk.all("acknowledge", id_, token)
    if not found:
        return None
    _, operation, scope, key, fingerprint, seconds, lane = found[0]
    name, wall = desk.word(operation), desk.now.wall
    place = place_of(scope, name, key)
    seq, hashed = id_ - desk.base, hash_in(place)
    ended = Ended(seq, ItemState.DONE, result, "", "", 0, wall, name, hashed)
    if desk.family:
        desk.run("remove_edges", id_)
    keep_outcome(desk, ended, operation, place, fingerprint, seconds, token)
    if lane is None and not desk.family:
        return [ended]
    return _Finish(desk).after(id_, lane, ended)


def finish(desk: Desk, ends: Iterable[End]) -> list[Ended]:
    """End items, and return how each ended, with those that ended because of it."""
    return _Finish(desk).run(ends)


class _Finish:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._todo: deque[End] = deque()
        self._told: list[Ended] = []
        self._lanes: dict[str, None] = {}

    def run(self, ends: Iterable[End]) -> list[Ended]:
        self._todo.extend(ends)
        while self._todo:
            end = self._todo.popleft()
            row = self._desk.row(end.id)
            if row is not None:
                self._end(row, end)
        for lane in self._lanes:
            settle_lane(self._desk, lane)
        return self._told

    def after(self, id_: int, lane: str | None, ended: Ended) -> list[Ended]:
        """Do what follows when an item that is removed already has ended."""
        self._told.append(ended)
        if lane is not None:
            self._lanes[lane] = None
        self._tell_children(id_, ended)
        return self.run(())

    def _end(self, row: Row, end: End) -> None:
        was_dead = row.state >= DEAD
        if was_dead and not end.discard:
            return  # it went with another that ended in the same step
        policy = self._desk.rules.on_dead if row.lane is not None else "continue"
        if end.state is ItemState.EXPIRED and policy == "block":
            # An outcome cannot hold a lane; a DEAD item can, until it is looked at.
            end = end._replace(state=ItemState.DEAD, reason="expired")
        place, ended = _ended(self._desk, row, end)
        self._told.append(ended)
        if ended.state is ItemState.DEAD and not end.discard:
            state = DEAD_IN_LANE if policy == "block" else DEAD
            self._desk.run("bury", state, ended.at, end.reason, end.error, row.id)
        else:
            self._desk.run("remove", row.id)
            bury(self._desk, row, place, ended, end.token)
        if row.lane is not None and row.state != DEAD:
            self._lanes[row.lane] = None
            undone = end.state in _UNDONE and not end.discard
            # Who goes with a head takes nobody along: they go with it already. To
            # ask for each would be 10,000 times 10,000 questions in such a lane.
            if undone and policy == "cascade" and not end.follows:
                self._take_along(row, row.lane)
        if not was_dead:
            self._tell_children(row.id, ended)

    def _take_along(self, row: Row, lane: str) -> None:
        for id_ in self._desk.ids("behind", self._desk.id, lane, row.place):
            self._todo.append(End(id_, ItemState.DEAD, "predecessor", follows=True))

    def _tell_children(self, id_: int, ended: Ended) -> None:
        children = self._desk.all("children", id_) if self._desk.family else ()
        if not children:
            return
        if ended.state is ItemState.SUPERSEDED:
            # The survivor is stored before the one that it replaces ends.
            self._desk.run("follow", self._desk.id_of(ended.survivor), id_)
            return
        for child, parent, policy in children:
            waits = ended.state is not ItemState.DONE and policy != "run"
            conclude(self._desk, child, parent, ended, waits=waits)
            self._move_on(child, fatal=waits and policy == "cascade")

    def _move_on(self, child: int, *, fatal: bool) -> None:
        (blocked,) = self._desk.one("open_edges", child)
        self._desk.run("blocked", blocked, child)
        row = self._desk.row(child)
        if row is None or row.state != WAITING:
            return
        if fatal:
            self._todo.append(End(child, ItemState.DEAD, "parent"))
        elif row.lane is not None:
            self._lanes[row.lane] = None
        elif not blocked:
            stand(self._desk, row)


def _ended(desk: Desk, row: Row, end: End) -> tuple[bytes, Ended]:
    """Return what the item is found by, and how it ended."""
    operation = desk.word(row.operation)
    place = place_of(row.scope, operation, row.key)
    ended = Ended(
        row.id - desk.base,
        end.state,
        end.result,
        end.reason,
        end.error,
        end.survivor,
        desk.now.wall,
        operation,
        hash_in(place),
    )
    return place, ended


def bury(desk: Desk, row: Row, place: bytes, ended: Ended, token: int) -> None:
    """Keep how an item ended that is not there any more, for its receipt."""
    if desk.family:
        desk.run("remove_edges", row.id)
    keep_outcome(
        desk, ended, row.operation, place, row.fingerprint, row.keep_result, token
    )


def keep_outcome(
    desk: Desk,
    ended: Ended,
    operation: int,
    place: bytes,
    fingerprint: bytes,
    seconds: float,
    token: int = 0,
) -> None:
    """Keep how an item ended for *seconds*."""
    desk.run(
        "add_outcome",
        desk.id_of(ended.seq),
        desk.id,
        ended.state.value,
        operation,
        token,
        ended.survivor,
        ended.at,
        ended.at + seconds,
        place,
        bytes.fromhex(ended.key_hash),
        fingerprint,
        ended.reason or None,
        ended.error or None,
        ended.result or None,
    )


def conclude(desk: Desk, child: int, parent: int, ended: Ended, *, waits: bool) -> None:
    """Note with a child how its parent ended, and whether it still waits for it."""
    desk.run("conclude", int(waits), *columns_of(desk, ended), child, parent)
