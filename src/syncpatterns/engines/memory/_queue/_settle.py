"""What workers say about the items they held, and people about those that stand."""

from __future__ import annotations

from collections.abc import Sequence

from syncpatterns.engines.memory._queue._claims import held
from syncpatterns.engines.memory._queue._ends import (
    End,
    finish,
    is_fatal,
    settle_lane,
    stand,
)
from syncpatterns.engines.memory._queue._enqueue import edges_of, new_row
from syncpatterns.engines.memory._queue._rows import QueueTable
from syncpatterns.engines.memory._queue._values import Now, Row
from syncpatterns.offline_queue._core import (
    Ack,
    Ended,
    Fail,
    ItemState,
    Nack,
    NewItem,
    Park,
    Pause,
    QueueRules,
    Release,
    Settled,
    Settlement,
    key_reused,
)

_EVER = float("inf")
_STANDS = (ItemState.DEAD, ItemState.PARKED)
_UNHELD = (
    ItemState.READY,
    ItemState.WAITING,
    ItemState.SCHEDULED,
    ItemState.PARKED,
)


def configure(table: QueueTable, rules: QueueRules, now: Now) -> None:
    """Keep *rules*; lanes that they no longer hold up go on."""
    freed = table.rules.on_dead == "block" != rules.on_dead
    table.rules = rules
    table.changed += 1
    if not freed:
        return
    lanes: dict[str, None] = {}
    for row in [row for row in table.rows.values() if row.holds_lane]:
        table.write(row._replace(holds_lane=False))
        if row.item.lane is not None:
            lanes[row.item.lane] = None
    for lane in lanes:
        settle_lane(table, lane, now)


def settle(table: QueueTable, said: Settlement, now: Now) -> Settled:
    """Do what one worker says, if it still holds the item."""
    seq = said.hold.seq
    row = held(table, said.hold)
    if row is None:
        return Settled(accepted=False, seq=seq)
    if isinstance(said, Ack):
        ended = finish(table, [End(seq, ItemState.DONE, result=said.result)], now)
        return Settled(accepted=True, seq=seq, ended=tuple(ended))
    if isinstance(said, Fail):
        if said.failed:
            table.write(row.with_item(attempts=row.item.attempts + 1))
        end = End(seq, ItemState.DEAD, said.reason, said.error, discard=said.discard)
        return Settled(True, seq, tuple(finish(table, [end], now)))  # noqa: FBT003 - accepted
    if isinstance(said, Nack):
        failed = row.with_item(attempts=row.item.attempts + 1)
        _put_back(table, failed, said.delay, said.error, now)
    elif isinstance(said, Release):
        _put_back(table, _unsent(row, unsent=said.unsent), said.delay, said.error, now)
    elif isinstance(said, Park):
        row = _unsent(row, unsent=said.unsent)
        table.write(
            row.with_item(
                state=ItemState.PARKED,
                reason=said.reason,
                error=said.error,
                lease_until=0.0,
            )
        )
        if row.item.lane is not None:
            settle_lane(table, row.item.lane, now)
    else:
        return _replace(table, row, said.item, now)
    return Settled(accepted=True, seq=seq)


def requeue(
    table: QueueTable, seqs: Sequence[int], now: Now, *, tail: bool
) -> list[int]:
    """Let DEAD or PARKED items run again; return those that will.

    Parents go first, whatever the order that was asked for: their children
    then wait for them, and do not run without.
    """
    return [seq for seq in sorted(set(seqs)) if _requeue(table, seq, now, tail=tail)]


def _requeue(table: QueueTable, seq: int, now: Now, *, tail: bool) -> bool:
    """Let one run again; False if it is neither.

    Its ages count anew, as somebody vouches for it: else what was sent a day
    ago would be parked again at once, and what is past its time expire.
    """
    row = table.rows.get(seq)
    if row is None or row.item.state not in _STANDS:
        return False
    moves = tail and not _is_awaited(table, seq)
    # A parent that is alive again is waited for; one that ended badly is not.
    edges = tuple(
        edge._replace(open=edge.open and edge.outcome is None) for edge in row.edges
    )
    row = row._replace(
        edges=edges,
        holds_lane=False,
        since=0.0,
        place=table.number() if moves else row.place,
    )
    sent = row.item.sent_at is not None
    was_dead = row.item.state is ItemState.DEAD
    row = row.with_item(
        attempts=0,
        lapses=0,
        reason="",
        error="",
        due_at=now.steady,
        sent_at=now.wall if sent else None,
        expires_at=now.wall + row.lifetime,
        blocked=sum(edge.open for edge in edges),
    )
    stand(table, row, now)
    if was_dead:
        _reopen(table, seq)
    return True


