"""What is looked up about the items of one queue, each at a cost of O(log n).

An index holds just the items that its question is about: those that are READY,
those whose lease ends, those that may grow too old. So a claim does not meet
what waits behind a lane, is due later, is DEAD or belongs to a paused target.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from syncpatterns.engines.memory._queue._heap import OrderedKeys
from syncpatterns.offline_queue._core import LIVE, Item, ItemState

if TYPE_CHECKING:
    from syncpatterns.engines.memory._queue._values import Row

_ACTIVE = (ItemState.READY, ItemState.SCHEDULED, ItemState.LEASED)
_EVER = float("inf")


class Lane:
    """The items of one lane that still have a place in it."""

    __slots__ = ("active", "backward", "members")

    def __init__(self) -> None:
        self.members: OrderedKeys[tuple[int, int]] = OrderedKeys()
        self.backward: OrderedKeys[tuple[int, int]] = OrderedKeys()
        self.active: set[int] = set()  # READY, SCHEDULED, LEASED: one, once settled

    @property
    def head(self) -> int:
        """Number of the first item."""
        first = self.members.first()
        return 0 if first is None else first[1]

    @property
    def last(self) -> int:
        """Number of the last item."""
        last = self.backward.first()
        return 0 if last is None else -last[1]


class Group(dict[Any, OrderedKeys[Any]]):
    """Ordered keys by name; a name without keys is not there."""

    def put(self, name: Any, key: tuple[float, ...]) -> None:
        """Put *key* under *name*."""
        if name not in self:
            self[name] = OrderedKeys()
        self[name].add(key)

    def take(self, name: Any, key: tuple[float, ...]) -> None:
        """Take *key* out from under *name*."""
        keys = self.get(name)
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self[name]


class Indexes:
    """Every index of one queue, and its counters.

    Attributes:
        ready: What can be claimed, by target: priority, place, number.
        oldest: What can be claimed, by age.
        due: SCHEDULED items; *leases*, *expiries* and *sent* likewise hold what
            time will change, by when.
        unheld: Live items that may be dropped, oldest first.
        entities: Live items by entity and scope, newest first.
        children: Who waits for a number.
        parked: PARKED items by target and reason.
        lanes: Who has a place in a lane.
        blocked: The DEAD heads that hold one up.
        counts: How many items, by target and state; *live* and *bytes* in all.
    """

    def __init__(self) -> None:
        self.ready = Group()
        self.oldest: OrderedKeys[tuple[float, int]] = OrderedKeys()
        self.due: OrderedKeys[tuple[float, int]] = OrderedKeys()
        self.leases: OrderedKeys[tuple[float, int]] = OrderedKeys()
        self.expiries: OrderedKeys[tuple[float, int]] = OrderedKeys()
        self.sent: OrderedKeys[tuple[float, int]] = OrderedKeys()
        self.unheld: OrderedKeys[tuple[int, int]] = OrderedKeys()
        self.entities = Group()
        self.children = Group()
        self.parked = Group()
        self.lanes: dict[str, Lane] = {}
        self.blocked: dict[str, int] = {}
        self.counts: dict[str, dict[ItemState, int]] = {}
        self.live = 0
        self.bytes = 0
        self._dead = Group()

    def add(self, row: Row) -> None:
        """Take *row* in wherever it belongs."""
        self._count(row.item, 1)
        for keys, key in self._ordered(row):
            keys.add(key)
        for group, name, key in self._grouped(row):
            group.put(name, key)
        if row.item.lane is not None:
            self._join(row.item.lane, row)

    def discard(self, row: Row) -> None:
        """Take *row* out again."""
        self._count(row.item, -1)
        for keys, key in self._ordered(row):
            keys.discard(key)
        for group, name, key in self._grouped(row):
            group.take(name, key)
        if row.item.lane is not None:
            self._leave(row.item.lane, row)

    def _ordered(self, row: Row) -> Iterator[tuple[OrderedKeys[Any], Any]]:
        item, state = row.item, row.item.state
        if state is ItemState.LEASED:
            yield self.leases, (item.lease_until, item.seq)
            return
        if state not in LIVE:
            return
        yield self.unheld, (row.place, item.seq)
        if state is ItemState.READY:
            yield self.oldest, (item.created_at, item.seq)
        elif state is ItemState.SCHEDULED:
            yield self.due, (item.due_at, item.seq)
        if item.sent_at is None:
            if item.expires_at < _EVER:
                yield self.expiries, (item.expires_at, item.seq)
        elif state is not ItemState.PARKED:
            yield self.sent, (item.sent_at, item.seq)

    def _grouped(self, row: Row) -> Iterator[tuple[Group, Any, Any]]:
        item, state = row.item, row.item.state
        if state is ItemState.READY:
            yield self.ready, item.target, (-item.priority, row.place, item.seq)
        elif state is ItemState.PARKED:
            yield self.parked, (item.target, item.reason), (item.seq,)
        if item.entity is not None and state in LIVE:
            yield self.entities, (item.entity, item.scope), (-row.place, item.seq)
        for edge in row.edges:
            if edge.open:
                yield self.children, edge.waits_for, (item.seq,)

    def _count(self, item: Item, by: int) -> None:
        states = self.counts.setdefault(item.target, {})
        count = states.get(item.state, 0) + by
        if count:
            states[item.state] = count
        else:
            states.pop(item.state, None)
            if not states:
                del self.counts[item.target]
        if item.state in LIVE:
            self.live += by
            self.bytes += by * len(item.payload)

    def _join(self, name: str, row: Row) -> None:
        item = row.item
        if item.state not in LIVE and not row.holds_lane:
            return
        lane = self.lanes.get(name)
        if lane is None:
            lane = self.lanes[name] = Lane()
        lane.members.add((row.place, item.seq))
        lane.backward.add((-row.place, -item.seq))
        if item.state in _ACTIVE:
            lane.active.add(item.seq)
        elif item.state is ItemState.DEAD:
            self._dead.put(name, (item.seq,))
        self._see_head(name, lane)

    def _leave(self, name: str, row: Row) -> None:
        lane, seq = self.lanes.get(name), row.item.seq
        if lane is None:
            return
        lane.members.discard((row.place, seq))
        lane.backward.discard((-row.place, -seq))
        lane.active.discard(seq)
        self._dead.take(name, (seq,))
        self._see_head(name, lane)
        if not lane.members:
            del self.lanes[name]

    def _see_head(self, name: str, lane: Lane) -> None:
        dead = self._dead.get(name, ())
        if dead and (lane.head,) in dead:
            self.blocked[name] = lane.head
        else:
            self.blocked.pop(name, None)
