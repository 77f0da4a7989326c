"""How items end, and what that does to those behind them and to their children.

An end can reach far: a DEAD head may take its lane along, and each of those
their children. So it is worked off as a list, however deep it goes, and the
lanes are set right once everybody has left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from syncpatterns.engines.memory._queue._rows import QueueTable
from syncpatterns.engines.memory._queue._values import Edge, Now, Outcome, Row
from syncpatterns.offline_queue._core import Ended, ItemState

_DEAD_OR_EXPIRED = (ItemState.DEAD, ItemState.EXPIRED)
_WAITS = (ItemState.READY, ItemState.WAITING, ItemState.SCHEDULED)


class End(NamedTuple):
    """One item that is to end.

    Args:
        seq: Its number.
        state: How.
        reason: Why, as one word.
        error: What was said, for people.
        result: What it returned.
        survivor: Who takes its place.
        discard: Keep no payload, and let its lane go on.
    """

    seq: int
    state: ItemState
    reason: str = ""
    error: str = ""
    result: bytes = b""
    survivor: int = 0
    discard: bool = False


def finish(table: QueueTable, ends: Iterable[End], now: Now) -> list[Ended]:
    """End items, and return how each ended, with those that ended because of it."""
    return _Finish(table, now).run(ends)


def stand(table: QueueTable, row: Row, now: Now) -> None:
    """Store a row that nobody holds in the state that is its due."""
    item = row.item
    if item.lane is not None:
        table.write(row.with_item(state=ItemState.WAITING, lease_until=0.0))
        settle_lane(table, item.lane, now)
        return
    table.write(row.with_item(state=_free_state(row, now), lease_until=0.0))


def settle_lane(table: QueueTable, name: str, now: Now) -> None:
    """Let the head of a lane go, and nobody else.

    A LEASED item is left alone: while 2 is out, a requeued 1 has to wait, or
    both would be out at once. PARKED, DEAD and children that wait for their
    parents hold the lane when they are its head.
    """
    lane = table.index.lanes.get(name)
    if lane is None:
        return
    rows, head = table.rows, lane.head
    leased = any(rows[seq].item.state is ItemState.LEASED for seq in lane.active)
    for seq in sorted(lane.active):
        out = rows[seq].item.state is ItemState.LEASED
        if not out and (leased or seq != head):
            table.write(rows[seq].with_item(state=ItemState.WAITING))
    if leased or rows[head].item.state is not ItemState.WAITING:
        return
    state = _free_state(rows[head], now)
    if state is not ItemState.WAITING:
        table.write(rows[head].with_item(state=state))


def _free_state(row: Row, now: Now) -> ItemState:
    if row.item.blocked:
        return ItemState.WAITING
    if row.item.due_at > now.steady:
        return ItemState.SCHEDULED
    return ItemState.READY


class _Finish:
    def __init__(self, table: QueueTable, now: Now) -> None:
        self._table = table
        self._now = now
        self._todo: deque[End] = deque()
        self._told: list[Ended] = []
        self._lanes: dict[str, None] = {}

    def run(self, ends: Iterable[End]) -> list[Ended]:
        self._todo.extend(ends)
        while self._todo:
            end = self._todo.popleft()
            row = self._table.rows.get(end.seq)
            if row is not None:
                self._end(row, end)
        for lane in self._lanes:
            settle_lane(self._table, lane, self._now)
        return self._told

    def _end(self, row: Row, end: End) -> None:
        item, was_dead = row.item, row.item.state is ItemState.DEAD
        if was_dead and not end.discard:
            return  # it went with another that ended in the same step
        policy = self._table.rules.on_dead if item.lane is not None else "continue"
        if end.state is ItemState.EXPIRED and policy == "block":
            # An outcome cannot hold a lane; a DEAD item can, until it is looked at.
            end = end._replace(state=ItemState.DEAD, reason="expired")
        ended = Ended(
            item.seq,
            end.state,
            end.result,
            end.reason,
            end.error,
            end.survivor,
            self._now.wall,
            item.operation,
            item.key_hash,
        )
        self._told.append(ended)
        self._take(row, ended, end, holds_lane=policy == "block")
        if item.lane is not None:
            self._lanes[item.lane] = None
            undone = end.state in _DEAD_OR_EXPIRED and not end.discard
            # Those behind a predecessor are among those behind its own.
            first = end.reason != "predecessor"
            if undone and first and policy == "cascade":
                self._take_along(row, item.lane)
        if not was_dead:
            self._tell_children(ended)

    def _take(self, row: Row, ended: Ended, end: End, *, holds_lane: bool) -> None:
        table, item = self._table, row.item
        if ended.state is ItemState.DEAD and not end.discard:
            dead = row._replace(holds_lane=holds_lane, since=self._now.wall)
            table.write(
                dead.with_item(
                    state=ItemState.DEAD,
                    reason=end.reason,
                    error=end.error,
                    lease_until=0.0,
                )
            )
            return
        table.remove(item.seq)
        forget_at = self._now.wall + item.keep_result
        kept = Outcome(ended, row.identity, item.fingerprint, forget_at)
        table.write_outcome(item.seq, kept)

    def _take_along(self, row: Row, name: str) -> None:
        lane = self._table.index.lanes.get(name)
        if lane is None:
            return
        for place, seq in lane.members.ordered():
            state = self._table.rows[seq].item.state
            if place > row.place and state in _WAITS:
                self._todo.append(End(seq, ItemState.DEAD, "predecessor"))

    def _tell_children(self, ended: Ended) -> None:
        table = self._table
        for (seq,) in sorted(table.index.children.get(ended.seq, ())):
            child = table.rows[seq]
            edges = [self._learn(edge, ended) for edge in child.edges]
            blocked = sum(edge.open for edge in edges)
            child = child._replace(edges=tuple(edges)).with_item(blocked=blocked)
            table.write(child)
            if child.item.state is not ItemState.WAITING:
                continue
            if any(map(is_fatal, edges)):
                self._todo.append(End(seq, ItemState.DEAD, "parent"))
            elif not blocked and child.item.lane is None:
                stand(table, child, self._now)
            elif child.item.lane is not None:
                self._lanes[child.item.lane] = None

    def _learn(self, edge: Edge, ended: Ended) -> Edge:
        if edge.waits_for != ended.seq or not edge.open:
            return edge
        if ended.state is ItemState.SUPERSEDED:
            # The survivor is stored before the one that it replaces ends.
            return edge._replace(waits_for=ended.survivor)
        return concluded(edge, ended)


def concluded(edge: Edge, ended: Ended) -> Edge:
    """Return the edge once its parent has ended."""
    waits = ended.state is not ItemState.DONE and edge.policy != "run"
    return edge._replace(outcome=ended, open=waits)


def is_fatal(edge: Edge) -> bool:
    """Tell whether the child has to end, as its parent did."""
    return edge.open and edge.outcome is not None and edge.policy == "cascade"
