"""What a queued action is and what may become of it: plain values, no I/O.

::

    enqueue ──> READY | WAITING (lane, parents) | SCHEDULED (delay)
    claim   :   READY ──> LEASED (token + 1, deliveries + 1)
    Ack     :   LEASED ──> DONE
    Nack    :   LEASED ──> SCHEDULED (attempts + 1), still the head of its lane
    Release :   LEASED ──> READY | SCHEDULED, attempts unchanged
    Fail    :   LEASED ──> DEAD            Park: LEASED ──> PARKED
    Replace :   LEASED ──> SUPERSEDED, the new item in its place
    time    :   SCHEDULED due ──> READY    lease over ──> READY | DEAD (poison)
                never sent and too old ──> EXPIRED
                sent, and too long ago to be sent again ──> PARKED (unknown)
    requeue :   DEAD | PARKED ──> READY | WAITING, under its old number
"""

from __future__ import annotations

from syncpatterns.offline_queue._core._refusals import (
    check_seconds,
    key_reused,
    merged_meanwhile,
    named,
    parent_unknown,
    queue_full,
)
from syncpatterns.offline_queue._core._settlements import (
    Ack,
    Fail,
    Nack,
    Park,
    Release,
    Replace,
    Settled,
    Settlement,
)
from syncpatterns.offline_queue._core._values import (
    ALL_ITEMS,
    LIVE,
    Coalesce,
    Durability,
    Ended,
    Enqueued,
    Filter,
    Finding,
    Hold,
    Item,
    ItemState,
    LanePolicy,
    NewItem,
    Outdated,
    Overflow,
    Parent,
    ParentPolicy,
    Pause,
    QueueCapabilities,
    QueueRules,
    QueueStats,
    Staged,
    identity,
    key_hash,
)

__all__ = [
    "ALL_ITEMS",
    "LIVE",
    "Ack",
    "Coalesce",
    "Durability",
    "Ended",
    "Enqueued",
    "Fail",
    "Filter",
    "Finding",
    "Hold",
    "Item",
    "ItemState",
    "LanePolicy",
    "Nack",
    "NewItem",
    "Outdated",
    "Overflow",
    "Parent",
    "ParentPolicy",
    "Park",
    "Pause",
    "QueueCapabilities",
    "QueueRules",
    "QueueStats",
    "Release",
    "Replace",
    "Settled",
    "Settlement",
    "Staged",
    "check_seconds",
    "identity",
    "key_hash",
    "key_reused",
    "merged_meanwhile",
    "named",
    "parent_unknown",
    "queue_full",
]
