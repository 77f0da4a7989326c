"""Plain items, one or many: one statement for all keys, one for all rows.

Plain is what has no lane, no parents, nothing to meet, and a small payload. If
anything is in the way, a known key or too little room, nothing is kept of the
attempt, and the items are stored one after the other, which says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncpatterns.engines.sqlite._queue._damage import at_the_desk
from syncpatterns.engines.sqlite._queue._desk import (
    EVER,
    NUMBERS,
    READY,
    SCHEDULED,
    SQL,
    STATES,
    Desk,
    place_of,
)
from syncpatterns.engines.sqlite._queue._numbers import LARGE, Numbers, check_numbers
from syncpatterns.offline_queue._core import Enqueued, NewItem


@at_the_desk
def store_plain(
    desk: Desk, items: Sequence[NewItem], numbers: Numbers
) -> list[Enqueued] | None:
    """Store plain *items*; None if they have to be stored one by one."""
    rules = desk.rules
    size = sum(len(new.payload) for new in items)
    room = (
        numbers.live + len(items) <= rules.max_items
        and numbers.bytes + size <= rules.max_bytes
        and numbers.last + len(items) < NUMBERS
    )
    if not room:
        return None
    first = numbers.last + 1
    keys = [
        (desk.id, place_of(new.scope, new.operation, new.key), seq)
        for seq, new in enumerate(items, first)
    ]
    if len(keys) == 1:
        return _store_one(desk, items[0], keys[0])
    added = desk.connection.executemany(SQL["add_key"], keys).rowcount
    if added != len(keys):
        undo = [(queue, place, seq) for queue, place, seq in keys]
        desk.connection.executemany(SQL["forget_key"], undo)
        return None
    desk.connection.executemany(
        SQL["add_plain"],
        [_values(desk, new, seq) for seq, new in enumerate(items, first)],
    )
    return [
        Enqueued(seq, STATES[SCHEDULED if new.delay > 0 else READY])
        for seq, new in enumerate(items, first)
    ]


def _store_one(
    desk: Desk, new: NewItem, key: tuple[int, bytes, int]
) -> list[Enqueued] | None:
    if not desk.connection.execute(SQL["add_key"], key).rowcount:
        return None
    desk.connection.execute(SQL["add_plain"], _values(desk, new, key[2]))
    return [Enqueued(key[2], STATES[SCHEDULED if new.delay > 0 else READY])]


def is_plain(new: NewItem) -> bool:
    """Tell whether an item depends on no other, and is small."""
    plain = new.lane is None and new.coalesce is None and not new.parents
    return plain and len(new.payload) <= LARGE


def _values(desk: Desk, new: NewItem, seq: int) -> tuple[Any, ...]:
    check_numbers(new)
    now = desk.now
    lifetime, keep = new.expires_in, new.keep_result
    due_at = now.steady + new.delay if new.delay > 0 else None
    return (
        desk.base + seq,
        desk.id,
        READY if due_at is None else SCHEDULED,
        desk.learn(new.target),
        -new.priority,
        desk.learn(new.operation),
        new.version,
        now.wall,
        due_at,
        due_at,
        None if lifetime == EVER else now.wall + max(0.0, lifetime),
        max(0.0, keep),
        seq,
        len(new.payload),
        new.scope,
        new.key,
        new.fingerprint,
        new.entity,
        None if new.headers == "{}" else new.headers,
        new.payload,
    )
