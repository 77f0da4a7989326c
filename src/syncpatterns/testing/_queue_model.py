"""What the contract says about one queue: a model to compare stores with.

Written from the contract, not from a store: each rule in a few lines over plain
lists, looking at everything each time, with no index and no counter. Time is
two numbers: `steady` for leases, delays and pauses, `wall` for ages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from syncpatterns.offline_queue._core import NewItem, QueueRules

__all__ = ["Answer", "Edge", "ModelItem", "QueueModel", "TimePassed"]

EVER: Final = float("inf")
FREE: Final = ("ready", "waiting", "scheduled")
UNHELD: Final = (*FREE, "parked")


@dataclass(eq=False)
class Edge:
    """One parent of a child.

    Attributes:
        parent: The one that was named.
        policy: ``cascade``, ``hold`` or ``run``.
        waits: The parent, or the one that took its place.
        outcome: How that ended: state and result.
        open: Whether the child still waits for it.
    """

    parent: ModelItem
    policy: str
    waits: ModelItem
    outcome: tuple[str, bytes] | None = None
    open: bool = True


@dataclass(eq=False)
class ModelItem:
    """One item, for as long as anything is known about it."""

    new: NewItem
    place: int
    due: float
    expires: float
    edges: list[Edge] = field(default_factory=list[Edge])
    state: str = "waiting"
    seq: int = 0
    token: int = 0
    sent_token: int = 0
    deliveries: int = 0
    attempts: int = 0
    lapses: int = 0
    sent_at: float | None = None
    until: float = 0.0
    reason: str = ""
    result: bytes = b""
    survivor: ModelItem | None = None
    ended_at: float = 0.0
    holds_lane: bool = False
    forgotten: bool = False

    @property
    def blocked(self) -> int:
        """How many parents it waits for."""
        return sum(edge.open for edge in self.edges)


@dataclass
class Answer:
    """What an enqueue comes to.

    Attributes:
        what: ``stored``, ``known``, ``reused``, ``full``, ``kept-first`` or
            ``cancelled``.
        item: The new item, or the known one.
        ended: What ended because of it.
    """

    what: str
    item: ModelItem | None = None
    ended: list[ModelItem] = field(default_factory=list[ModelItem])


@dataclass
class TimePassed:
    """What time alone did."""

    ready: int = 0
    lapsed: list[ModelItem] = field(default_factory=list[ModelItem])
    ended: list[ModelItem] = field(default_factory=list[ModelItem])
    parked: list[ModelItem] = field(default_factory=list[ModelItem])
    resumed: list[str] = field(default_factory=list[str])


class QueueModel:
    """One queue.

    Args:
        rules: What it goes by.
        wall: The time of day.
    """

    def __init__(self, rules: QueueRules, wall: float) -> None:
        self.rules = rules
        self.steady = 0.0
        self.wall = wall
        self.rows: list[ModelItem] = []  # live and DEAD
        self.past: list[ModelItem] = []  # of which only the outcome is kept
        self.pauses: dict[str, float] = {}
        self._places = 0

    # ------------------------------------------------------------------ looking

    def known(self, new: NewItem) -> ModelItem | None:
        """Return what has the key of *new*: an item, or an outcome in its time (I5)."""
        for item in (*self.rows, *reversed(self.past)):
            same = item.new.identity == new.identity
            if same and (item in self.rows or self.remembered(item)):
                return item
        return None

    def remembered(self, item: ModelItem) -> bool:
        """Tell whether the outcome of *item* is still kept."""
        in_time = item.ended_at + item.new.keep_result > self.wall
        return in_time and not item.forgotten

    def live(self) -> list[ModelItem]:
        """Return what counts for capacity."""
        return [item for item in self.rows if item.state != "dead"]

    def lane(self, name: str | None) -> list[ModelItem]:
        """Return those with a place in a lane, in its order; none without a name."""
        members = [
            item
            for item in self.rows
            if name is not None and item.new.lane == name
            if item.state != "dead" or item.holds_lane
        ]
        return sorted(members, key=lambda item: (item.place, item.seq))

    def blocked_lanes(self) -> dict[str, int]:
        """Return the lanes whose head is DEAD."""
        heads = {name: self.lane(name)[0] for name in self._lanes() if self.lane(name)}
        return {name: head.seq for name, head in heads.items() if head.state == "dead"}

    def paused(self, target: str) -> bool:
        """Tell whether nothing may be claimed of *target*."""
        return any(self.pauses.get(each, 0.0) > self.steady for each in ("", target))

    def next_due(self) -> float:
        """Return the seconds until time changes something."""
        waits = [until - self.steady for until in self.pauses.values()]
        for item in self.rows:
            if item.state == "leased":
                waits.append(item.until - self.steady)
            if item.state == "scheduled":
                waits.append(item.due - self.steady)
            if item.state in UNHELD and item.sent_at is None:
                waits.append(item.expires - self.wall)
            if item.state in FREE and item.sent_at is not None:
                waits.append(item.sent_at + self.rules.redeliver_within - self.wall)
        return max(0.0, min(waits, default=EVER))

    # ---------------------------------------------------------------- enqueueing

    def enqueue(
        self, new: NewItem, edges: Sequence[Edge] = (), *, drop: bool = False
    ) -> Answer:
        """Store *new*, whose `parents` are *edges*."""
        known = self.known(new)
        if known is not None:
            same = known.new.fingerprint == new.fingerprint
            return Answer("known" if same else "reused", known)
        self._read_past(edges)
        how = "" if new.coalesce is None else new.coalesce.how
        run = self._run(new) if how == "cancel_pair" else []
        partner = self.partner(new) if how in ("keep_first", "last_write") else None
        item = self._make(new, edges)
        if partner is not None and how == "keep_first":
            self._put_past(item, "superseded", survivor=partner)
            return Answer("kept-first", item)
        if run:
            self._put_past(item, "cancelled", "cancel-pair")
            return Answer("cancelled", item, self.end("cancelled", "cancel-pair", run))
        ended = [] if self._is_fatal(item) else self._make_room(partner, drop=drop)
        if ended is None:
            return Answer("full")
        self._read_past(edges)  # a parent may have had to go
        self.purge(new.identity)
        if partner is not None:
            item.place = partner.place
        self.rows.append(item)
        if partner is not None:
            ended += self.end("superseded", "", [partner], survivor=item)
        if self._is_fatal(item):
            self.end("dead", "parent", [item])
        self.settle()
        return Answer("stored", item, ended)

    def purge(self, identity: bytes | None = None) -> None:
        """Forget what is past its time, for good: also if the clock goes back."""
        for item in self.past:
            if identity in (None, item.new.identity) and not self.remembered(item):
                item.forgotten = True

    def _make(self, new: NewItem, edges: Sequence[Edge]) -> ModelItem:
        self._places += 1
        due = self.steady + max(0.0, new.delay)
        return ModelItem(
            new, self._places, due, self.wall + new.expires_in, list(edges)
        )

    def _put_past(
        self,
        item: ModelItem,
        state: str,
        reason: str = "",
        survivor: ModelItem | None = None,
    ) -> None:
        self.purge(item.new.identity)
        item.state, item.reason, item.survivor = state, reason, survivor
        item.ended_at = self.wall
        self.past.append(item)

    def _make_room(
        self, partner: ModelItem | None, *, drop: bool
    ) -> list[ModelItem] | None:
        """Return what had to go; None if there is no room, and nothing went."""
        spare = [item for item in self.live() if item.state == "leased"]
        least = len(spare) + (partner is not None and partner not in spare)
        wanted = self.rules.max_items - (partner is None)
        if len(self.live()) > wanted and (not drop or least > wanted):
            return None
        ended: list[ModelItem] = []
        while len(self.live()) > wanted:
            unheld = [item for item in self.live() if item.state in UNHELD]
            oldest = min(
                (item for item in unheld if item is not partner),
                key=lambda item: (item.place, item.seq),
            )
            ended += self.end("dead", "overflow", [oldest])
        return ended

    def partner(self, new: NewItem) -> ModelItem | None:
        """Return the item that *new* may meet: nothing lies between them."""
        same = [
            item
            for item in self.rows
            if item.new.lane == new.lane and self.undelivered(item)
            if (item.new.entity, item.new.operation) == (new.entity, new.operation)
            if item.new.scope == new.scope
            if {edge.parent.seq for edge in item.edges} == {p.seq for p in new.parents}
        ]
        newest = max(same, key=lambda item: item.place, default=None)
        if newest is None or new.entity is None or new.lane is None:
            return newest if new.entity is not None else None
        return newest if self.lane(new.lane)[-1] is newest else None

    def undelivered(self, item: ModelItem) -> bool:
        """Tell whether it certainly reached nobody, and still will be delivered."""
        unsent = item.state in UNHELD and item.sent_at is None
        return unsent and item.expires > self.wall

    def _run(self, new: NewItem) -> list[ModelItem]:
        """Return the run from the item that creates on, if nothing breaks it."""
        creates = "" if new.coalesce is None else new.coalesce.creates
        members = self.lane(new.lane)
        if new.lane is None:
            members = [
                item
                for item in sorted(self.live(), key=lambda item: item.place)
                if item.new.lane is None and _about(item.new) == _about(new)
            ]
        run: list[ModelItem] = []
        for item in reversed(members):
            if _about(item.new) != _about(new) or not self.undelivered(item):
                return []
            run.insert(0, item)
            if item.new.operation == creates:
                return run
        return []

    # -------------------------------------------------------------------- ending

    def end(
        self,
        state: str,
        reason: str,
        items: Iterable[ModelItem],
        *,
        survivor: ModelItem | None = None,
        final: bool = False,
    ) -> list[ModelItem]:
        """End items, and those that end because of it; return all of them."""
        todo = [(item, state, reason) for item in items]
        firsts = [item for item, _, _ in todo] if final else []
        told: list[ModelItem] = []
        while todo:
            item, how, why = todo.pop(0)
            was_dead = item.state == "dead"
            ends_for_good = item in firsts
            if item not in self.rows or (was_dead and not ends_for_good):
                continue
            policy = "continue" if item.new.lane is None else self.rules.on_dead
            if how == "expired" and policy == "block":
                how = "dead"  # only an item that is there can hold a lane
            behind = [each for each in self.lane(item.new.lane) if each.state in FREE]
            behind = [each for each in behind if each.place > item.place]
            item.state, item.reason, item.ended_at = how, why, self.wall
            item.survivor = survivor
            told.append(item)
            if how == "dead" and not ends_for_good:
                item.holds_lane = policy == "block"
            else:
                self.rows.remove(item)
                self.past.append(item)
            undone = how in ("dead", "expired") and not ends_for_good
            if policy == "cascade" and undone:
                todo += [(each, "dead", "predecessor") for each in behind]
            if not was_dead:
                todo += [(each, "dead", "parent") for each in self._tell(item)]
        self.settle()
        return told

    def _tell(self, parent: ModelItem) -> list[ModelItem]:
        """Tell the children of *parent*; return those that end with it."""
        fatal: list[ModelItem] = []
        for child in self.rows:
            for edge in child.edges:
                if edge.waits is parent and edge.open:
                    self._conclude(edge, parent)
            if child.state == "waiting" and self._is_fatal(child):
                fatal.append(child)
        return fatal

    @staticmethod
    def _conclude(edge: Edge, ended: ModelItem) -> None:
        if ended.state == "superseded" and ended.survivor is not None:
            edge.waits = ended.survivor
            return
        edge.outcome = (ended.state, ended.result)
        edge.open = ended.state != "done" and edge.policy != "run"

    def _read_past(self, edges: Sequence[Edge]) -> None:
        """Parents that had ended before are known at once."""
        for edge in edges:
            while edge.waits.state == "superseded" and edge.waits.survivor is not None:
                edge.waits = edge.waits.survivor
            if edge.open and edge.waits.state not in (*UNHELD, "leased"):
                self._conclude(edge, edge.waits)

    @staticmethod
    def _is_fatal(child: ModelItem) -> bool:
        return any(
            edge.open and edge.outcome is not None and edge.policy == "cascade"
            for edge in child.edges
        )

    # --------------------------------------------------------------------- lanes

    def _lanes(self) -> list[str]:
        names = {item.new.lane: None for item in self.rows}
        return [name for name in names if name is not None]

    def settle(self) -> None:
        """Let the head of each lane go, and nobody else (I3, I4)."""
        for name in self._lanes():
            members = self.lane(name)
            leased = any(item.state == "leased" for item in members)
            for item in members:
                if item.state in FREE and (leased or item is not members[0]):
                    item.state = "waiting"
            if members and not leased:
                self._let_go(members[0])
        for item in self.rows:
            if item.new.lane is None:
                self._let_go(item)

    def _let_go(self, item: ModelItem) -> None:
        if item.state == "waiting" and not item.blocked:
            item.state = "scheduled" if item.due > self.steady else "ready"


def _about(new: NewItem) -> tuple[str | None, str]:
    """Return what an item is about: one thing of one tenant."""
    return new.entity, new.scope
