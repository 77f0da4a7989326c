"""What is stored under a key, and what a claim on it is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from syncpatterns.codec import digest
from syncpatterns.errors import ConfigurationError

if TYPE_CHECKING:  # it takes as long to import as half of all that is ours
    from typing_extensions import TypeIs

OnAbandoned: TypeAlias = Literal["rerun", "quarantine", "probe"]
#: Named bytes kept with a claim until it is settled: what was asked for, and
#: the results of steps that need not run again.
Notes: TypeAlias = tuple[tuple[str, bytes], ...]
OutcomeKind: TypeAlias = Literal["value", "refusal", "response", "tombstone"]

#: Seconds that an unknown outcome is kept for somebody to look at: 30 days.
#: A claim whose owner vanished is one too, until somebody takes it over.
UNKNOWN_RETENTION: Final = 30 * 86400.0

#: How the names of notes begin that hold a step's result.
STEP: Final = "step:"

#: Seconds that a key given back keeps its count of attempts: a day.
FREE_RETENTION: Final = 86400.0

# The records that every call makes are NamedTuples: frozen like the others,
# and built in a quarter of the time that a frozen dataclass takes.


class State(StrEnum):
    """Where a record stands; absent is having no record."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    UNKNOWN = "unknown"
    FREE = "free"


class StoredOutcome(NamedTuple):
    """An answer as bytes, exactly as it will be replayed."""

    kind: OutcomeKind
    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Windows:
    """The clocks of a key, in seconds, counted from completion.

    Args:
        replay: How long the stored answer is given again.
        dedupe: How long the key is remembered at all; never below *replay*.

    Raises:
        ConfigurationError: Not ``0 <= replay <= dedupe``, or not finite.
    """

    replay: float = 60.0
    dedupe: float = 86400.0

    def __post_init__(self) -> None:
        told: tuple[object, ...] = (self.replay, self.dedupe)
        numbers = all(
            isinstance(each, int | float) and not isinstance(each, bool)
            for each in told
        )
        # A comparison with NaN is False, so NaN is refused here too.
        if not numbers or not 0 <= self.replay <= self.dedupe < math.inf:
            raise ConfigurationError(
                f"Windows need 0 <= replay <= dedupe, in seconds; got replay="
                f"{self.replay!r}, dedupe={self.dedupe!r}. A key forgotten before its "
                "answer would run again while the answer is still promised."
            )


DEFAULT_WINDOWS: Final = Windows()


class ClaimRequest(NamedTuple):
    """One caller's wish to run *operation* under *key*.

    Args:
        key: Storage key, 64 hex digits.
        operation: Declared name.
        fingerprint: What the caller asks for; same key, same fingerprint.
        nonce: Identity of this attempt to claim; a claim repeated with the
            same nonce, because its answer got lost, is the same claim.
        lease: Seconds until others may take over; 0 in a single transaction.
        windows: The clocks that apply if this claim completes.
        on_abandoned: What a lapsed lease of somebody else means.
        age: Seconds since the caller first tried (Idempotency-Age).
        notes: What to keep with the claim until it is settled.
        command: Where *fingerprint* is that of an HTTP request, that of the
            command in it; else empty. See `asks_the_same`.
        door: Where that request came in.
    """

    key: str
    operation: str
    fingerprint: bytes
    nonce: str
    lease: float = 30.0
    windows: Windows = DEFAULT_WINDOWS
    on_abandoned: OnAbandoned = "rerun"
    age: float = 0.0
    notes: Notes = ()
    command: bytes = b""
    door: bytes = b""


class Record(NamedTuple):
    """Everything a store keeps about one key; instants are the store's clock."""

    key: str
    operation: str
    fingerprint: bytes
    state: State
    token: int
    nonce: str
    attempts: int
    created: float
    lease_until: float
    replay_until: float
    dedupe_until: float
    completed: float | None = None
    outcome: StoredOutcome | None = None
    notes: Notes = ()
    command: bytes = b""
    door: bytes = b""


class Owned(NamedTuple):
    """The caller runs the effect and must present *token* with its result.

    *notes* is what earlier attempts left: steps that are done already.
    """

    token: int
    attempts: int = 1
    abandoned: bool = False
    probe: bool = False
    notes: Notes = ()


class Replay(NamedTuple):
    """The stored answer, and how many seconds it will still be given."""

    outcome: StoredOutcome
    expires_in: float


class Resolution(NamedTuple):
    """Somebody looked, and settled an outcome that nobody knew.

    Args:
        key: Storage key.
        operation: Declared name.
        happened: Whether it had been done.
        by: Who decided.
        reason: Why.
        at: The store's clock.
    """

    key: str
    operation: str
    happened: bool
    by: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else holds the key; *retry_after* is what is left of the lease."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key belongs to another payload."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Done, but the answer is no longer kept; *outcome* has no body."""

    outcome: StoredOutcome | None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """It may have happened; somebody has to look."""


@dataclass(frozen=True, slots=True)
class Expired:
    """No record, and the request is older than records are kept."""


ClaimAnswer: TypeAlias = Owned | Replay | Busy | Mismatch | Gone | Unresolved | Expired


def storage_key(namespace: str, scope: str, operation: str, key: str) -> str:
    """Return the 64 hex digits under which a key is stored.

    SHA-256 over the length-prefixed parts: scopes never meet, and neither the
    key nor the tenant can be read from the store, a log or an error.
    """
    parts = (namespace, scope, operation, key)
    return digest(*[part.encode("utf-8", "surrogatepass") for part in parts]).hex()


def removable(record: Record, now: float) -> bool:
    """Tell whether *record* is forgotten: a sweep may delete it, no answer changes."""
    # Half-open: at dedupe_until itself the key is already forgotten.
    return now >= record.dedupe_until


def is_lapsed(record: Record, now: float) -> bool:
    """Tell whether the owner of a claim let its lease run out."""
    return record.state is State.IN_PROGRESS and now >= record.lease_until


def holds(record: Record | None, token: int) -> TypeIs[Record]:
    """Tell whether *token* is the one that may still change *record*."""
    return (
        record is not None
        and record.token == token
        and record.state is State.IN_PROGRESS
    )


def with_notes(kept: Notes, more: Notes) -> Notes:
    """Return *kept* with *more* in it, replacing those of the same name."""
    if not kept or not more:
        return kept or more
    return tuple({**dict(kept), **dict(more)}.items())


def until_forgotten(lease_until: float, windows: Windows) -> float:
    """Return how long a claim without a result is remembered.

    Never below `UNKNOWN_RETENTION`: with windows of 60 s a crash at noon was
    forgotten at 12:01:30, and quarantine let the effect run a second time.
    """
    return lease_until + max(windows.dedupe, UNKNOWN_RETENTION)
