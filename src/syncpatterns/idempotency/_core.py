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

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, NamedTuple, TypeAlias

from typing_extensions import TypeIs

from syncpatterns.codec import digest
from syncpatterns.errors import ConfigurationError

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
        # A comparison with NaN is False, so NaN is refused here too.
        if not 0 <= self.replay <= self.dedupe < math.inf:
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


def decide_claim(
    record: Record | None, request: ClaimRequest, now: float, *, floor: int = 0
) -> tuple[ClaimAnswer, Record | None]:
    """Return the answer and the record to store, or None to leave it as it is.

    Args:
        record: What the store holds under the key.
        request: Who asks for what.
        now: The store's clock.
        floor: The highest token that the store has deleted, if it knows: a
            key evicted and claimed within one tick of a coarse clock would get
            the same token twice.
    """
    if record is None or _forgotten(record, now):
        # An age is whole seconds, rounded down: at the very window the first
        # attempt's record may be gone already.
        if request.age and request.age >= request.windows.dedupe:
            return Expired(), None
        if record is not None and record.notes:
            # As if it were swept: a step of long ago was forgotten with its key.
            record = record._replace(notes=())
        return _own(record, request, now, 1, floor)
    if record.state is State.FREE and _unbound(record, request):
        return _own(record, request, now, record.attempts + 1, floor)
    if record.fingerprint != request.fingerprint:
        return Mismatch(), None
    if record.state is State.COMPLETED:
        return _completed(record, now), None
    if record.state is State.UNKNOWN:
        return Unresolved(), None
    return _in_progress(record, request, now)


def _unbound(record: Record, request: ClaimRequest) -> bool:
    """Tell whether a key given back may be used for *request*.

    For another request only if nothing was done under it: a step kept for the
    first one must not be skipped for the second.
    """
    same = record.fingerprint == request.fingerprint
    return same or not any(name.startswith(STEP) for name, _ in record.notes)


def _forgotten(record: Record, now: float) -> bool:
    # Half-open: at dedupe_until itself the key is already forgotten.
    return now >= record.dedupe_until


def _completed(record: Record, now: float) -> Replay | Gone:
    outcome = record.outcome
    if outcome is None or outcome.kind == "tombstone" or now >= record.replay_until:
        return Gone(outcome._replace(body=b"") if outcome else None)
    return Replay(outcome, record.replay_until - now)


def _in_progress(
    record: Record, request: ClaimRequest, now: float
) -> tuple[ClaimAnswer, Record | None]:
    if record.nonce == request.nonce:
        return _again(record, request, now)
    if now < record.lease_until:
        return Busy(record.lease_until - now), None
    if request.on_abandoned == "quarantine":
        return Unresolved(), mark_unknown(record, now)
    answer, fresh = _own(record, request, now, record.attempts + 1, 0)
    probe = request.on_abandoned == "probe"
    return answer._replace(abandoned=True, probe=probe), fresh


def _again(
    record: Record, request: ClaimRequest, now: float
) -> tuple[Owned, Record | None]:
    """Answer a claim whose first answer was lost.

    The owner counts its lease from this try, so the record must too: left
    alone, others could take over while the owner still believes it holds.
    Whether the first answer spoke of a takeover is not recorded; a later
    attempt says so again, because running without asking the probe could
    repeat an effect, and asking once too often cannot.
    """
    retaken = record.attempts > 1
    probe = retaken and request.on_abandoned == "probe"
    owned = Owned(record.token, record.attempts, retaken, probe, record.notes)
    return owned, renew(record, record.token, request.lease, request.windows, now)


def _own(
    record: Record | None, request: ClaimRequest, now: float, attempts: int, floor: int
) -> tuple[Owned, Record]:
    # The clock part keeps tokens growing after the old record was purged:
    # counted from 1 again, a zombie with token 3 would outrank the new owner.
    token = int(now * 1_000_000)
    last = floor if record is None or record.token < floor else record.token
    if token <= last:
        token = last + 1
    lease_until = now + request.lease
    notes = request.notes
    if record is not None and record.fingerprint == request.fingerprint:
        notes = with_notes(record.notes, notes)
    fresh = Record(
        request.key,
        request.operation,
        request.fingerprint,
        State.IN_PROGRESS,
        token,
        request.nonce,
        attempts,
        now,
        lease_until,
        lease_until,
        _until_forgotten(lease_until, request.windows),
        notes=notes,
    )
    return Owned(token, attempts, notes=notes), fresh


def with_notes(kept: Notes, more: Notes) -> Notes:
    """Return *kept* with *more* in it, replacing those of the same name."""
    if not kept or not more:
        return kept or more
    return tuple({**dict(kept), **dict(more)}.items())


