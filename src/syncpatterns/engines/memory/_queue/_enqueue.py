"""New items: who is known already, who finds room, who may go at once."""

from __future__ import annotations

from syncpatterns.engines.memory._queue._claims import lease
from syncpatterns.engines.memory._queue._coalesce import Meeting, meet
from syncpatterns.engines.memory._queue._ends import (
    End,
    concluded,
    finish,
    is_fatal,
    stand,
)
from syncpatterns.engines.memory._queue._rows import QueueTable
from syncpatterns.engines.memory._queue._values import Edge, Now, Outcome, Row
from syncpatterns.errors import QueueFull
from syncpatterns.offline_queue._core import (
    Ended,
    Enqueued,
    Item,
    ItemState,
    NewItem,
    check_seconds,
    key_hash,
    key_reused,
    parent_unknown,
    queue_full,
)
from syncpatterns.offline_queue._ports import EnqueueRequest


def enqueue(table: QueueTable, request: EnqueueRequest, now: Now) -> list[Enqueued]:
    """Store all items of *request*, or raise with none of them stored."""
    with table.atomic():
        batch = _Batch(table, request, now)
        return [batch.store(item) for item in request.items]


def new_row(
    table: QueueTable, new: NewItem, edges: tuple[Edge, ...], place: int, now: Now
) -> Row:
    """Return the row of a new item, not stored yet; at the end if *place* is 0."""
    seq = table.number()
    lifetime = max(0.0, new.expires_in)
    item = Item(
        seq=seq,
        state=ItemState.WAITING,
        operation=new.operation,
        key=new.key,
        scope=new.scope,
        fingerprint=new.fingerprint,
        payload=new.payload,
        version=new.version,
        target=new.target,
        lane=new.lane,
        entity=new.entity,
        priority=new.priority,
        token=0,
        deliveries=0,
        attempts=0,
        lapses=0,
        created_at=now.wall,
        due_at=now.steady + max(0.0, new.delay),
        lease_until=0.0,
        expires_at=now.wall + lifetime,
        sent_at=None,
        blocked=sum(edge.open for edge in edges),
        reason="",
        error="",
        headers=new.headers,
        keep_result=max(0.0, new.keep_result),
    )
    return Row(item, new.identity, place or seq, lifetime, edges=edges)


def edges_of(table: QueueTable, new: NewItem, now: Now) -> tuple[Edge, ...]:
    """Return what *new* waits for; parents that have ended are known at once.

    Raises:
        ConfigurationError: A parent is unknown, or forgotten.
    """
    edges: dict[int, Edge] = {}
    for parent in new.parents:
        try:
            seq, ended = table.resolve(parent.seq, now)
        except LookupError:
            raise parent_unknown("memory", table.name, new, parent.seq) from None
        edge = Edge(parent.seq, parent.policy, seq)
        edges[parent.seq] = edge if ended is None else concluded(edge, ended)
    return tuple(edges.values())


