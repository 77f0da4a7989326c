"""One queue inside one transaction: its rules, the time, and how to ask for rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from syncpatterns.engines._sql import load
from syncpatterns.errors import DatabaseCorrupt
from syncpatterns.offline_queue._core import (
    Ended,
    Item,
    ItemState,
    QueueRules,
    identity,
    key_hash,
)

_PACKAGE: Final = "syncpatterns.engines.sqlite._queue"
SQL: Final = load(_PACKAGE, "queue.sql") | load(_PACKAGE, "queue_checks.sql")

READY: Final = 0
WAITING: Final = 1
SCHEDULED: Final = 2
LEASED: Final = 3
PARKED: Final = 4
DEAD: Final = 5
BLOCKS: Final = 6  # DEAD, and the head of its lane
DEAD_IN_LANE: Final = 7  # DEAD, and will be

STATES: Final[tuple[ItemState, ...]] = (
    ItemState.READY,
    ItemState.WAITING,
    ItemState.SCHEDULED,
    ItemState.LEASED,
    ItemState.PARKED,
    ItemState.DEAD,
    ItemState.DEAD,
    ItemState.DEAD,
)
#: The numbers in the table for each state.
CODES: Final = {
    state: tuple(code for code, other in enumerate(STATES) if other is state)
    for state in dict.fromkeys(STATES)
}
ENDS: Final = {str(state): state for state in ItemState}

#: Numbers of one queue; the queue's own stand above them in an id.
NUMBERS: Final = 1 << 40
EVER: Final = float("inf")
_LETTERS: Final = 12  # of a key, by which neighbours in time are neighbours on disk
_DIGEST: Final = 12  # bytes: two keys that begin alike never meet by chance


class Row(NamedTuple):
    """An item as it is stored, without its payload."""

    id: int
    queue: int
    state: int
    target: int
    rank: int
    operation: int
    version: int
    token: int
    attempts: int
    lapses: int
    blocked: int
    created_at: float
    due_at: float | None
    wake: float | None
    expires_at: float | None
    lifetime: float | None
    sent_at: float | None
    sent_by: int | None
    ended_at: float | None
    keep_result: float
    place: int
    size: int
    scope: str
    key: str
    fingerprint: bytes
    lane: str | None
    entity: str | None
    reason: str | None
    error: str | None
    headers: str | None


class Now(NamedTuple):
    """The time of one call, on both clocks; see `_clock`."""

    steady: float
    wall: float


class Desk:
    """Where the work on one queue is done; valid within its transaction.

    Args:
        connection: A connection inside a transaction.
        name: Of the queue.
        id_: Its number.
        rules: Its rules.
        now: The time.

    Attributes:
        family: Somebody in the file waits for somebody.
        words: Operations and targets met here, by their numbers; they may yet
            be rolled back. numbers, the other way round.
        known: The same, known from before: words and numbers.
    """

    __slots__ = (
        "base",
        "connection",
        "family",
        "id",
        "known",
        "name",
        "now",
        "numbers",
        "rules",
        "words",
    )

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        id_: int,
        rules: QueueRules,
        now: Now,
    ) -> None:
        self.connection = connection
        self.name = name
        self.id = id_
        self.base = id_ * NUMBERS
        self.rules = rules
        self.now = now
        self.family = False
        self.words: dict[int, str] = {}
        self.numbers: dict[str, int] = {}
        self.known: tuple[dict[int, str], dict[str, int]] = {}, {}

    @classmethod
    def find(cls, connection: sqlite3.Connection, name: str, now: Now) -> Desk | None:
        """Return the desk of a queue that is there."""
        row = connection.execute(SQL["queue"], (name,)).fetchone()
        if row is None:
            return None
        id_, *rules, family = row
        desk = cls(connection, name, id_, QueueRules._make(rules), now)
        desk.family = bool(family)
        return desk

    @classmethod
    def find_to_fill(
        cls, connection: sqlite3.Connection, name: str, now: Now
    ) -> tuple[Desk, tuple[int, int, int]] | None:
        """Return the desk, what is live there, and the last number given out."""
        row = connection.execute(SQL["queue_to_fill"], (name,)).fetchone()
        if row is None:
            return None
        desk = cls(connection, name, row[0], QueueRules._make(row[1:7]), now)
        desk.family = bool(row[7])
        items, size, last = row[8:]
        return desk, (items or 0, size or 0, last or 0)

    @classmethod
    def find_in_time(
        cls, connection: sqlite3.Connection, name: str, now: Now
    ) -> tuple[Desk, bool] | None:
        """Return the desk, and whether time has something to do there."""
        row = connection.execute(
            SQL["queue_in_time"], (name, now.steady, now.wall)
        ).fetchone()
        if row is None:
            return None
        desk = cls(connection, name, row[0], QueueRules._make(row[1:7]), now)
        desk.family = bool(row[7])
        return desk, bool(row[8])

    @classmethod
    def make(cls, connection: sqlite3.Connection, name: str, now: Now) -> Desk:
        """Return the desk of a queue, which is made if it is new."""
        return cls.find(connection, name, now) or cls.ruled(
            connection, name, QueueRules(), now
        )

    @classmethod
    def ruled(
        cls, connection: sqlite3.Connection, name: str, rules: QueueRules, now: Now
    ) -> Desk:
        """Return the desk of a queue that has *rules* from now on."""
        rows = connection.execute(SQL["add_queue"], (name, *rules)).fetchall()
        return cls(connection, name, rows[0][0], rules, now)

    # ------------------------------------------------------------------ rows

    def run(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        """Run a statement by its name."""
        return self.connection.execute(SQL[statement], parameters)

    def one(self, statement: str, *parameters: Any) -> Any:
        """Return the one row that a statement gives, or None."""
        return self.connection.execute(SQL[statement], parameters).fetchone()

    def all(self, statement: str, *parameters: Any) -> list[Any]:
        """Return all rows that a statement gives."""
        return self.connection.execute(SQL[statement], parameters).fetchall()

    def ids(self, statement: str, *parameters: Any) -> list[int]:
        """Return the first column of all rows."""
        rows = self.connection.execute(SQL[statement], parameters).fetchall()
        return [row[0] for row in rows]

    def row(self, id_: int) -> Row | None:
        """Return an item without its payload."""
        found = self.one("row", id_)
        return None if found is None else Row._make(found)

    def id_of(self, seq: int) -> int:
        """Return the id of a number; one that no item can have is nobody's."""
        return self.base + seq if 0 < seq < NUMBERS else -1

    def item(self, values: Sequence[Any]) -> Item:
        """Return what is shown of an item: *values* are a row and its payload.

        Raises:
            DatabaseCorrupt: A value is of another kind than was written.
        """
        try:
            return self._item(values)
        except (LookupError, TypeError, ValueError):
            # Without the value, which may be anything, personal data too.
            raise self._damaged(values[0]) from None

    def _damaged(self, id_: int) -> DatabaseCorrupt:
        return DatabaseCorrupt(
            f"sqlite: item {id_ - self.base} of queue {self.name!r} is damaged: its "
            "row was changed by somebody else, and holds a value of another kind. "
            "`syncpatterns queue doctor` lists such items. Correct the row, or delete "
            "it, or restore a backup."
        )

    def _item(self, values: Sequence[Any]) -> Item:
        (id_, _, code, target, rank, operation, version, token, attempts, lapses,
         blocked, created_at, due_at, wake, expires_at, _, sent_at, _, _, keep, _, _,
         scope, key, fingerprint, lane, entity, reason, error, headers, payload,
        ) = values  # fmt: skip
        # Of another kind, these would be met only by who counts with them or writes
        # them down: a drain, in the middle of others' items.
        if token + version + attempts + lapses + blocked < 0:
            raise ValueError("a count is below zero")
        "".join((scope, key, lane or "", entity or "", headers or ""))
        b"".join((fingerprint, payload or b""))
        ahead = self.now.wall - self.now.steady
        created_at = float(created_at)  # RETURNING gives what is whole as an int
        return Item(
            id_ - self.base,
            STATES[code],
            self.word(operation),
            key,
            scope,
            fingerprint,
            payload,
            version,
            self.word(target),
            lane,
            entity,
            -rank,
            token,
            token,  # as often as it was claimed
            attempts,
            lapses,
            created_at,
            created_at if due_at is None else due_at + ahead,
            wake + ahead if wake and code == LEASED else 0.0,
            EVER if expires_at is None else float(expires_at),
            None if sent_at is None else float(sent_at),
            blocked,
            reason or "",
            error or "",
            headers or "{}",
            float(keep),
        )

    # ----------------------------------------------------------------- words

    def word(self, id_: int) -> str:
        """Return the word with this number."""
        known = self.known[0].get(id_) or self.words.get(id_)
        if known is None:
            (known,) = self.one("word", id_)  # gone: a TypeError, as for `item`
            self.words[id_] = known
        return known

    def word_id(self, word: str) -> int:
        """Return the number of a word; -1 if it is none (0 stands for all targets)."""
        found = self.one("word_id", word)
        return -1 if found is None else int(found[0])

    def learn(self, word: str) -> int:
        """Return the number of a word, which is given one if it is new."""
        number = self.known[1].get(word) or self.numbers.get(word)
        if number is None:
            found = self.one("word_id", word) or self.all("add_word", word)[0]
            number = self.numbers[word] = int(found[0])
            self.words[number] = word
        return number

    # ------------------------------------------------------------------- ends

    def dead(self, row: Row) -> Ended:
        """Return how a DEAD item ended."""
        return Ended(
            row.id - self.base,
            ItemState.DEAD,
            reason=row.reason or "",
            error=row.error or "",
            at=row.ended_at or 0.0,
            operation=self.word(row.operation),
            key_hash=hash_of(self, row),
        )

    def outcome(self, id_: int) -> tuple[Ended, bytes, int] | None:
        """Return how an item ended, its fingerprint, and the token that ended it.

        None if it has not ended, is DEAD, or its outcome is past its time.
        """
        found = self.one("outcome", id_)
        if found is None or found[9] <= self.now.wall:
            return None
        state, result, reason, error, survivor, at, word, hashed = found[:8]
        b"".join((result or b"", found[8]))  # a text would pass for bytes for long
        ended = Ended(
            id_ - self.base,
            ENDS[state],
            result or b"",
            reason or "",
            error or "",
            survivor,
            at,
            self.word(word),
            hashed.hex(),
        )
        return ended, found[8], found[10]


def hash_of(desk: Desk, row: Row) -> str:
    """Return the 8 hex digits that stand for the key of an item."""
    return key_hash(row.scope, desk.word(row.operation), row.key)


def place_of(scope: str, operation: str, key: str) -> bytes:
    """Return what an item is found by, in an order that follows its key.

    Keys made one after the other (UUIDs of version 7, ``import-000017``) begin
    alike and stand side by side, so 1,000 new items touch a few pages and not
    1,000: measured with 300,000 items, 60,000 a second instead of 18,000. The
    digest behind it decides; the letters in front only sort.
    """
    letters = key[:_LETTERS].encode("utf-8", "surrogatepass")
    return letters + identity(scope, operation, key)[:_DIGEST]


def hash_in(place: bytes) -> str:
    """Return the 8 hex digits that stand for a key: the digest begins with them."""
    return place[-_DIGEST : 4 - _DIGEST].hex()
