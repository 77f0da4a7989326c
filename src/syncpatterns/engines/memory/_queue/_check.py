"""Whether counters, indexes, lanes and children fit the rows."""

from __future__ import annotations

from collections.abc import Iterator

from syncpatterns.engines.memory._queue._ends import stand
from syncpatterns.engines.memory._queue._index import Indexes
from syncpatterns.engines.memory._queue._rows import QueueTable
from syncpatterns.engines.memory._queue._values import Now
from syncpatterns.offline_queue._core import Finding, ItemState


def check(table: QueueTable, now: Now, *, repair: bool) -> list[Finding]:
    """Compare what is kept beside the rows with the rows; put it right if asked."""
    fresh = Indexes()
    for row in table.rows.values():
        fresh.add(row)
    found = [
        *_counters(table.index, fresh),
        *_indexes(table.index, fresh),
        *_lanes(table, fresh),
        *_children(table),
    ]
    if repair and found:
        table.reindex()
        for seq in sorted(table.rows):
            row = table.rows[seq]
            blocked = sum(edge.open for edge in row.edges)
            if row.item.blocked != blocked:
                row = row.with_item(blocked=blocked)
                table.write(row)
            if row.item.state in (ItemState.WAITING, ItemState.READY):
                stand(table, row, now)
    return [finding._replace(repaired=repair) for finding in found]


def _counters(kept: Indexes, fresh: Indexes) -> Iterator[Finding]:
    if (kept.counts, kept.live, kept.bytes) != (fresh.counts, fresh.live, fresh.bytes):
        yield Finding(
            "counters",
            f"{kept.live} live items with {kept.bytes} bytes are counted, and "
            f"{fresh.live} with {fresh.bytes} bytes are there. Check with repair.",
        )


def _indexes(kept: Indexes, fresh: Indexes) -> Iterator[Finding]:
    pairs = {
        "due": (kept.due, fresh.due),
        "leases": (kept.leases, fresh.leases),
        "expiries": (kept.expiries, fresh.expiries),
        "sent": (kept.sent, fresh.sent),
    }
    wrong = [name for name, (old, new) in pairs.items() if set(old) != set(new)]
    ready = {target: set(keys) for target, keys in kept.ready.items()}
    if ready != {target: set(keys) for target, keys in fresh.ready.items()}:
        wrong.append("ready")
    if wrong:
        yield Finding(
            "index",
            f"What is looked up by {', '.join(wrong)} does not fit the rows. "
            "Check with repair.",
        )


def _lanes(table: QueueTable, fresh: Indexes) -> Iterator[Finding]:
    rows = table.rows
    alone = [
        seq
        for seq, row in rows.items()
        if row.item.state is ItemState.WAITING
        and row.item.lane is None
        and not row.item.blocked
    ]
    heads = {
        lane.head
        for lane in fresh.lanes.values()
        if rows[lane.head].item.state is ItemState.WAITING
        and not rows[lane.head].item.blocked
        and not lane.active
    }
    for seq in sorted([*alone, *heads]):
        yield Finding(
            "stranded",
            f"Item {seq} waits for nothing, and nothing will wake it. "
            "Check with repair.",
        )
    for lane in fresh.lanes.values():
        if len(lane.active) > 1:
            yield Finding(
                "lanes",
                f"Items {sorted(lane.active)} of one lane may all be delivered. "
                "Check with repair.",
            )


def _children(table: QueueTable) -> Iterator[Finding]:
    for seq, row in table.rows.items():
        waits = [edge for edge in row.edges if edge.open]
        if row.item.blocked != len(waits):
            yield Finding(
                "children",
                f"Item {seq} counts {row.item.blocked} parents and waits for "
                f"{len(waits)}. Check with repair.",
            )
        for edge in waits:
            if edge.outcome is None and edge.waits_for not in table.rows:
                yield Finding(
                    "children",
                    f"Item {seq} waits for item {edge.waits_for}, which is gone. "
                    "Cancel it, or enqueue it anew.",
                )