def _is_awaited(table: QueueTable, seq: int) -> bool:
    """Tell whether others wait for an item; see `QueueStore.requeue`."""
    return any(
        edge.open and edge.waits_for == seq
        for (child,) in table.index.children.get(seq, ())
        for edge in table.rows[child].edges
    )


def discard(table: QueueTable, seqs: Sequence[int], now: Now) -> list[Ended]:
    """End DEAD and PARKED items for good."""
    ended: list[Ended] = []
    for seq in seqs:
        row = table.rows.get(seq)
        if row is None or row.item.state not in _STANDS:
            continue
        item = row.item
        reason = item.reason if item.state is ItemState.DEAD else "by-hand"
        end = End(seq, ItemState.DEAD, reason, item.error, discard=True)
        ended += finish(table, [end], now)
    return ended


def cancel(table: QueueTable, seqs: Sequence[int], now: Now) -> list[Ended]:
    """End items that nobody holds."""
    ended: list[Ended] = []
    for seq in seqs:
        row = table.rows.get(seq)
        if row is not None and row.item.state in _UNHELD:
            ended += finish(table, [End(seq, ItemState.CANCELLED, "by-hand")], now)
    return ended


def pause(
    table: QueueTable, target: str, seconds: float, reason: str, now: Now
) -> None:
    """Stop claims of *target*, unless they are stopped for longer already."""
    until = now.steady + seconds
    before = table.pauses.get(target)
    if seconds > 0 and (before is None or until > before[0]):
        table.pauses[target] = (until, reason)
        table.changed += 1


def resume(table: QueueTable, target: str, now: Now) -> list[Pause]:
    """End pauses, and let go what waited for a sign-in."""
    targets = [target] if target else list(table.pauses)
    ended = [shown for each in targets if (shown := shown_pause(table, each, now))]
    for each in targets:
        if table.pauses.pop(each, None) is not None:
            table.changed += 1
    parked = table.index.parked
    waits = sorted(
        seq
        for (of, why), seqs in parked.items()
        if why == "sign-in" and of == (target or of)
        for (seq,) in seqs
    )
    for seq in waits:
        row = table.rows[seq].with_item(reason="", error="")
        stand(table, row, now)
    return ended


def shown_pause(table: QueueTable, target: str, now: Now) -> Pause | None:
    """Return the pause of *target*, if it is in force."""
    until, reason = table.pauses.get(target, (-_EVER, ""))
    if until <= now.steady:
        return None
    return Pause(target, until + now.wall - now.steady, reason)


def _put_back(table: QueueTable, row: Row, delay: float, error: str, now: Now) -> None:
    due = now.steady + max(0.0, delay)
    stand(table, row.with_item(due_at=due, error=error), now)


def _unsent(row: Row, *, unsent: bool) -> Row:
    # Only the delivery that first reached out can say that it reached nobody.
    if unsent and row.sent_token == row.item.token:
        return row.with_item(sent_at=None)
    return row


def _reopen(table: QueueTable, seq: int) -> None:
    """Have the children that were held by a DEAD parent wait for it again."""
    for (number,) in sorted(table.index.children.get(seq, ())):
        child = table.rows[number]
        edges = tuple(
            edge._replace(outcome=None) if edge.open and edge.waits_for == seq else edge
            for edge in child.edges
        )
        table.write(child._replace(edges=edges))


def _replace(table: QueueTable, row: Row, new: NewItem, now: Now) -> Settled:
    known = table.identities.get(new.identity)
    if known is not None:
        if known in table.rows or table.outcome(known, now) is not None:
            raise key_reused("memory", table.name, new, known)
        table.write_outcome(known, None)
    edges = edges_of(table, new, now)
    place = row.place if new.lane == row.item.lane else 0
    successor = new_row(table, new, edges, place, now)
    seq = successor.item.seq
    table.write(successor)
    end = End(row.item.seq, ItemState.SUPERSEDED, survivor=seq)
    ended = finish(table, [end], now)
    if any(map(is_fatal, edges)):
        ended += finish(table, [End(seq, ItemState.DEAD, "parent")], now)
    else:
        stand(table, table.rows[seq], now)
    return Settled(accepted=True, seq=seq, ended=tuple(ended))
