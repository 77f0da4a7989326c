"""Counters follow every change of a row, and capacity is exact in any crowd."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._queue._store import SqliteQueueStore
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import ItemState, Parent, QueueRules
from tests.at_once import at_once
from tests.unit.engines.queues import (
    PLENTY,
    QUEUE,
    acknowledge,
    claim,
    fill,
    new,
    put,
)

OpenEngine = Callable[..., SqliteEngine]


@pytest.fixture
def store(open_engine: OpenEngine) -> SqliteQueueStore:
    """Open a store with one queue of plenty."""
    store = open_engine().queue_store()
    store.configure(QUEUE, PLENTY)
    return store


def by_hand(store: SqliteQueueStore, sql: str) -> None:
    """Change rows as somebody with a shell would."""
    store._engine.transact(lambda tx: tx.connection.execute(sql))


@pytest.mark.case("QUE-37", part="four processes on SQLite")
def test_four_processes_fill_the_last_place_of_a_thousand(
    open_engine: OpenEngine,
) -> None:
    """One gets in, and every other hears that the queue is full."""
    engine = open_engine()
    store = engine.queue_store()
    store.configure(QUEUE, QueueRules(max_items=1000))
    put(store, new("seed"))
    fill(engine, 998)
    code = """
import sys
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import QueueFull
from tests.unit.engines.queues import new, put
with SqliteEngine(sys.argv[1]) as engine:
    store = engine.queue_store()
    store.queues()
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        put(store, new("last " + sys.argv[2]))
        print("in")
    except QueueFull:
        print("full")
"""
    said = at_once(["-c", code, str(engine.path), str(n)] for n in range(4))

    assert sorted(said) == ["full\n", "full\n", "full\n", "in\n"]
    assert store.stats(QUEUE).live == 1000


def test_rows_changed_by_hand_are_counted(store: SqliteQueueStore) -> None:
    """The triggers see whoever writes."""
    put(store, new("a"), new("b", payload=b"x" * 5000), new("c", target="sms"))
    by_hand(store, "UPDATE syncpatterns_queue_item SET state = 4 WHERE key = 'a'")
    by_hand(store, "DELETE FROM syncpatterns_queue_item WHERE key = 'b'")

    stats = store.stats(QUEUE)

    assert (stats.live, stats.bytes, store.check(QUEUE)) == (2, 22, [])
    assert stats.targets == {
        "default": {ItemState.PARKED: 1},
        "sms": {ItemState.READY: 1},
    }


def test_the_payload_of_a_large_item_goes_with_it(store: SqliteQueueStore) -> None:
    """It lies apart, and nothing of it stays behind."""
    large = b'"' + b"x" * 100_000 + b'"'
    put(store, new("large", payload=large), new("edge", payload=b"y" * 1024))
    items = claim(store, 2)
    done = [acknowledge(store, item) for item in items]
    left = store._engine.read(
        lambda c: c.execute(
            "SELECT count(*) FROM syncpatterns_queue_payload"
        ).fetchone()
    )

    assert [item.payload for item in items] == [large, b"y" * 1024]
    assert (done, left) == ([True, True], (0,))


def test_no_number_is_given_twice(store: SqliteQueueStore) -> None:
    """Also when nothing is left of the newest item, not even its outcome."""
    put(store, new("a", keep_result=0.0))
    (item,) = claim(store)
    acknowledge(store, item)
    purged = store.purge(QUEUE)

    (again,) = put(store, new("a"))

    assert (purged, item.seq, again.seq) == (1, 1, 2)


def test_a_duplicate_uses_no_number(store: SqliteQueueStore) -> None:
    """A client that repeats itself all day leaves no gaps and writes nothing."""
    put(store, new("a"))
    before = store.changes()
    for _ in range(3):
        put(store, new("a"))
    same = store.changes()

    (following,) = put(store, new("b"))

    assert (same, following.seq) == (before, 2)


def test_many_items_with_a_known_one_among_them(store: SqliteQueueStore) -> None:
    """What is stored in one go falls back to one by one, and leaves no trace."""
    put(store, new("k3"))

    stored = put(store, *[new(f"k{n}") for n in range(6)], new("k0"))

    assert [(each.seq, each.duplicate) for each in stored] == [
        (2, False),
        (3, False),
        (4, False),
        (1, True),
        (5, False),
        (6, False),
        (2, True),
    ]
    assert store.check(QUEUE) == []


def test_a_number_too_large_for_sqlite_is_refused(store: SqliteQueueStore) -> None:
    """With a sentence, and nothing stored."""
    for more in ({"priority": 1 << 70}, {"version": 1 << 70}):
        with pytest.raises(ConfigurationError, match="up to 18 digits"):
            put(store, new("a"), new("b", **more))

    assert store.items(QUEUE) == []


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE syncpatterns_queue_count SET items = items + 1", "counters"),
        ("UPDATE syncpatterns_queue_count SET last = 0", "numbers"),
        ("UPDATE syncpatterns_queue_item SET blocked = 2 WHERE key = 'c'", "children"),
        ("UPDATE syncpatterns_queue_item SET state = 1 WHERE key = 'a'", "stranded"),
        ("UPDATE syncpatterns_queue_item SET state = 1 WHERE key = 'l1'", "stranded"),
        ("UPDATE syncpatterns_queue_item SET state = 0 WHERE key = 'l2'", "lanes"),
    ],
)
def test_what_does_not_fit_is_found_and_put_right(
    store: SqliteQueueStore, sql: str, what: str
) -> None:
    """Each by its name; a second look finds nothing."""
    put(store, new("a"), new("l1", lane="x"), new("l2", lane="x"))
    put(store, new("c", parents=(Parent(1),)))
    by_hand(store, sql)

    found = store.check(QUEUE)
    repaired = store.check(QUEUE, repair=True)

    assert {finding.what for finding in found} == {what}
    assert all(each.repaired for each in repaired)
    assert store.check(QUEUE) == []
    states = {item.key: item.state for item in store.items(QUEUE)}
    assert states == {
        "a": ItemState.READY,
        "l1": ItemState.READY,
        "l2": ItemState.WAITING,
        "c": ItemState.WAITING,
    }


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DELETE FROM syncpatterns_queue_payload", "payload"),
        ("DELETE FROM syncpatterns_queue_item WHERE key = 'a'", "orphan"),
    ],
)
def test_what_cannot_be_put_right_is_only_told(
    store: SqliteQueueStore, sql: str, what: str
) -> None:
    """What is lost is lost; the sentence says what to do."""
    put(store, new("a"), new("large", payload=b"x" * 2000))
    put(store, new("c", parents=(Parent(1, "hold"),)))
    by_hand(store, sql)

    store.check(QUEUE, repair=True)
    found = store.check(QUEUE, repair=True)

    assert [(each.what, each.repaired) for each in found] == [(what, False)]
    assert "enqueue it anew" in found[0].detail
