"""What time alone does: leases end, ages are reached, items fall due.

At most a few hundred rows a transaction, so that nobody waits for the write lock
while 100,000 items fall due together.

In the order that `QueueStore.stage` promises. What falls due lies in one index with
the leases and is met with them; so it is only let go there, and its age is asked
for in its turn. Worked failure: 2 (due now, too old since 10:50) was ended when it
was met, before 3 (too old since 10:40), which stands before 6 in its lane and
should have taken it along; 6, a child of 2, ended as DEAD("parent") instead.
"""

from __future__ import annotations

from typing import Final

from syncpatterns.engines.sqlite._queue._damage import at_the_desk
from syncpatterns.engines.sqlite._queue._desk import (
    DEAD,
    EVER,
    LEASED,
    SCHEDULED,
    Desk,
    Row,
    hash_of,
)
from syncpatterns.engines.sqlite._queue._ends import End, finish
from syncpatterns.engines.sqlite._queue._lanes import free_state, settle_lane
from syncpatterns.offline_queue._core import Ended, Hold, ItemState, Staged

#: Rows a transaction.
BATCH: Final = 500
#: Facts of a kind that are kept until somebody asks: a process may never ask.
_KEPT: Final = 10_000


class Told:
    """What time has changed and nobody has told yet.

    A claim that finds leases ended does what a `stage` would do; what became of
    the items is told by the next stage of this process.
    """

    __slots__ = ("ended", "lapsed", "names", "parked", "ready", "resumed")

    def __init__(self) -> None:
        self.ready = 0
        self.lapsed: list[Hold] = []
        self.ended: list[Ended] = []
        self.parked: list[int] = []
        self.resumed: list[str] = []
        self.names: dict[int, tuple[str, str]] = {}

    def name(self, desk: Desk, row: Row) -> int:
        """Note what an item is called, and return its number."""
        seq = row.id - desk.base
        self.names[seq] = desk.word(row.operation), hash_of(desk, row)
        return seq

    def __bool__(self) -> bool:
        return bool(
            self.ready or self.lapsed or self.ended or self.parked or self.resumed
        )

    def add(self, other: Told) -> None:
        """Take in what happened after this."""
        self.ready += other.ready
        self.lapsed = (self.lapsed + other.lapsed)[-_KEPT:]
        self.ended = (self.ended + other.ended)[-_KEPT:]
        self.parked = (self.parked + other.parked)[-_KEPT:]
        self.resumed = (self.resumed + other.resumed)[-_KEPT:]
        self.names = dict(list({**self.names, **other.names}.items())[-_KEPT:])

    def staged(self, next_due: float) -> Staged:
        """Return it as the ports say it."""
        return Staged(
            self.ready,
            tuple(self.lapsed),
            tuple(self.ended),
            tuple(self.parked),
            tuple(self.resumed),
            next_due,
            self.names,
        )


@at_the_desk
def advance(desk: Desk, told: Told) -> bool:
    """Do what is due, a batch of it; True if that was all.

    Args:
        desk: Of the queue.
        told: Gets what was done.
    """
    left = BATCH
    for work in (_wake, _end_the_old, _park_the_unknown):
        left -= work(desk, told, left)
        if left <= 0:
            break
    parked = set(told.parked)
    told.lapsed = [hold for hold in told.lapsed if hold.seq not in parked]
    return left > 0


@at_the_desk
def end_pauses(desk: Desk, told: Told) -> None:
    """End the pauses that have run out."""
    for target, name, until, _ in desk.all("pauses", desk.id):
        if until is not None and until <= desk.now.steady:
            desk.run("end_pause", desk.id, target)
            told.resumed.append(name or "")


@at_the_desk
def next_due(desk: Desk) -> float:
    """Return the seconds until time changes something again."""
    now = desk.now
    pauses = [until for *_, until, _ in desk.all("pauses", desk.id)]
    waits = [until - now.steady for until in pauses if until is not None]
    (wake,) = desk.one("next_wake", desk.id)
    if wake is not None:
        waits.append(wake - now.steady)
    (expiry,) = desk.one("next_expiry", desk.id)
    if expiry is not None:
        waits.append(expiry - now.wall)
    (sent_at,) = desk.one("next_too_old", desk.id)
    if sent_at is not None:
        waits.append(sent_at + desk.rules.redeliver_within - now.wall)
    return max(0.0, min(waits, default=EVER))


def _wake(desk: Desk, told: Told, limit: int) -> int:
    """Let go what is due, and what a worker gave no sign of life about."""
    ids = desk.ids("wakes", desk.id, desk.now.steady, limit)
    for id_ in ids:
        row = desk.row(id_)
        if row is None:
            continue  # it went with one before it
        if row.state == LEASED:
            _lapse(desk, row, told)
        elif row.state != SCHEDULED:
            desk.run("stand", row.state, None, id_)  # changed by hand: nothing to wake
        else:
            desk.run("stand", free_state(desk, row.blocked, row.due_at), None, id_)
            told.ready += not _is_old(desk, row)
    return len(ids)


def _lapse(desk: Desk, row: Row, told: Told) -> None:
    if row.lapses + 1 >= desk.rules.max_lapses:
        poison = End(row.id, ItemState.DEAD, "poison", row.error or "")
        desk.run("lapse", LEASED, row.wake, row.id)
        told.ended += finish(desk, [poison])
        return
    state = free_state(desk, row.blocked, row.due_at)
    wake = row.due_at if state == SCHEDULED else None
    desk.run("lapse", state, wake, row.id)
    told.lapsed.append(Hold(told.name(desk, row), row.token))
    if row.lane is not None:
        desk.run("stand", 1, None, row.id)
        settle_lane(desk, row.lane)


def _is_old(desk: Desk, row: Row) -> bool:
    """Tell whether an item that nobody holds is to be ended or parked for its age."""
    now = desk.now
    if row.sent_at is None:
        return row.expires_at is not None and row.expires_at <= now.wall
    return row.sent_at <= now.wall - desk.rules.redeliver_within


def _end_the_old(desk: Desk, told: Told, limit: int) -> int:
    """End what was never sent and is not worth doing any more."""
    ids = desk.ids("expired", desk.id, desk.now.wall, limit)
    for id_ in ids:
        row = desk.row(id_)
        if row is None or row.state >= DEAD or row.sent_at is not None:
            continue  # it went with one before it
        told.ended += finish(desk, [End(id_, ItemState.EXPIRED, "expired")])
    return len(ids)


def _park_the_unknown(desk: Desk, told: Told, limit: int) -> int:
    """Park what was sent so long ago that its key may be forgotten over there."""
    before = desk.now.wall - desk.rules.redeliver_within
    ids = desk.ids("too_old", desk.id, before, limit)
    for id_ in ids:
        row = desk.row(id_)
        if row is None or row.state >= LEASED:
            continue
        desk.run("park", row.sent_at, "unknown", row.error, id_)
        told.parked.append(told.name(desk, row))
        if row.lane is not None:
            settle_lane(desk, row.lane)
    return len(ids)
