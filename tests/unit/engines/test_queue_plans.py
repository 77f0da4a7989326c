"""What a queue asks of SQLite costs the same however much is in the file."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._queue._desk import SQL
from syncpatterns.engines.sqlite._queue._store import SqliteQueueStore
from syncpatterns.offline_queue._core import (
    Coalesce,
    Filter,
    ItemState,
    NewItem,
)
from syncpatterns.testing import FakeClock
from tests.unit.engines.queues import (
    PLENTY,
    QUEUE,
    claim,
    fill,
    keys,
    load,
    new,
    put,
    steps,
    writer,
)

OpenEngine = Callable[..., SqliteEngine]

#: Somebody asked for a look at everything.
CHECKS = {
    "real_counts",
    "count_anew",
    "no_payload",
    "wrong_kinds",
    "wrong_outcomes",
    "wrong_blocked",
}
#: The names of all queues: the table holds nothing else.
ALL = {"queues"}


@pytest.fixture
def store(open_engine: OpenEngine, clock: FakeClock) -> SqliteQueueStore:
    """Open a store with one queue that holds one item, which is LEASED.

    Its time stands still: once a second a commit also notes the time seen.
    """
    engine = open_engine(clock=clock)
    store = engine.queue_store()
    store.configure(QUEUE, PLENTY)
    put(store, new("first"))
    claim(store)
    return store


def plan(path: Path, sql: str) -> list[str]:
    """Return how SQLite goes about *sql*."""
    numbered = [int(n) for n in re.findall(r"\?(\d)", sql)]
    count = max(numbered, default=len(re.findall(r"\?", sql)))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * count)
        return [row[3] for row in rows]


def is_slow(path: Path, sql: str) -> bool:
    """Tell whether SQLite would read a whole table, or sort."""
    return any("SCAN" in step or "TEMP B-TREE" in step for step in plan(path, sql))


@pytest.mark.case("QUE-65", part="SQLite")
def test_no_statement_scans_a_table_or_sorts(
    store: SqliteQueueStore, path: Path
) -> None:
    """But those of a check, which looks at everything, and the list of all queues."""
    slow = {name for name, sql in SQL.items() if is_slow(path, sql)}

    assert slow == CHECKS | ALL


@pytest.mark.case("QUE-65", part="SQLite, after ANALYZE")
def test_what_sqlite_learns_of_the_rows_changes_no_plan(
    store: SqliteQueueStore, path: Path
) -> None:
    """Figures about one day's rows could lead it astray on another's."""
    fill(store._engine, 5_000, state=1, lane="A")
    fill(store._engine, 500, state=5, first=2_000_000)
    store._engine.transact(lambda tx: tx.connection.execute("ANALYZE"))

    slow = {name for name, sql in SQL.items() if is_slow(path, sql)}

    assert slow == CHECKS | ALL


@pytest.mark.case("QUE-65", part="planted")
def test_a_statement_that_scans_is_found(store: SqliteQueueStore, path: Path) -> None:
    """Without the words that name the index, the claim would read every item."""
    careless = SQL["ready"].replace(" AND state <> 3", "")

    assert careless != SQL["ready"]
    assert is_slow(path, careless)


@pytest.mark.case("QUE-64")
def test_two_queues_in_one_file_use_the_same_indexes(
    store: SqliteQueueStore, path: Path
) -> None:
    """Each sees its own items, in its own numbers, by a step in the index."""
    store.configure("mail", PLENTY)
    put(store, new("other", operation="mail.send"), queue="mail")
    put(store, new("second"))
    used = {name: plan(path, SQL[name]) for name in ("ready", "key", "head")}

    claimed = keys(claim(store, 9)), keys(claim(store, 9, queue="mail"))

    assert claimed == (["second"], ["other"])
    assert [item.seq for item in store.items("mail")] == [1]
    assert "syncpatterns_queue_item_order (queue=? AND state=?" in used["ready"][0]
    assert "USING PRIMARY KEY (queue=? AND identity=?)" in used["key"][0]
    assert "syncpatterns_queue_item_lane (queue=? AND lane=?)" in used["head"][0]


@pytest.mark.parametrize("schema", [6, 7])
@pytest.mark.parametrize("name", ["partner", "partners", "of_entity", "undelivered"])
def test_what_is_merged_is_found_by_its_scope_too(
    open_engine: OpenEngine, path: Path, schema: int, name: str
) -> None:
    """Whatever release made the file."""
    load(path, schema)
    open_engine().open()
    (step,) = plan(path, SQL[name])

    assert "item_entity (queue=? AND entity=? AND scope=?)" in step


@pytest.mark.parametrize(
    "how", [Coalesce("last_write"), Coalesce("cancel_pair", creates="leads.create")]
)
def test_what_a_thousand_scopes_call_the_same_costs_none_of_them_anything(
    store: SqliteQueueStore, how: Coalesce
) -> None:
    """Each has its own "profile": no more steps beside a thousand than beside ten."""

    def scoped(n: int) -> NewItem:
        return new(f"k{n}", entity="profile", coalesce=how)._replace(scope=f"t{n}")

    def cost(n: int) -> int:
        return steps(writer(store._engine), lambda: put(store, scoped(n)))[1]

    put(store, *map(scoped, range(10)))
    small = cost(10)
    put(store, *map(scoped, range(11, 1_000)))

    assert cost(1_000) <= small * 1.1


def cost_of_a_claim(store: SqliteQueueStore) -> int:
    """Put one item in, and return the steps of claiming it."""
    put(store, new(f"probe-{store.changes()}", priority=1))
    claimed, cost = steps(writer(store._engine), lambda: claim(store))
    assert len(claimed) == 1
    return cost


@pytest.mark.case("QUE-14", part="SQLite")
def test_a_blocked_lane_of_100_000_costs_a_claim_nothing(
    store: SqliteQueueStore,
) -> None:
    """They are WAITING, and no claim comes near them."""
    before = cost_of_a_claim(store)
    fill(store._engine, 1, state=2, wake=1e12, lane="A")
    fill(store._engine, 99_999, state=1, lane="A", first=2_000_000)

    assert cost_of_a_claim(store) <= before * 1.1


@pytest.mark.case("QUE-20", part="SQLite")
def test_100_000_delayed_items_cost_a_claim_nothing(store: SqliteQueueStore) -> None:
    """However high their priority."""
    before = cost_of_a_claim(store)
    fill(store._engine, 100_000, state=2, wake=1e12, rank=-9)

    assert cost_of_a_claim(store) <= before * 1.1


def test_a_paused_target_of_100_000_costs_a_claim_nothing(
    store: SqliteQueueStore,
) -> None:
    """Its items are READY, and stand apart."""
    put(store, new("sms", target="sms"))
    before = cost_of_a_claim(store)
    fill(store._engine, 100_000, rank=-9, target="sms")
    store.pause(QUEUE, "sms")

    assert cost_of_a_claim(store) <= before * 1.1


@pytest.mark.case("QUE-57", part="cost in SQLite")
def test_a_backlog_of_100_000_changes_no_cost(store: SqliteQueueStore) -> None:
    """Of a claim, of statistics and of a page of the list."""
    engine = store._engine

    def costs() -> list[int]:
        reader = engine.read(lambda connection: connection)
        return [
            cost_of_a_claim(store),
            steps(reader, lambda: store.stats(QUEUE))[1],
            steps(reader, lambda: store.items(QUEUE, limit=1))[1],
            steps(reader, lambda: store.items(QUEUE, DEAD, limit=1))[1],
        ]

    fill(engine, 1_000)
    small = costs()
    fill(engine, 99_000, first=2_000_000)
    large = costs()

    assert all(b <= a * 1.1 for a, b in zip(small, large, strict=True))


DEAD = Filter(states=(ItemState.DEAD,))


def test_a_hundred_kinds_of_items_are_listed_in_their_order(
    store: SqliteQueueStore,
) -> None:
    """Also by state, where they are read from an index in another order."""
    items = [new(f"k{n}", target=f"t{n % 7}", priority=n % 5) for n in range(100)]
    put(store, *items)
    ready = Filter(states=(ItemState.READY,))

    pages = [store.items(QUEUE, ready, after=after, limit=40) for after in (1, 41, 81)]
    listed = [item.seq for page in pages for item in page]

    assert listed == list(range(2, 102))
    assert [item.seq for item in store.items(QUEUE, ready, after=99, limit=2)] == [
        100,
        101,
    ]
