"""New items: who is known already, who finds room, who may go at once."""

from __future__ import annotations

from typing import Final

from syncpatterns.engines.sqlite._queue._bulk import is_plain, store_plain
from syncpatterns.engines.sqlite._queue._claims import lease
from syncpatterns.engines.sqlite._queue._coalesce import Meeting, meet
from syncpatterns.engines.sqlite._queue._damage import at_the_desk
from syncpatterns.engines.sqlite._queue._desk import (
    DEAD,
    EVER,
    LEASED,
    NUMBERS,
    PARKED,
    READY,
    SCHEDULED,
    STATES,
    WAITING,
    Desk,
    Row,
    place_of,
)
from syncpatterns.engines.sqlite._queue._ends import End, finish, keep_outcome
from syncpatterns.engines.sqlite._queue._lanes import free_state
from syncpatterns.engines.sqlite._queue._numbers import (
    LARGE,
    Numbers,
    check_numbers,
)
from syncpatterns.engines.sqlite._queue._parents import Edge, edges_of, save_edges
from syncpatterns.offline_queue._core import (
    Ended,
    Enqueued,
    Item,
    ItemState,
    NewItem,
    key_hash,
    key_reused,
    queue_full,
)
from syncpatterns.offline_queue._ports import EnqueueRequest

_LARGEST: Final = 1 << 62


@at_the_desk
def enqueue(desk: Desk, request: EnqueueRequest, numbers: Numbers) -> list[Enqueued]:
    """Store all items of *request*, or raise; the caller undoes what is written."""
    items = request.items
    if all(map(is_plain, items)) and not _leases(request):
        stored = store_plain(desk, items, numbers)
        if stored is not None:
            return stored
    return _Batch(desk, request, numbers).store_all()


def add(
    desk: Desk,
    new: NewItem,
    seq: int,
    *,
    edges: tuple[Edge, ...] = (),
    place: int = 0,
    waits: bool = False,
) -> Row:
    """Store a new item and return its row.

    Args:
        desk: Of its queue.
        new: What to store.
        seq: Its number.
        edges: Its parents.
        place: Where it stands; 0 for its number.
        waits: Somebody stands before it in its lane.
    """
    now = desk.now
    delay, lifetime = max(0.0, new.delay), max(0.0, new.expires_in)
    blocked = sum(edge.open for edge in edges)
    due_at = now.steady + delay if delay else None
    state = WAITING if waits else free_state(desk, blocked, due_at)
    size = len(new.payload)
    id_ = desk.base + seq
    row = Row(
        id=id_,
        queue=desk.id,
        state=state,
        target=desk.learn(new.target),
        rank=-new.priority,
        operation=desk.learn(new.operation),
        version=new.version,
        token=0,
        attempts=0,
        lapses=0,
        blocked=blocked,
        created_at=now.wall,
        due_at=due_at,
        wake=due_at if state == SCHEDULED else None,
        expires_at=None if lifetime == EVER else now.wall + lifetime,
        lifetime=None,
        sent_at=None,
        sent_by=None,
        ended_at=None,
        keep_result=max(0.0, new.keep_result),
        place=place or seq,
        size=size,
        scope=new.scope,
        key=new.key,
        fingerprint=new.fingerprint,
        lane=new.lane,
        entity=new.entity,
        reason=None,
        error=None,
        headers=None if new.headers == "{}" else new.headers,
    )
    apart = size > LARGE
    desk.run("add", *row, None if apart else new.payload)
    if apart:
        desk.run("add_payload", id_, new.payload)
    if edges:
        save_edges(desk, id_, edges)
    return row


