"""How a claim goes on and ends: renewed, completed, given back or unknown."""

from __future__ import annotations

from syncpatterns.idempotency._core._values import (
    FREE_RETENTION,
    STEP,
    UNKNOWN_RETENTION,
    Notes,
    Record,
    State,
    StoredOutcome,
    Windows,
    holds,
    is_lapsed,
    until_forgotten,
    with_notes,
)


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
        command=record.command,
        door=record.door,
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
        dedupe_until=until_forgotten(until, windows),
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
    # What was asked for, and a receipt of what did not happen, are void, and
    # may name a person. Steps that are done stay done.
    steps = tuple(each for each in record.notes if each[0].startswith(STEP))
    return record._replace(
        notes=steps,
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
        return _free(bumped, now)
    running = bumped._replace(state=State.IN_PROGRESS)
    return complete(running, bumped.token, outcome, windows, now)


def mark_unknown(record: Record, now: float) -> Record:
    """Return *record* as unknown, kept for a month."""
    return record._replace(
        state=State.UNKNOWN,
        lease_until=now,
        replay_until=now,
        dedupe_until=max(record.dedupe_until, now + UNKNOWN_RETENTION),
    )
