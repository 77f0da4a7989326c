"""A new database from what was found in a damaged one."""

from __future__ import annotations

import secrets
import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from syncpatterns.engines import _sql
from syncpatterns.engines.sqlite import _migrations
from syncpatterns.engines.sqlite._queue._desk import place_of
from syncpatterns.engines.sqlite._salvage._tables import Reader, Table
from syncpatterns.engines.sqlite._salvage._trees import HIGHEST, Lost
from syncpatterns.offline_queue._core import QueueRules

T = TypeVar("T")

_SQL: Final = _sql.load("syncpatterns.engines.sqlite._salvage", "salvage.sql")
_ITEM: Final = "syncpatterns_queue_item"
_META: Final = "syncpatterns_meta"
#: Made by the rows of others, so not copied.
_DERIVED: Final = frozenset({_META, "syncpatterns_queue_count"})
#: Counts up if nobody knows the last number that was given out.
_MARGIN: Final = 10_000
_MOST_GAPS: Final = 1000
_ROWS_A_WORD: Final = 1000
#: The row among the counts that also holds the last number given out.
_LIVE: Final = -1
#: An id is the queue times this, plus the number of the item in its queue.
_QUEUE: Final = 1 << 40


class Gap(NamedTuple):
    """Where rows could not be read.

    Args:
        what: Name of the table, or ``queue NAME`` for the items of one.
        first: The first number that may be missing; 0 where rows have none.
        last: The last one; 0 where rows have none, or nobody knows.
    """

    what: str
    first: int
    last: int


def build(
    reader: Reader, fresh: Path, progress: Callable[[int, int], object] | None
) -> tuple[dict[str, int], tuple[Gap, ...]]:
    """Write what *reader* finds to the new file *fresh*.

    Returns:
        How many rows of each table were saved, and where some were lost.
    """
    with closing(sqlite3.connect(fresh, isolation_level=None)) as new:
        new.execute("PRAGMA synchronous=OFF")  # synced once, at the end
        new.execute("BEGIN")
        meta, last = _known(reader)
        _create(new, meta)
        for table in reader.tables:
            if table.name not in _DERIVED:
                _copy(new, table, _told(reader, reader.rows(table), progress))
        for table, rows in reader.orphans():
            if table.name not in _DERIVED:
                _copy(new, table, iter(rows))
        dropped = _mend(new, reader, last)
        gaps = tuple(_gaps(new, reader, dropped, last))
        kept = _counts(new)
        new.execute("COMMIT")
    return kept, gaps


def _told(
    reader: Reader,
    rows: Iterator[T],
    progress: Callable[[int, int], object] | None,
) -> Iterator[T]:
    """Return *rows*, and say now and then how far they are."""
    for n, row in enumerate(rows):
        if progress is not None and not n % _ROWS_A_WORD:
            progress(*reader.progress())
        yield row
    if progress is not None:
        progress(*reader.progress())


def _known(reader: Reader) -> tuple[dict[str, Any], dict[int, int]]:
    """Return what the file knew about itself, and the last number of each queue."""
    meta: dict[str, Any] = {}
    last: dict[int, int] = {}
    for table in reader.tables:
        if table.name == _META:
            meta = {row[0]: row[1] for row in reader.rows(table)}
        elif table.name == "syncpatterns_queue_count":
            names = [column.name for column in table.columns]
            for row in reader.rows(table):
                count = dict(zip(names, row, strict=True))
                if count["state"] == _LIVE and count["last"] is not None:
                    last[count["queue"]] = count["last"]
    return meta, last


def _create(new: sqlite3.Connection, meta: dict[str, Any]) -> None:
    newest = _migrations.scripts()[-1][0]
    known = meta.get("schema")
    if type(known) is int and known > newest:
        # There is no such table here, and nobody knows what is in it.
        raise sqlite3.OperationalError(f"schema {known}")
    schema = known if type(known) is int and known > 0 else newest
    for number, script in _migrations.scripts():
        if number <= schema:
            for statement in _migrations.statements(script):
                new.execute(statement)
    # Another identity: an offset of the old outbox may be given again.
    kept = meta | {"schema": schema, "epoch": secrets.token_hex(4)}
    new.executemany("INSERT INTO syncpatterns_meta VALUES (?, ?)", kept.items())
    new.execute(f"PRAGMA application_id={_migrations.APPLICATION_ID}")


def _copy(new: sqlite3.Connection, table: Table, rows: Iterator[Any]) -> None:
    names = ", ".join(column.name for column in table.columns)
    marks = ", ".join("?" * len(table.columns))
    # A row that is there already, or that a rule of the table refuses, is not
    # one that could have been there: the first copy was the right one.
    new.executemany(
        f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({marks})",  # noqa: S608 - names of our own tables
        rows,
    )


# ------------------------------------------------------------------- mending