class _Batch:
    """The items of one request, stored one after the other."""

    def __init__(self, table: QueueTable, request: EnqueueRequest, now: Now) -> None:
        self._table = table
        self._request = request
        self._now = now
        self._mine: set[int] = set()

    def store(self, new: NewItem) -> Enqueued:
        table, now = self._table, self._now
        check_seconds("memory", new)
        known = self._known(new)
        if known is not None:
            return known
        edges = edges_of(table, new, now)
        meeting = meet(table, new, now)
        if meeting.survivor:
            return self._not_stored(new, ItemState.SUPERSEDED, meeting)
        if meeting.cancelled:
            return self._not_stored(new, ItemState.CANCELLED, meeting)
        dropped: list[Ended] = []
        if not any(map(is_fatal, edges)):
            dropped = self._make_room(new, meeting.replaced)
            edges = edges_of(table, new, now)  # a parent may have had to go
        place = 0 if meeting.replaced is None else meeting.replaced.place
        row = new_row(table, new, edges, place, now)
        seq = row.item.seq
        self._mine.add(seq)
        if meeting.replaced is not None:
            table.write(row)  # who takes the place is there before the other goes
            old = meeting.replaced.item.seq
            superseded = End(old, ItemState.SUPERSEDED, survivor=seq)
            dropped += finish(table, [superseded], now)
        if any(map(is_fatal, edges)):
            table.write(row)
            ended, *_ = finish(table, [End(seq, ItemState.DEAD, "parent")], now)
            return Enqueued(seq, ItemState.DEAD, ended=ended, dropped=tuple(dropped))
        stand(table, table.rows.get(seq, row), now)
        claimed = self._lease(table.rows[seq])
        state = table.rows[seq].item.state
        return Enqueued(seq, state, claimed=claimed, dropped=tuple(dropped))

    def _known(self, new: NewItem) -> Enqueued | None:
        """Return what is known under this key; None if nothing is."""
        table = self._table
        seq = table.identities.get(new.identity)
        if seq is None:
            return None
        row = table.rows.get(seq)
        if row is not None:
            if row.item.fingerprint != new.fingerprint:
                raise key_reused("memory", table.name, new, seq)
            state = row.item.state
            ended = row.ended if state is ItemState.DEAD else None
            return Enqueued(seq, state, duplicate=True, ended=ended)
        kept = table.outcome(seq, self._now)
        if kept is None:
            table.write_outcome(seq, None)
            return None
        if kept.fingerprint != new.fingerprint:
            raise key_reused("memory", table.name, new, seq)
        ended = kept.ended
        return Enqueued(
            seq, ended.state, duplicate=True, survivor=ended.survivor, ended=ended
        )

    def _not_stored(self, new: NewItem, state: ItemState, meeting: Meeting) -> Enqueued:
        """Keep only how *new* ended, for its receipt and for its key."""
        table, now = self._table, self._now
        seq = table.number()
        pair = state is ItemState.CANCELLED
        reason = "cancel-pair" if pair else ""
        ended = Ended(
            seq,
            state,
            reason=reason,
            survivor=meeting.survivor,
            at=now.wall,
            operation=new.operation,
            key_hash=key_hash(new.scope, new.operation, new.key),
        )
        forget_at = now.wall + max(0.0, new.keep_result)
        kept = Outcome(ended, new.identity, new.fingerprint, forget_at)
        table.write_outcome(seq, kept)
        ends = [End(each, ItemState.CANCELLED, reason) for each in meeting.cancelled]
        dropped = tuple(finish(table, ends, now))
        return Enqueued(
            seq, state, survivor=meeting.survivor, ended=ended, dropped=dropped
        )

    def _make_room(self, new: NewItem, replaced: Row | None) -> list[Ended]:
        """Return what had to go for *new* to find room.

        Raises:
            QueueFull: Nothing more may go.
        """
        rules, size = self._table.rules, len(new.payload)
        may_drop = self._request.overflow == "drop_oldest"
        may_drop = may_drop and size <= rules.max_bytes and rules.max_items > 0
        dropped: list[Ended] = []
        while not self._fits(size, replaced):
            oldest = self._oldest(replaced) if may_drop else 0
            if not oldest:
                raise self._full(new)
            end = End(oldest, ItemState.DEAD, "overflow")
            dropped += finish(self._table, [end], self._now)
        return dropped

    def _fits(self, size: int, replaced: Row | None) -> bool:
        index, rules = self._table.index, self._table.rules
        items, added = 1, size
        # Unless it has just gone along with the head of its lane.
        if replaced is not None and self._table.rows.get(replaced.item.seq) == replaced:
            items, added = 0, size - len(replaced.item.payload)
        return (
            index.live + items <= rules.max_items
            and index.bytes + added <= rules.max_bytes
        )

    def _oldest(self, replaced: Row | None) -> int:
        """Return the oldest item that nobody holds; 0 if there is none to spare."""
        unheld = self._table.index.unheld
        spare = 0 if replaced is None else replaced.item.seq
        passed: list[tuple[int, int]] = []
        first = unheld.first()
        while first is not None and (first[1] in self._mine or first[1] == spare):
            unheld.discard(first)
            passed.append(first)
            first = unheld.first()
        for key in passed:
            unheld.add(key)
        return 0 if first is None else first[1]

    def _full(self, new: NewItem) -> QueueFull:
        index, rules = self._table.index, self._table.rules
        name = self._table.name
        return queue_full("memory", name, new, rules, index.live, index.bytes)

    def _lease(self, row: Row) -> Item | None:
        request, item = self._request, row.item
        asked = request.lease > 0 and len(request.items) == 1
        if not asked or item.state is not ItemState.READY:
            return None
        if self._table.paused(item.target, self._now):
            return None
        return lease(self._table, row, request.lease, self._now)
