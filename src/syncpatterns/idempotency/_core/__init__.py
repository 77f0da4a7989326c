"""What a claim on a key is answered: pure functions over frozen records.

Stores call these inside their own atomic section (a lock, a transaction), so
every engine answers alike. ``now`` is the store's clock, never the caller's.

::

    absent ──claim──> in_progress ──complete──> completed ──dedupe over──> absent
                        │   ▲  │
                 release│   │  └─abandon / quarantine──> unknown ──resolve──┐
                        ▼   │claim (token + 1)               │              │
                       free─┘                                └─> completed or free
"""

from __future__ import annotations

from syncpatterns.idempotency._core._claim import decide_claim
from syncpatterns.idempotency._core._sameness import asks_the_same
from syncpatterns.idempotency._core._transitions import (
    abandon,
    complete,
    note,
    release,
    renew,
    resolve,
)
from syncpatterns.idempotency._core._values import (
    DEFAULT_WINDOWS,
    FREE_RETENTION,
    STEP,
    UNKNOWN_RETENTION,
    Busy,
    ClaimAnswer,
    ClaimRequest,
    Expired,
    Gone,
    Mismatch,
    Notes,
    OnAbandoned,
    OutcomeKind,
    Owned,
    Record,
    Replay,
    Resolution,
    State,
    StoredOutcome,
    Unresolved,
    Windows,
    holds,
    is_lapsed,
    removable,
    storage_key,
    with_notes,
)

__all__ = [
    "DEFAULT_WINDOWS",
    "FREE_RETENTION",
    "STEP",
    "UNKNOWN_RETENTION",
    "Busy",
    "ClaimAnswer",
    "ClaimRequest",
    "Expired",
    "Gone",
    "Mismatch",
    "Notes",
    "OnAbandoned",
    "OutcomeKind",
    "Owned",
    "Record",
    "Replay",
    "Resolution",
    "State",
    "StoredOutcome",
    "Unresolved",
    "Windows",
    "abandon",
    "asks_the_same",
    "complete",
    "decide_claim",
    "holds",
    "is_lapsed",
    "note",
    "release",
    "removable",
    "renew",
    "resolve",
    "storage_key",
    "with_notes",
]