def _mend(new: sqlite3.Connection, reader: Reader, last: dict[int, int]) -> list[int]:
    """Put together what belongs together; return the items that had to go."""
    if not _has_queues(new):
        return []
    for table, add in (
        ("syncpatterns_queue_word", _add_word),
        ("syncpatterns_queue", _add_queue),
    ):
        for text, number in reader.words(table):
            add(new, number, text)
    new.execute(_SQL["name_lost_words"])
    for (number,) in new.execute(_SQL["queues_without_row"]).fetchall():
        _add_queue(new, number, f"lost-{number}")
    stale = new.execute(_SQL["also_ended"]).fetchall()
    new.executemany(_SQL["drop_item"], stale)
    dropped = new.execute(_SQL["without_payload"]).fetchall()
    new.executemany(_SQL["drop_item"], dropped)
    for step in (
        "drop_payloads_of_nobody",
        "drop_edges_of_nobody",
        "park_children_of_nobody",
        "close_edges_to_nobody",
        "add_keys_of_outcomes",
    ):
        new.execute(_SQL[step])
    _park_damaged(new)
    _add_keys(new)
    highest = dict(new.execute(_SQL["last_numbers"]).fetchall())
    new.execute(_SQL["drop_keys_of_nobody"])
    for queue in highest.keys() | last.keys():
        safe = last.get(queue) or highest[queue] + _MARGIN
        new.execute(_SQL["set_last_number"], (queue, safe))
    return [id_ for (id_,) in dropped]


def _has_queues(new: sqlite3.Connection) -> bool:
    found = new.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_ITEM,))
    return found.fetchone() is not None


def _add_word(new: sqlite3.Connection, number: int, word: str) -> None:
    new.execute(
        "INSERT OR IGNORE INTO syncpatterns_queue_word VALUES (?, ?)", (number, word)
    )


def _add_queue(new: sqlite3.Connection, number: int, name: str) -> None:
    """Add a queue with the usual rules; the application tells its own when it opens."""
    rules = QueueRules()
    new.execute(
        _SQL["add_queue"],
        (
            number,
            name,
            rules.max_items,
            rules.max_bytes,
            rules.on_dead,
            rules.max_lapses,
            rules.redeliver_within,
            rules.durability,
        ),
    )


def _park_damaged(new: sqlite3.Connection) -> None:
    """Set items aside whose key is not the one under which they were known."""
    damaged = [
        (id_,)
        for id_, scope, operation, key, identity in new.execute(_SQL["items_with_key"])
        if place_of(scope, operation, key) != identity
    ]
    new.executemany(_SQL["park_damaged"], damaged)


def _add_keys(new: sqlite3.Connection) -> None:
    """Let every item be found by its key again."""
    missing = new.execute(_SQL["items_without_key"]).fetchall()
    new.executemany(
        _SQL["add_key"],
        [
            (queue, place_of(scope, operation, key), seq)
            for queue, seq, scope, operation, key in missing
        ],
    )


# ---------------------------------------------------------------------- gaps


def _counts(new: sqlite3.Connection) -> dict[str, int]:
    names = new.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE "
        "'syncpatterns\\_%' ESCAPE '\\' ORDER BY name"
    ).fetchall()
    return {
        name: int(new.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608 - names of our own tables
        for (name,) in names
        if name not in _DERIVED
    }


def _gaps(
    new: sqlite3.Connection,
    reader: Reader,
    dropped: Iterable[int],
    last: dict[int, int],
) -> Iterator[Gap]:
    for table in reader.tables:
        lost = reader.lost[table.name]
        if table.name == _ITEM:
            gone = [*lost, *(Lost(id_ - 1, id_) for id_ in dropped)]
            yield from islice(_items(new, gone, last), _MOST_GAPS)
        elif table.keyed:
            yield from (Gap(table.name, 0, 0) for _ in lost)
        elif lost:
            numbers = _numbers(new, f"SELECT rowid FROM {table.name} ORDER BY 1")  # noqa: S608 - a table of ours
            yield from islice(_missing(table.name, lost, numbers, 0), _MOST_GAPS)


def _items(
    new: sqlite3.Connection, lost: list[Lost], last: dict[int, int]
) -> Iterator[Gap]:
    """Return the numbers of missing items, each in its own queue."""
    queues = new.execute("SELECT id, name FROM syncpatterns_queue").fetchall()
    for queue, name in queues if lost else ():
        base, end = queue * _QUEUE, (queue + 1) * _QUEUE
        numbers = _numbers(
            new,
            "SELECT id - ?1 FROM (SELECT id FROM syncpatterns_queue_item "
            "UNION SELECT id FROM syncpatterns_queue_outcome) "
            "WHERE id > ?1 AND id < ?2 ORDER BY 1",
            base,
            end,
        )
        here = [
            Lost(max(after - base, 0), HIGHEST if to >= end else to - base)
            for after, to in lost
            if after < end and to > base
        ]
        yield from _missing(f"queue {name}", here, numbers, last.get(queue, 0))


def _numbers(new: sqlite3.Connection, sql: str, *values: int) -> list[int]:
    return [number for (number,) in new.execute(sql, values)]


def _missing(
    what: str, lost: Iterable[Lost], numbers: list[int], ceiling: int
) -> Iterator[Gap]:
    """Return the stretches of *lost* that hold none of *numbers*.

    Args:
        what: What is missing.
        lost: Where rows could not be read.
        numbers: Those that are accounted for, in order.
        ceiling: The last number that was given out; 0 if nobody knows.
    """
    highest = numbers[-1] if numbers else 0
    for after, last in lost:
        low = max(after, 0) + 1
        if not ceiling and last == HIGHEST:
            yield Gap(what, max(low, highest + 1), 0)
        high = min(last, ceiling or highest)
        inside = numbers[bisect_left(numbers, low) : bisect_right(numbers, high)]
        for number in (*inside, high + 1):
            if low < number:
                yield Gap(what, low, number - 1)
            low = number + 1