class _Batch:
    """The items of one request, stored one after the other."""

    def __init__(self, desk: Desk, request: EnqueueRequest, numbers: Numbers) -> None:
        self._desk = desk
        self._request = request
        self._numbers = numbers
        self._mine: set[int] = set()

    def store_all(self) -> list[Enqueued]:
        return [self._store(new) for new in self._request.items]

    def _store(self, new: NewItem) -> Enqueued:
        check_numbers(new)
        desk = self._desk
        place = place_of(new.scope, new.operation, new.key)
        seq = self._numbers.next()
        if not desk.run("add_key", desk.id, place, seq).rowcount:
            known = self._known(new, place)
            if known is not None:
                self._numbers.back()
                return known
            desk.run("take_key", seq, desk.id, place)
        meeting = meet(desk, new, new.coalesce) if new.coalesce else None
        if meeting is not None and (meeting.survivor or meeting.cancelled):
            return self._not_stored(new, seq, place, meeting)
        replaced = None if meeting is None else meeting.replaced
        if new.parents or new.lane is not None or replaced is not None:
            return self._join(new, seq, replaced)
        dropped = self._make_room(new, None)
        row = add(desk, new, seq)
        self._count(new, row)
        claimed = self._lease(row)
        state = LEASED if claimed else row.state
        return Enqueued(seq, STATES[state], claimed=claimed, dropped=tuple(dropped))

    def _join(self, new: NewItem, seq: int, replaced: Row | None) -> Enqueued:
        """Store one that has others before it, or takes the place of one."""
        desk = self._desk
        edges = edges_of(desk, new)
        fatal = any(edge.fatal for edge in edges)
        dropped: list[Ended] = []
        if not fatal:
            dropped = self._make_room(new, replaced)
            edges = edges_of(desk, new)  # a parent may have had to go
            fatal = any(edge.fatal for edge in edges)
        place = 0 if replaced is None else replaced.place
        waits = new.lane is not None and desk.one("head", desk.id, new.lane) is not None
        row = add(desk, new, seq, edges=edges, place=place, waits=waits)
        self._count(new, row)
        if replaced is not None:
            superseded = End(replaced.id, ItemState.SUPERSEDED, survivor=seq)
            dropped += self._finish(superseded)
        if fatal:
            ended, *_ = self._finish(End(row.id, ItemState.DEAD, "parent"))
            return Enqueued(seq, ItemState.DEAD, ended=ended, dropped=tuple(dropped))
        (state,) = desk.one("state", row.id)
        claimed = self._lease(row._replace(state=state))
        state = LEASED if claimed else state
        return Enqueued(seq, STATES[state], claimed=claimed, dropped=tuple(dropped))

    def _known(self, new: NewItem, place: bytes) -> Enqueued | None:
        """Return what is known under this key; None if it is past its time."""
        desk = self._desk
        (seq,) = desk.one("key", desk.id, place)
        id_ = desk.base + seq
        row = desk.row(id_)
        if row is not None:
            if row.fingerprint != new.fingerprint:
                raise key_reused("sqlite", desk.name, new, seq)
            dead = desk.dead(row) if row.state >= DEAD else None
            return Enqueued(seq, STATES[row.state], duplicate=True, ended=dead)
        kept = desk.outcome(id_)
        if kept is None:
            desk.run("forget", id_)
            return None
        ended, fingerprint, _ = kept
        if fingerprint != new.fingerprint:
            raise key_reused("sqlite", desk.name, new, seq)
        return Enqueued(
            seq, ended.state, duplicate=True, survivor=ended.survivor, ended=ended
        )

    def _not_stored(
        self, new: NewItem, seq: int, place: bytes, meeting: Meeting
    ) -> Enqueued:
        """Keep only how *new* ended, for its receipt and for its key."""
        desk = self._desk
        pair = bool(meeting.cancelled)
        ended = Ended(
            seq,
            ItemState.CANCELLED if pair else ItemState.SUPERSEDED,
            reason="cancel-pair" if pair else "",
            survivor=meeting.survivor,
            at=desk.now.wall,
            operation=new.operation,
            key_hash=key_hash(new.scope, new.operation, new.key),
        )
        operation = desk.learn(new.operation)
        keep = max(0.0, new.keep_result)
        self._numbers.save()
        keep_outcome(desk, ended, operation, place, new.fingerprint, keep)
        ends = [
            End(id_, ItemState.CANCELLED, "cancel-pair") for id_ in meeting.cancelled
        ]
        return Enqueued(
            seq,
            ended.state,
            survivor=meeting.survivor,
            ended=ended,
            dropped=tuple(self._finish(*ends)),
        )

    # ------------------------------------------------------------------- room

    def _make_room(self, new: NewItem, replaced: Row | None) -> list[Ended]:
        numbers, rules = self._numbers, self._desk.rules
        size = len(new.payload)
        items, freed = 1, 0
        spare = self._mine
        if replaced is not None:
            items, freed = 0, replaced.size
            spare = {*spare, replaced.id}
        dropped: list[Ended] = []
        while (
            numbers.live + items > rules.max_items
            or numbers.bytes + size - freed > rules.max_bytes
        ):
            drops = self._request.overflow == "drop_oldest"
            if drops and size <= rules.max_bytes and rules.max_items > 0:
                oldest = oldest_unheld(self._desk, spare)
                if oldest:
                    dropped += self._finish(End(oldest, ItemState.DEAD, "overflow"))
                    continue
            name = self._desk.name
            raise queue_full("sqlite", name, new, rules, numbers.live, numbers.bytes)
        return dropped

    def _count(self, new: NewItem, row: Row) -> None:
        self._mine.add(row.id)
        self._numbers.live += 1
        self._numbers.bytes += len(new.payload)

    def _finish(self, *ends: End) -> list[Ended]:
        """End items, and look anew how much is live."""
        ended = finish(self._desk, ends)
        self._numbers.look()
        return ended

    def _lease(self, row: Row) -> Item | None:
        desk, request = self._desk, self._request
        if not _leases(request) or row.state != READY:
            return None
        if desk.one("paused", desk.id, row.target, desk.now.steady) is not None:
            return None
        return lease(desk, row.id, request.lease)


def _leases(request: EnqueueRequest) -> bool:
    return request.lease > 0 and len(request.items) == 1


def oldest_unheld(desk: Desk, spare: set[int]) -> int:
    """Return the oldest live item that nobody holds; 0 if there is none to spare."""
    found: list[tuple[int, int]] = []
    for state, _, _, _, target in desk.all("counts", desk.id):
        if state in (READY, WAITING, SCHEDULED, PARKED):
            found += _oldest_of(desk, state, target, spare)
    return min(found, default=(0, 0))[1]


def _oldest_of(
    desk: Desk, state: int, target: int, spare: set[int]
) -> list[tuple[int, int]]:
    """Return the first of each priority: a step in the index each."""
    found: list[tuple[int, int]] = []
    rank, place = -_LARGEST, -1
    while (
        first := desk.one("next_rank", desk.id, state, target, rank, place)
    ) is not None:
        rank, place, id_ = first
        if id_ not in spare:
            found.append((place, id_))
            place = NUMBERS
    return found
