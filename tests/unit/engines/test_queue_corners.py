"""What seldom happens, and what a hostile or forgetful caller asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._queue import _shown as _queue_shown
from syncpatterns.engines.sqlite._queue._desk import NUMBERS, hash_in, place_of
from syncpatterns.engines.sqlite._queue._store import SqliteQueueStore
from syncpatterns.errors import ConfigurationError, KeyReused
from syncpatterns.offline_queue._core import (
    Ack,
    Coalesce,
    Fail,
    Filter,
    Hold,
    ItemState,
    Parent,
    QueueRules,
    Replace,
    key_hash,
)
from syncpatterns.testing import FakeClock
from tests.unit.engines.queues import (
    PLENTY,
    QUEUE,
    acknowledge,
    claim,
    fill,
    keys,
    new,
    put,
)

OpenEngine = Callable[..., SqliteEngine]


@pytest.fixture
def store(open_engine: OpenEngine, clock: FakeClock) -> SqliteQueueStore:
    """Open a store with one queue of plenty."""
    store = open_engine(clock=clock).queue_store()
    store.configure(QUEUE, PLENTY)
    return store


def states(store: SqliteQueueStore) -> dict[str, str]:
    """Return where each item stands."""
    return {item.key: item.state.value for item in store.items(QUEUE)}


def test_a_replacement_may_use_a_key_that_is_forgotten(
    store: SqliteQueueStore, clock: FakeClock
) -> None:
    """And none that is known, live or ended."""
    put(store, new("old", keep_result=60.0), new("kept"), new("wrong"))
    for item in claim(store, 2):
        acknowledge(store, item)
    (wrong,) = claim(store)
    for key in ("old", "kept"):
        with pytest.raises(KeyReused, match="Nothing was stored"):
            store.settle(QUEUE, [Replace(wrong.hold, new(key, payload=b"other"))])
    clock.advance(60)

    (settled,) = store.settle(QUEUE, [Replace(wrong.hold, new("old"))])

    assert (settled.accepted, settled.seq) == (True, 4)
    assert states(store) == {"old": "ready"}
    assert store.find(QUEUE, "acme", "leads.update", "old") == 4
    assert store.check(QUEUE) == []


def test_a_replacement_whose_parent_is_dead_is_dead_too(
    store: SqliteQueueStore,
) -> None:
    """It ends at once, and the lane goes on."""
    put(store, new("parent"), new("a", lane="x"), new("b", lane="x"))
    parent, item = claim(store, 2)
    store.settle(QUEUE, [Fail(parent.hold, "rejected")])
    child = new("c", lane="x", parents=(Parent(1),))

    (settled,) = store.settle(QUEUE, [Replace(item.hold, child)])

    ends = [(each.seq, each.state.value, each.reason) for each in settled.ended]
    assert ends == [(2, "superseded", ""), (4, "dead", "parent")]
    assert states(store) == {"parent": "dead", "b": "ready", "c": "dead"}


def test_a_dead_head_gives_way_to_one_before_it(store: SqliteQueueStore) -> None:
    """And holds the lane again once that one is done."""
    put(store, new("first", lane="x"), new("second", lane="x"), new("third", lane="x"))
    (first,) = claim(store)
    store.settle(QUEUE, [Fail(first.hold, "rejected")])
    rules = PLENTY._replace(on_dead="block")
    store.configure(QUEUE, rules)
    (second,) = claim(store)
    store.settle(QUEUE, [Fail(second.hold, "rejected")])
    blocked = store.blocked_lanes(QUEUE), store.stats(QUEUE).blocked_lanes
    store.requeue(QUEUE, [1])
    free = store.blocked_lanes(QUEUE), store.stats(QUEUE).blocked_lanes
    (again,) = claim(store, 9)
    acknowledge(store, again)

    assert blocked == ({"x": 2}, 1)
    assert free == ({}, 0)
    assert again.key == "first"
    assert store.blocked_lanes(QUEUE) == {"x": 2}
    assert states(store) == {"second": "dead", "third": "waiting"}
    store.configure(QUEUE, PLENTY)
    assert states(store) == {"second": "dead", "third": "ready"}


def test_a_queue_that_has_used_up_its_numbers_says_so(store: SqliteQueueStore) -> None:
    """A million million of them; the next queue's would begin there."""
    put(store, new("a"))
    store._engine.transact(
        lambda tx: tx.connection.execute(
            "UPDATE syncpatterns_queue_count SET last = ? WHERE last IS NOT NULL",
            (NUMBERS - 2,),
        )
    )
    (last,) = put(store, new("last"))

    for items in ([new("b")], [new(f"k{n}") for n in range(9)]):
        with pytest.raises(ConfigurationError, match="another name"):
            put(store, *items)

    assert last.seq == NUMBERS - 1
    assert keys(store.items(QUEUE)) == ["a", "last"]


