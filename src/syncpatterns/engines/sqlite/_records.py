"""Idempotency records as rows."""

from __future__ import annotations

import json
import sqlite3
from base64 import b64decode, b64encode
from typing import Any, cast

from syncpatterns.engines._sql import load as load_queries
from syncpatterns.idempotency._core import (
    Notes,
    OutcomeKind,
    Record,
    Resolution,
    State,
    StoredOutcome,
)

_SQL = load_queries("syncpatterns.engines.sqlite", "records.sql")
_LOAD = _SQL["load"]
_SAVE = _SQL["save"]
_STATES = {str(state): state for state in State}


def load(connection: sqlite3.Connection, key: str) -> Record | None:
    """Return the record of *key*, whatever its age."""
    row = connection.execute(_LOAD, (bytes.fromhex(key),)).fetchone()
    return None if row is None else _record(key, row)


def save(connection: sqlite3.Connection, record: Record) -> None:
    """Write *record*, replacing what was there."""
    outcome = record.outcome
    headers = None
    if outcome is not None and outcome.headers:
        headers = json.dumps(outcome.headers, separators=(",", ":"))
    connection.execute(
        _SAVE,
        (
            bytes.fromhex(record.key),
            record.operation,
            record.fingerprint,
            record.state.value,
            record.token,
            record.nonce,
            record.attempts,
            record.created,
            record.lease_until,
            record.replay_until,
            record.dedupe_until,
            record.completed,
            None if outcome is None else outcome.kind,
            None if outcome is None else outcome.status,
            headers,
            None if outcome is None else outcome.body,
            _packed(record.notes) if record.notes else None,
            record.command or None,
            record.door or None,
        ),
    )


def evict(connection: sqlite3.Connection, key: str) -> bool:
    """Delete the record of *key*; True if there was one."""
    return connection.execute(_SQL["evict"], (bytes.fromhex(key),)).rowcount > 0


def unresolved(connection: sqlite3.Connection, limit: int) -> list[Record]:
    """Return up to *limit* unknown records, oldest first."""
    rows = connection.execute(_SQL["unresolved"], (limit,)).fetchall()
    return [_record(row[0].hex(), row[1:]) for row in rows]


def lapsed(connection: sqlite3.Connection, now: float, limit: int) -> list[Record]:
    """Return up to *limit* claims whose lease is over, longest ago first."""
    rows = connection.execute(_SQL["lapsed"], (now, limit)).fetchall()
    return [_record(row[0].hex(), row[1:]) for row in rows]


def add_resolution(
    connection: sqlite3.Connection, record: Record, note: Resolution
) -> None:
    """Write down who settled *record*, in the same commit."""
    connection.execute(
        _SQL["add_resolution"],
        (
            bytes.fromhex(record.key),
            record.operation,
            note.happened,
            note.by,
            note.reason,
            note.at,
        ),
    )


def resolutions(connection: sqlite3.Connection, limit: int) -> list[Resolution]:
    """Return up to *limit* outcomes settled by hand, newest first."""
    rows = connection.execute(_SQL["resolutions"], (limit,)).fetchall()
    return [
        Resolution(key.hex(), operation, bool(happened), by, reason, at)
        for key, operation, happened, by, reason, at in rows
    ]


def forgotten(
    connection: sqlite3.Connection, after: bytes, now: float, limit: int
) -> list[bytes]:
    """Return up to *limit* keys past their windows, in key order from *after*."""
    rows = connection.execute(_SQL["forgotten"], (after, now, limit)).fetchall()
    return [row[0] for row in rows]


def forget(connection: sqlite3.Connection, keys: list[bytes], now: float) -> int:
    """Delete those of *keys* that are still past their windows."""
    cursor = connection.executemany(_SQL["forget"], [(key, now) for key in keys])
    return cursor.rowcount


def _record(key: str, row: tuple[Any, ...]) -> Record:
    kind, status, headers, body = row[11:15]
    outcome = None
    if kind is not None:
        pairs = tuple((name, value) for name, value in json.loads(headers or "[]"))
        outcome = StoredOutcome(cast("OutcomeKind", kind), body, status, pairs)
    return Record(
        key=key,
        operation=row[0],
        fingerprint=row[1],
        state=_STATES[row[2]],
        token=row[3],
        nonce=row[4],
        attempts=row[5],
        created=row[6],
        lease_until=row[7],
        replay_until=row[8],
        dedupe_until=row[9],
        completed=row[10],
        outcome=outcome,
        notes=_unpacked(row[15]) if row[15] else (),
        command=row[16] or b"",
        door=row[17] or b"",
    )


def _packed(notes: Notes) -> str:
    return json.dumps({name: b64encode(body).decode() for name, body in notes})


def _unpacked(text: str) -> Notes:
    return tuple((name, b64decode(body)) for name, body in json.loads(text).items())
