"""What a queue shows of itself, and what it forgets."""

from __future__ import annotations

from itertools import islice

from syncpatterns.engines.memory._queue._coalesce import waiting as find_waiting
from syncpatterns.engines.memory._queue._rows import QueueTable
from syncpatterns.engines.memory._queue._settle import shown_pause
from syncpatterns.engines.memory._queue._values import Now
from syncpatterns.offline_queue._core import LIVE, Filter, Item, ItemState, QueueStats


def listed(table: QueueTable, now: Now, *, after: int, count: int) -> list[Item]:
    """Return the next *count* items with larger numbers than *after*."""
    return [row.shown(now) for row in islice(table.after(after), count)]


def matches(item: Item, which: Filter) -> bool:
    """Tell whether *item* was asked for."""
    return (
        (not which.states or item.state in which.states)
        and which.operation in ("", item.operation)
        and which.target in ("", item.target)
        and which.lane in (None, item.lane)
        and which.reason in ("", item.reason)
    )


def waiting(
    table: QueueTable, now: Now, *, operation: str, entity: str, scope: str
) -> Item | None:
    """Return the newest item of any lane that a new one could be merged with."""
    row = find_waiting(table, operation, entity, scope, now)
    return None if row is None else row.shown(now)


def stats_of(table: QueueTable, now: Now) -> QueueStats:
    """Return how much is in it; costs as much as there are targets and pauses."""
    index = table.index
    targets = {target: dict(states) for target, states in index.counts.items()}
    states = {
        state: sum(counts.get(state, 0) for counts in targets.values())
        for state in (*LIVE, ItemState.DEAD)
    }
    oldest = index.oldest.first()
    pauses = [shown_pause(table, target, now) for target in sorted(table.pauses)]
    return QueueStats(
        states,
        targets,
        index.bytes,
        None if oldest is None else oldest[0],
        len(index.blocked),
        tuple(pause for pause in pauses if pause is not None),
    )


def purge(table: QueueTable, now: Now, *, limit: int) -> int:
    """Forget up to *limit* outcomes that are past their time; return how many."""
    removed = 0
    while removed < limit:
        first = table.forgets.first()
        if first is None or first[0] > now.wall:
            break
        table.write_outcome(first[1], None)
        removed += 1
    return removed
