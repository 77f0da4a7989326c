"""What a sealed queue asks of its store: each call once, for threads and loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from syncpatterns._flow import Effect, Flow
from syncpatterns.errors import KeyReused
from syncpatterns.offline_queue._core import (
    LIVE,
    Ack,
    Ended,
    Enqueued,
    Filter,
    Item,
    ItemState,
    LanePolicy,
    NewItem,
    Parent,
    ParentPolicy,
    Replace,
    Settled,
    Settlement,
)
from syncpatterns.offline_queue._sealing._seals import Seals, ShutItem

if TYPE_CHECKING:
    from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest, Turn

_PAGE: Final = 500
#: A new item waits for so many that were stored in the clear, the newest.
_MOST: Final = 100
#: What becomes of whoever stands behind one that ends undone, said of a parent.
_POLICIES: Final[dict[LanePolicy, ParentPolicy]] = {
    "continue": "run",
    "block": "hold",
    "cascade": "cascade",
}


class Call(Effect[Any]):
    """A method of the store, by name."""

    __slots__ = ("args", "method", "options")

    def __init__(self, method: str, *args: Any, **options: Any) -> None:
        self.method = method
        self.args = args
        self.options = options


def enqueue(
    seals: Seals, request: EnqueueRequest, on_dead: LanePolicy, tx: Any = None
) -> Flow[Call, list[Enqueued]]:
    """Store what is asked for, sealed."""
    inside: dict[str, Any] = {} if tx is None else {"tx": tx}
    items: list[NewItem] = []
    for each in request.items:
        parents = yield from _behind(seals, request.queue, each, on_dead)
        items.append(seals.item_in(each)._replace(parents=parents))
    stored: list[Enqueued]
    try:
        stored = yield from Call("enqueue", request._replace(items=items), **inside)
    except KeyReused:
        again = yield from _as_before(seals, request, items)
        if again == items:
            raise
        stored = yield from Call("enqueue", request._replace(items=again), **inside)
    return [enqueued_out(seals, each) for each in stored]


def _behind(
    seals: Seals, queue: str, new: NewItem, on_dead: LanePolicy
) -> Flow[Call, tuple[Parent, ...]]:
    """Return what *new* waits for: its own, and what waits in its lane in the clear.

    Stored before there was a seal, those stand in the lane ``lead:7``, and *new*
    would overtake them in the lane that a pseudonym names. Looking and storing
    are two steps, and another process may be between them; waiting for a parent
    that has ended meanwhile is waiting for nothing, so the order holds.
    """
    if new.lane is None or seals.require or not seals.seals:
        return new.parents
    states = (*LIVE, ItemState.DEAD) if on_dead == "block" else LIVE
    which = Filter(states=states, lane=new.lane)
    numbers = [each.seq for each in (yield from _all(queue, which))]
    meets = new.coalesce
    if meets is not None and meets.how == "replace":
        # What was merged is replaced only by one that waits for the same.
        ended = yield from Call("parents", queue, meets.expected)
        numbers = sorted({*ended, *numbers})
    if not numbers:
        return new.parents
    policy = _POLICIES[on_dead]
    known = {parent.seq for parent in new.parents}
    more = [Parent(seq, policy) for seq in numbers[-_MOST:] if seq not in known]
    return (*new.parents, *more)


def _all(queue: str, which: Filter) -> Flow[Call, list[Item]]:
    found: list[Item] = []
    after = 0
    while True:
        page: list[Item] = yield from Call("items", queue, which, after, _PAGE)
        found += page
        if len(page) < _PAGE:
            return found
        after = page[-1].seq


def _as_before(
    seals: Seals, request: EnqueueRequest, items: list[NewItem]
) -> Flow[Call, list[NewItem]]:
    """Return *items* with the fingerprints of what was stored in the clear.

    Sent again after the queue got its seal, an action of before has the same key
    and another fingerprint. What is known by its key is compared by the old one;
    the store answers, and keeps nothing of it.
    """
    if seals.require or not seals.seals:
        return items
    again: list[NewItem] = []
    for given, new in zip(request.items, items, strict=True):
        seq = yield from Call("find", request.queue, new.scope, new.operation, new.key)
        known = seq is not None
        again.append(new._replace(fingerprint=given.fingerprint) if known else new)
    return again


def enqueued_out(seals: Seals, stored: Enqueued) -> Enqueued:
    """Return *stored* with what it holds of an item opened."""
    if stored.claimed is None and stored.ended is None:  # as it mostly is
        return stored
    if stored.claimed is not None:
        stored = stored._replace(claimed=seals.item_out(stored.claimed))
    if stored.ended is not None:
        stored = stored._replace(ended=seals.ended_out(stored.ended))
    return stored


def settle(
    seals: Seals, queue: str, settlements: Sequence[Settlement], tx: Any = None
) -> Flow[Call, list[Settled]]:
    """Settle, with results and replacements sealed."""
    inside: dict[str, Any] = {} if tx is None else {"tx": tx}
    said = yield from _settlements(seals, queue, settlements)
    settled: list[Settled] = yield from Call("settle", queue, said, **inside)
    return settled


def settle_and_claim(
    seals: Seals, request: ClaimRequest, settlements: Sequence[Settlement]
) -> Flow[Call, Turn]:
    """Settle, with results and replacements sealed, and open what is claimed."""
    said = yield from _settlements(seals, request.queue, settlements)
    turn: Turn = yield from Call("settle_and_claim", request, said)
    return turn._replace(items=[seals.item_out(each) for each in turn.items])


def _settlements(
    seals: Seals, queue: str, settlements: Sequence[Settlement]
) -> Flow[Call, list[Settlement]]:
    said: list[Settlement] = []
    for each in settlements:
        if isinstance(each, Ack):
            result = seals.result_in(each.hold.seq, each.result)
            said.append(each._replace(result=result))
        elif isinstance(each, Replace):
            said.append((yield from _replacement(seals, queue, each)))
        else:
            said.append(each)
    return said


def _replacement(seals: Seals, queue: str, put: Replace) -> Flow[Call, Replace]:
    """Return *put* sealed; in the lane of the old one, also if that lies open."""
    new = put.item
    lane = new.lane
    old: Item | None = yield from Call("get", queue, put.hold.seq)
    in_the_clear = lane is not None and old is not None and old.lane == lane
    return put._replace(item=seals.item_in(new, lane=not in_the_clear))


def waiting(
    seals: Seals, queue: str, operation: str, entity: str, scope: str
) -> Flow[Call, Item | None]:
    """Return what a new item could be merged with, if it can be opened."""
    item: Item | None = yield from Call(
        "waiting", queue, operation, seals.entity(entity), scope
    )
    if item is None:
        return None
    item = seals.item_out(item)
    return None if isinstance(item, ShutItem) else item


def items(
    seals: Seals, queue: str, which: Filter, after: int, limit: int
) -> Flow[Call, list[Item]]:
    """Return items; a lane's are those of its pseudonym, and those in the clear."""
    found: list[Item] = yield from Call("items", queue, which, after, limit)
    if which.lane is not None and seals.seals:
        named = which._replace(lane=seals.lane(which.lane))
        more: list[Item] = yield from Call("items", queue, named, after, limit)
        found = sorted([*found, *more], key=lambda item: item.seq)[:limit]
    return [seals.item_out(each) for each in found]