def _until_forgotten(lease_until: float, windows: Windows) -> float:
    """Return how long a claim without a result is remembered.

    Never below `UNKNOWN_RETENTION`: with windows of 60 s a crash at noon was
    forgotten at 12:01:30, and quarantine let the effect run a second time.
    """
    return lease_until + max(windows.dedupe, UNKNOWN_RETENTION)


def complete(
    record: Record | None,
    token: int,
    outcome: StoredOutcome,
    windows: Windows,
    now: float,
) -> Record | None:
    """Return the completed record, or None if *token* is stale.

    A late owner whom nobody replaced is accepted: the effect did happen. Told
    twice, because the first answer was lost, the first outcome stays.
    """
    if record is None or record.token != token:
        return None
    if record.state is State.COMPLETED:
        return record
    if record.state is not State.IN_PROGRESS:
        return None
    return Record(
        record.key,
        record.operation,
        record.fingerprint,
        State.COMPLETED,
        token,
        record.nonce,
        record.attempts,
        record.created,
        now,
        now + windows.replay,
        now + windows.dedupe,
        now,
        outcome,
    )


def renew(
    record: Record | None, token: int, lease: float, windows: Windows, now: float
) -> Record | None:
    """Return the record with its lease moved on, or None if *token* is stale."""
    if not holds(record, token):
        return None
    until = now + lease
    return record._replace(
        lease_until=until,
        replay_until=until,
        dedupe_until=_until_forgotten(until, windows),
    )


def note(record: Record | None, token: int, notes: Notes) -> Record | None:
    """Return the record with *notes* kept in it, or None if *token* is stale."""
    if not holds(record, token):
        return None
    return record._replace(notes=with_notes(record.notes, notes))


def release(record: Record | None, token: int, now: float) -> Record | None:
    """Return the record given back, or None if *token* is stale.

    The row stays until it is forgotten, so that tokens keep growing. Told
    twice, because the first answer was lost, nothing changes.
    """
    if record is None or record.token != token:
        return None
    if record.state is State.FREE:
        return record
    if record.state is not State.IN_PROGRESS:
        return None
    return _free(record, now)


def _free(record: Record, now: float) -> Record:
    return record._replace(
        state=State.FREE,
        lease_until=now,
        replay_until=now,
        dedupe_until=now + FREE_RETENTION,
    )


def abandon(record: Record | None, token: int, now: float) -> Record | None:
    """Return the record as unknown, or None if *token* is stale.

    Told twice, because the first answer was lost, nothing changes.
    """
    if record is None or record.token != token:
        return None
    if record.state is State.UNKNOWN:
        return record
    if record.state is not State.IN_PROGRESS:
        return None
    return mark_unknown(record, now)


def resolve(
    record: Record | None,
    outcome: StoredOutcome | None,
    windows: Windows,
    now: float,
) -> Record | None:
    """Settle an unknown record: *outcome* was the result, or None: nothing happened.

    A claim whose owner vanished is unknown too. Returns None for any other
    record. The token grows, so whoever still works on the old claim is fenced.
    """
    if record is None or not (record.state is State.UNKNOWN or is_lapsed(record, now)):
        return None
    bumped = record._replace(token=record.token + 1)
    if outcome is None:
        # Nothing happened: what was kept of it, such as a receipt, is void.
        steps = tuple(each for each in record.notes if each[0].startswith(STEP))
        return _free(bumped._replace(notes=steps), now)
    running = bumped._replace(state=State.IN_PROGRESS)
    return complete(running, bumped.token, outcome, windows, now)


def is_lapsed(record: Record, now: float) -> bool:
    """Tell whether the owner of a claim let its lease run out."""
    return record.state is State.IN_PROGRESS and now >= record.lease_until


def mark_unknown(record: Record, now: float) -> Record:
    """Return *record* as unknown, kept for a month."""
    return record._replace(
        state=State.UNKNOWN,
        lease_until=now,
        replay_until=now,
        dedupe_until=max(record.dedupe_until, now + UNKNOWN_RETENTION),
    )


def holds(record: Record | None, token: int) -> TypeIs[Record]:
    """Tell whether *token* is the one that may still change *record*."""
    return (
        record is not None
        and record.token == token
        and record.state is State.IN_PROGRESS
    )


def removable(record: Record, now: float) -> bool:
    """Tell whether a sweep may delete *record* without changing any answer."""
    return _forgotten(record, now)


def storage_key(namespace: str, scope: str, operation: str, key: str) -> str:
    """Return the 64 hex digits under which a key is stored.

    SHA-256 over the length-prefixed parts: scopes never meet, and neither the
    key nor the tenant can be read from the store, a log or an error.
    """
    parts = (namespace, scope, operation, key)
    return digest(*[part.encode("utf-8", "surrogatepass") for part in parts]).hex()
