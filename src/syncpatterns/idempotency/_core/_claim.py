"""What a claim on a key is answered, and what becomes of the record."""

from __future__ import annotations

from syncpatterns.idempotency._core._sameness import asks_the_same
from syncpatterns.idempotency._core._transitions import (
    mark_unknown,
    renew,
)
from syncpatterns.idempotency._core._values import (
    STEP,
    Busy,
    ClaimAnswer,
    ClaimRequest,
    Expired,
    Gone,
    Mismatch,
    Owned,
    Record,
    Replay,
    State,
    Unresolved,
    removable,
    until_forgotten,
    with_notes,
)


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
    if record is None or removable(record, now):
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
    if not asks_the_same(record, request):
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
    done = any(name.startswith(STEP) for name, _ in record.notes)
    return not done or asks_the_same(record, request)


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
    if record is not None and asks_the_same(record, request):
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
        until_forgotten(lease_until, request.windows),
        notes=notes,
        command=request.command,
        door=request.door,
    )
    return Owned(token, attempts, notes=notes), fresh
