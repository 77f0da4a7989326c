"""What people do: rules, pauses, and items that they let run, discard or cancel."""

from __future__ import annotations

from collections.abc import Sequence

from syncpatterns.engines.sqlite._queue._damage import at_the_desk
from syncpatterns.engines.sqlite._queue._desk import (
    BLOCKS,
    DEAD,
    DEAD_IN_LANE,
    EVER,
    LEASED,
    NUMBERS,
    PARKED,
    WAITING,
    Desk,
    Row,
)
from syncpatterns.engines.sqlite._queue._ends import End, finish
from syncpatterns.engines.sqlite._queue._lanes import free_state, settle_lane, stand
from syncpatterns.engines.sqlite._queue._numbers import Numbers
from syncpatterns.offline_queue._core import Ended, ItemState, Pause, QueueRules


@at_the_desk
def keep_rules(desk: Desk, rules: QueueRules) -> None:
    """Keep *rules*; lanes that they no longer hold up go on."""
    freed = desk.rules.on_dead == "block" != rules.on_dead
    Desk.ruled(desk.connection, desk.name, rules, desk.now)
    desk.rules = rules
    if not freed:
        return
    lanes = [lane for lane, _ in desk.all("blocked_lanes", desk.id)]
    for state in (BLOCKS, DEAD_IN_LANE):
        desk.run("free_the_dead", desk.id, state)
    for lane in lanes:
        settle_lane(desk, lane)


# ---------------------------------------------------------------------- pauses


@at_the_desk
def pause(desk: Desk, target: str, seconds: float, reason: str) -> bool:
    """Stop claims of *target*; False if they are stopped for longer already."""
    if not seconds > 0:
        return False
    until = None if seconds == EVER else desk.now.steady + seconds
    number = desk.learn(target) if target else 0
    return bool(desk.run("pause", desk.id, number, until, reason).rowcount)


@at_the_desk
def resume(desk: Desk, target: str) -> list[Pause]:
    """End pauses, and let go what waited for a sign-in."""
    number = desk.word_id(target) if target else None
    ended: list[Pause] = []
    for of, name, until, reason in desk.all("pauses", desk.id):
        if number is not None and of != number:
            continue
        desk.run("end_pause", desk.id, of)
        if until is None or until > desk.now.steady:
            ended.append(shown_pause(desk, name, until, reason))
    parked = desk.ids("parked_targets", desk.id) if number is None else [number]
    for of in parked:
        for id_ in desk.ids("signed_out", desk.id, of):
            _unpark(desk, id_)
    return ended


def _unpark(desk: Desk, id_: int) -> None:
    desk.run("unpark", id_)
    row = desk.row(id_)
    if row is not None:
        stand(desk, row)


def shown_pause(
    desk: Desk, target: str | None, until: float | None, reason: str
) -> Pause:
    """Return a pause as it is shown; None stands for the queue, and for ever."""
    ahead = desk.now.wall - desk.now.steady
    return Pause(target or "", EVER if until is None else until + ahead, reason)


# ----------------------------------------------------------------------- items


@at_the_desk
def requeue(desk: Desk, seqs: Sequence[int], *, tail: bool) -> list[int]:
    """Let DEAD or PARKED items run again; return those that will.

    Parents go first, whatever the order that was asked for: their children
    then wait for them, and do not run without.
    """
    numbers = Numbers(desk)
    found: list[int] = []
    for seq in sorted(set(seqs)):
        row = desk.row(desk.id_of(seq))
        if row is None or row.state not in (PARKED, DEAD, BLOCKS, DEAD_IN_LANE):
            continue
        moves = tail and not _is_awaited(desk, row.id)
        place = numbers.next() if moves else row.place
        _revive(desk, row, place)
        found.append(seq)
    if tail and found:
        numbers.save()
    return found


def _is_awaited(desk: Desk, id_: int) -> bool:
    """Tell whether others wait for an item; see `QueueStore.requeue`."""
    return desk.family and bool(desk.all("children", id_))


def _revive(desk: Desk, row: Row, place: int) -> None:
    """Let one run again.

    Its ages count anew, as somebody vouches for it: else what was sent a day
    ago would be parked again at once, and what is past its time expire.
    """
    desk.run("let_go", row.id)
    (blocked,) = desk.one("open_edges", row.id)
    lifetime = row.lifetime
    expires_at = None
    if row.expires_at is not None:
        lifetime = row.expires_at - row.created_at if lifetime is None else lifetime
        expires_at = desk.now.wall + lifetime
    state = WAITING if row.lane is not None else free_state(desk, blocked, None)
    desk.run(
        "revive",
        state,
        desk.now.steady,
        blocked,
        None if row.sent_at is None else desk.now.wall,
        expires_at,
        lifetime,
        place,
        row.id,
    )
    if row.lane is not None:
        settle_lane(desk, row.lane)
    if row.state != PARKED:
        desk.run("reopen", row.id)


@at_the_desk
def discard(desk: Desk, seqs: Sequence[int]) -> list[Ended]:
    """End DEAD and PARKED items for good."""
    ended: list[Ended] = []
    for seq in seqs:
        row = desk.row(desk.id_of(seq))
        if row is None or row.state < PARKED:
            continue
        reason = "by-hand" if row.state == PARKED else row.reason or ""
        end = End(row.id, ItemState.DEAD, reason, row.error or "", discard=True)
        ended += finish(desk, [end])
    return ended


@at_the_desk
def cancel(desk: Desk, seqs: Sequence[int]) -> list[Ended]:
    """End items that nobody holds."""
    ended: list[Ended] = []
    for seq in seqs:
        row = desk.row(desk.id_of(seq))
        if row is not None and row.state <= PARKED and row.state != LEASED:
            ended += finish(desk, [End(row.id, ItemState.CANCELLED, "by-hand")])
    return ended


@at_the_desk
def sent_before(desk: Desk, seq: int, at: float) -> None:
    """Note that an item, which counts as sent, was first sent at *at*, elsewhere."""
    desk.run("sent_before", min(at, desk.now.wall), desk.id_of(seq))


@at_the_desk
def purge(desk: Desk, limit: int) -> int:
    """Forget up to *limit* outcomes that are past their time; return how many."""
    if limit <= 0:
        return 0
    rows = desk.all("forgotten", desk.id, desk.now.wall, min(limit, NUMBERS))
    for id_, place in rows:
        desk.run("forget", id_)
        # Unless the key was used anew meanwhile.
        desk.run("forget_key", desk.id, place, id_ - desk.base)
    if len(rows) < limit:
        desk.run("empty_counts", desk.id)
    return len(rows)
