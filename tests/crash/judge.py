"""The judge of all crash proofs: what a crash left, and what is wrong with it.

It reads a copy of the files with the standard library alone, so that looking
changes nothing and the library's own recovery is still to come.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from syncpatterns.testing import Ack, StoredRecord, audit, sqlite_integrity
from tests.crash.bookings import CHANNEL, stored_as

_STATES = {"completed": "done", "in_progress": "running", "unknown": "unknown"}


@dataclass(slots=True)
class Found:
    """What a database file holds.

    Attributes:
        integrity: SQLite's own verdict on the file.
        changes: How often each booking was changed.
        audits: Audit rows of each booking.
        events: Events of each booking.
        codes: The codes found in rows, event and answer of each booking.
        records: What is stored of each key.
        offsets: Offsets of the channel, in commit order.
    """

    integrity: str = "ok"
    changes: Counter[str] = field(default_factory=Counter[str])
    audits: Counter[str] = field(default_factory=Counter[str])
    events: Counter[str] = field(default_factory=Counter[str])
    codes: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    records: dict[str, StoredRecord] = field(default_factory=dict[str, StoredRecord])
    offsets: list[int] = field(default_factory=list[int])


def look(database: Path, keys: Iterable[str] = ()) -> Found:
    """Return what *database* holds, without touching it.

    Args:
        database: The file; its log beside it is read as well.
        keys: Keys to look for besides those of bookings.

    Raises:
        sqlite3.DatabaseError: It is damaged.
    """
    with tempfile.TemporaryDirectory(dir=database.parent) as folder:
        for file in database.parent.glob(f"{database.name}*"):
            shutil.copy(file, folder)
        copy = Path(folder) / database.name
        found = Found(sqlite_integrity(copy))
        with closing(sqlite3.connect(copy)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
            if ("audit",) in tables:
                _read_rows(connection, found)
            if ("syncpatterns_record",) in tables:
                _read_ours(connection, found, {*keys, *found.changes})
        return found


def _read_rows(connection: sqlite3.Connection, found: Found) -> None:
    for key, changes, code in connection.execute("SELECT * FROM booking"):
        found.changes[key] = changes
        found.codes[key].add(code)
    for key, code in connection.execute("SELECT key, code FROM audit"):
        found.audits[key] += 1
        found.codes[key].add(code)


def _read_ours(
    connection: sqlite3.Connection, found: Found, keys: Iterable[str]
) -> None:
    names = {stored_as(key): key for key in keys}
    for stored, state, attempts, answer in connection.execute(
        "SELECT key, state, attempts, outcome_body FROM syncpatterns_record"
    ):
        key = names.get(stored) or stored.hex()
        found.records[key] = StoredRecord(_STATES[state], answer, attempts)  # type: ignore[arg-type]  # one of the three
        if answer is not None:
            found.codes[key].add(json.loads(answer)["code"])
    for offset, body in connection.execute(
        "SELECT offset, body FROM syncpatterns_outbox WHERE channel = ? ORDER BY pos",
        (CHANNEL,),
    ):
        event = json.loads(body)
        found.offsets.append(offset)
        found.events[event["key"]] += 1
        found.codes[event["key"]].add(event["data"]["code"])


def complaints(found: Found, acks: Iterable[Ack] = ()) -> list[str]:
    """Return what is wrong: the ledger's five rules, and all or nothing.

    Args:
        found: What the store holds; nobody is at work any more.
        acks: What callers were told.
    """
    wrong = audit(
        "exactly-once",
        found.records,
        acks=acks,
        effects=found.changes,
        integrity=found.integrity,
    )
    return [
        *map(str, wrong),
        *_torn(found),
        *_mixed(found),
        *_holes(found.offsets),
    ]


def _torn(found: Found) -> list[str]:
    """One change, one audit row, one event and a record; or none of them."""
    torn: list[str] = []
    for key in sorted({*found.changes, *found.audits, *found.events, *found.records}):
        record = key in found.records
        counts = (found.changes[key], found.audits[key], found.events[key], record)
        if counts not in ((1, 1, 1, True), (0, 0, 0, False)):
            text = "{} changes, {} audit rows, {} events, record: {}".format(*counts)
            torn.append(f"{key}: {text}")
    return torn


def _mixed(found: Found) -> list[str]:
    """Everything of a key comes from one run of its effect."""
    several = {key: codes for key, codes in found.codes.items() if len(codes) > 1}
    return [f"{key}: pieces of {len(codes)} runs" for key, codes in several.items()]


def _holes(offsets: list[int]) -> list[str]:
    if offsets == list(range(1, len(offsets) + 1)):
        return []
    return [f"the channel's offsets are {offsets}, not 1, 2, 3 ..."]