def test_a_state_with_very_many_items_is_walked_in_order(
    store: SqliteQueueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instead of reading all their numbers first; the page is the same."""
    put(store, *[new(f"k{n}", delay=9.0 * (n % 2)) for n in range(20)])
    ready = Filter(states=(ItemState.READY,))
    few = store.items(QUEUE, ready, after=4, limit=5)
    monkeypatch.setattr(_queue_shown, "_FEW", 3)

    walked = store.items(QUEUE, ready, after=4, limit=5)

    assert [item.seq for item in walked] == [5, 7, 9, 11, 13]
    assert walked == few


def test_what_nobody_has_is_nowhere(store: SqliteQueueStore) -> None:
    """Numbers of other queues, below zero or too large; queues that are not there."""
    put(store, new("a"))
    put(store, new("other"), queue="other")
    odd = [0, -1, NUMBERS, NUMBERS + 1, 1 << 70, 2]

    assert [store.get(QUEUE, seq) for seq in odd] == [None] * 6
    assert [store.ended(QUEUE, seq) for seq in odd] == [None] * 6
    assert store.cancel(QUEUE, odd) == store.discard(QUEUE, odd) == []
    assert store.requeue(QUEUE, odd) == []
    assert store.extend(QUEUE, [Hold(seq, 0) for seq in odd], 9.0) == []
    settled = store.settle("none", [Ack(Hold(1, 1))])
    assert [(each.accepted, each.seq) for each in settled] == [(False, 1)]
    assert store.items(QUEUE, after=1 << 70) == store.items("none") == []
    assert store.purge(QUEUE, 0) == store.purge(QUEUE, 1 << 70) == 0
    assert store.queues() == [QUEUE, "other"]


def test_a_pair_without_an_entity_does_not_cancel_out(
    store: SqliteQueueStore,
) -> None:
    """There is nothing by which the two would know each other."""
    how = Coalesce("cancel_pair", creates="leads.update")
    put(store, new("create"))

    (stored,) = put(store, new("delete", operation="leads.delete", coalesce=how))

    assert (stored.state, stored.dropped) == (ItemState.READY, ())


def test_expiry_of_a_head_takes_those_along_that_expired_with_it(
    store: SqliteQueueStore, clock: FakeClock
) -> None:
    """One that went with another is not ended twice."""
    store.configure(QUEUE, PLENTY._replace(on_dead="cascade"))
    items = [new(f"k{n}", lane="x", expires_in=60.0, delay=60.0) for n in range(3)]
    put(store, *items)
    clock.advance(60)

    staged = store.stage(QUEUE)

    ends = [(each.seq, each.state.value) for each in staged.ended]
    assert ends == [(1, "expired"), (2, "dead"), (3, "dead")]
    assert store.check(QUEUE) == []


def test_the_key_hash_is_in_what_an_item_is_found_by() -> None:
    """Short keys, long ones, and those that SQLite could not store as text."""
    for key in ("", "k", "0123456789ab", "x" * 500, "\ud800"):
        place = place_of("acme", "op", key)
        assert hash_in(place) == key_hash("acme", "op", key)


def test_keys_that_begin_alike_are_told_apart(store: SqliteQueueStore) -> None:
    """Also across scopes and operations: the digest decides."""
    put(
        store,
        new("import-000000001"),
        new("import-000000001", operation="leads.delete"),
        new("import-000000002"),
    )
    same = new("import-000000001")._replace(scope="other")

    (stored,) = put(store, same)

    assert (stored.seq, stored.duplicate) == (4, False)


def test_threads_that_ask_for_the_store_at_once_share_its_office(
    open_engine: OpenEngine,
) -> None:
    """Or what one was told the other would not know."""
    engine = open_engine()
    together = threading.Barrier(8)
    offices: list[Any] = []

    def ask() -> None:
        together.wait(120)
        offices.append(engine._queue_office())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(office) for office in offices}) == 1


def test_a_lane_of_ten_thousand_that_dies_with_its_head(
    store: SqliteQueueStore,
) -> None:
    """No recursion, one commit, and the counters follow."""
    store.configure(QUEUE, PLENTY._replace(on_dead="cascade"))
    put(store, new("head", lane="x"))
    fill(store._engine, 10_000, state=1, lane="x")
    (head,) = claim(store)

    (settled,) = store.settle(QUEUE, [Fail(head.hold, "rejected")])

    stats = store.stats(QUEUE)
    assert len(settled.ended) == 10_001
    assert (stats.live, stats.states[ItemState.DEAD]) == (0, 10_001)


def test_rules_of_one_queue_are_not_another_s(store: SqliteQueueStore) -> None:
    """Each has its own row."""
    store.configure("small", QueueRules(max_items=1))
    put(store, new("a"), queue="small")
    put(store, new("a"), new("b"))

    assert (store.stats("small").live, store.stats(QUEUE).live) == (1, 2)
