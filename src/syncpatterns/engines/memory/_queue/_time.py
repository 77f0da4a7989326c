"""What time alone does: leases end, ages are reached, items fall due."""

from __future__ import annotations

from syncpatterns.engines.memory._queue._ends import End, finish, settle_lane, stand
from syncpatterns.engines.memory._queue._rows import QueueTable, Untold
from syncpatterns.engines.memory._queue._values import Now
from syncpatterns.offline_queue._core import Ended, Hold, ItemState, Staged

_EVER = float("inf")


def stage(table: QueueTable, now: Now) -> Staged:
    """Let time pass, and tell also what it did while others looked."""
    catch_up(table, now)
    untold, table.untold = table.untold, Untold()
    return Staged(
        untold.ready,
        tuple(untold.lapsed),
        tuple(untold.ended.values()),
        tuple(untold.parked),
        tuple(untold.resumed),
        next_due(table, now),
        _names(table, [*(hold.seq for hold in untold.lapsed), *untold.parked]),
    )


def _names(table: QueueTable, seqs: list[int]) -> dict[int, tuple[str, str]]:
    """Return operation and key hash of those items that are still there."""
    items = {seq: table.rows[seq].item for seq in seqs if seq in table.rows}
    return {seq: (item.operation, item.key_hash) for seq, item in items.items()}


def catch_up(table: QueueTable, now: Now) -> None:
    """Let time pass for a call that needs the present; `stage` tells of it."""
    staged, untold = advance(table, now), table.untold
    untold.ready += staged.ready
    untold.lapsed.update(dict.fromkeys(staged.lapsed))
    untold.ended.update((ended.seq, ended) for ended in staged.ended)
    untold.parked.update(dict.fromkeys(staged.parked))
    untold.resumed.update(dict.fromkeys(staged.resumed))


def advance(table: QueueTable, now: Now) -> Staged:
    """Do what is due, and say what that was, and when there is more to do."""
    lapsed, ended = _end_leases(table, now)
    ended += _end_the_old(table, now)
    parked = _park_the_unknown(table, now)
    ready = _wake(table, now)
    resumed = [
        target for target, (until, _) in table.pauses.items() if until <= now.steady
    ]
    for target in resumed:
        del table.pauses[target]
        table.changed += 1
    returned = [hold for hold in lapsed if hold.seq not in parked]
    return Staged(
        ready,
        tuple(returned),
        tuple(ended),
        tuple(parked),
        tuple(resumed),
        next_due(table, now),
    )


def next_due(table: QueueTable, now: Now) -> float:
    """Return the seconds until time changes something again."""
    index = table.index
    waits = [until - now.steady for until, _ in table.pauses.values()]
    for keys, at in ((index.due, now.steady), (index.leases, now.steady)):
        first = keys.first()
        if first is not None:
            waits.append(first[0] - at)
    oldest = index.expiries.first()
    if oldest is not None:
        waits.append(oldest[0] - now.wall)
    sent = index.sent.first()
    if sent is not None:
        waits.append(sent[0] + table.rules.redeliver_within - now.wall)
    return max(0.0, min(waits, default=_EVER))


def _end_leases(table: QueueTable, now: Now) -> tuple[list[Hold], list[Ended]]:
    lapsed: list[Hold] = []
    ended: list[Ended] = []
    leases = table.index.leases
    while (first := leases.first()) is not None and first[0] <= now.steady:
        row = table.rows[first[1]]
        row = row.with_item(lapses=row.item.lapses + 1)
        if row.item.lapses >= table.rules.max_lapses:
            table.write(row)
            end = End(row.item.seq, ItemState.DEAD, "poison", row.item.error)
            ended += finish(table, [end], now)
        else:
            lapsed.append(row.item.hold)
            stand(table, row, now)
    return lapsed, ended


def _end_the_old(table: QueueTable, now: Now) -> list[Ended]:
    """End what was never sent and is not worth doing any more."""
    ended: list[Ended] = []
    expiries = table.index.expiries
    while (first := expiries.first()) is not None and first[0] <= now.wall:
        end = End(first[1], ItemState.EXPIRED, "expired")
        ended += finish(table, [end], now)
    return ended


def _park_the_unknown(table: QueueTable, now: Now) -> dict[int, None]:
    """Park what was sent so long ago that its key may be forgotten over there."""
    parked: dict[int, None] = {}
    sent, within = table.index.sent, table.rules.redeliver_within
    while (first := sent.first()) is not None and first[0] + within <= now.wall:
        row = table.rows[first[1]]
        table.write(row.with_item(state=ItemState.PARKED, reason="unknown"))
        parked[row.item.seq] = None
        if row.item.lane is not None:
            settle_lane(table, row.item.lane, now)
    return parked


def _wake(table: QueueTable, now: Now) -> int:
    woken = 0
    due = table.index.due
    while (first := due.first()) is not None and first[0] <= now.steady:
        table.write(table.rows[first[1]].with_item(state=ItemState.READY))
        woken += 1
    return woken