def get(seals: Seals, queue: str, seq: int) -> Flow[Call, Item | None]:
    """Return an item."""
    item: Item | None = yield from Call("get", queue, seq)
    return None if item is None else seals.item_out(item)


def ended(seals: Seals, queue: str, seq: int) -> Flow[Call, Ended | None]:
    """Return how an item ended."""
    found: Ended | None = yield from Call("ended", queue, seq)
    return None if found is None else seals.ended_out(found)


def parents(seals: Seals, queue: str, seq: int) -> Flow[Call, dict[int, Ended]]:
    """Return how the parents of an item ended."""
    found: dict[int, Ended] = yield from Call("parents", queue, seq)
    return {parent: seals.ended_out(each) for parent, each in found.items()}


def blocked_lanes(seals: Seals, queue: str) -> Flow[Call, dict[str, int]]:
    """Return the lanes that are held up, by name where that can be opened."""
    found: dict[str, int] = yield from Call("blocked_lanes", queue)
    if not seals.seals:
        return found
    named: dict[str, int] = {}
    for lane, seq in found.items():
        item = yield from get(seals, queue, seq)
        name = lane if item is None or item.lane is None else item.lane
        # Both may be held up, the lane and the one of before that lies open.
        named[lane if name in found else name] = seq
    return named
