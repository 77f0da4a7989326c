"""Queues in memory: what a claim costs, what a check finds, what is told to whom."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.engines.memory._queue._heap import OrderedKeys
from syncpatterns.engines.memory._queue._store import MemoryQueueStore
from syncpatterns.errors import ConfigurationError, EngineClosed
from syncpatterns.offline_queue._core import (
    Ack,
    Coalesce,
    Finding,
    ItemState,
    NewItem,
    Parent,
    QueueRules,
    Release,
)
from syncpatterns.offline_queue._ports import (
    AsyncQueueStore,
    ClaimRequest,
    EnqueueRequest,
    QueueEngine,
    QueueStore,
)
from syncpatterns.testing import FakeClock
from tests.timing import at_best

QUEUE = "q"
MANY = 100_000


@pytest.fixture
def clock() -> FakeClock:
    """The time that the store goes by."""
    return FakeClock()


@pytest.fixture
def engine(clock: FakeClock) -> MemoryEngine:
    """An engine with nothing in it."""
    return MemoryEngine(clock=clock)


@pytest.fixture
def store(engine: MemoryEngine) -> MemoryQueueStore:
    """Its queues; the one of the tests is large."""
    store = engine.queue_store()
    store.configure(QUEUE, QueueRules(max_items=2 * MANY))
    return store


def put(store: MemoryQueueStore, *keys: str, **more: Any) -> list[int]:
    """Enqueue one item a key; return their numbers."""
    items = [NewItem("op", key, "t", b"f", b"{}", **more) for key in keys]
    return [each.seq for each in store.enqueue(EnqueueRequest(QUEUE, items))]


def take(store: MemoryQueueStore, limit: int = 100) -> list[Any]:
    """Claim for a long time."""
    return store.claim(ClaimRequest(QUEUE, limit, 1e6))


def fastest(work: Callable[[], object], times: int = 200) -> float:
    """Return the seconds of the fastest run: what disturbs others is left out."""
    found: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def claim_and_release(store: MemoryQueueStore) -> None:
    """Take the one item that can be had, and put it back."""
    (item,) = take(store, 1)
    store.settle(QUEUE, [Release(item.hold)])


# ------------------------------------------------------------------------ costs


@pytest.mark.slow
@pytest.mark.case("QUE-14", part="memory")
@pytest.mark.case("QUE-20", part="memory")
@pytest.mark.parametrize(
    "crowd",
    [
        {"lane": "blocked"},
        {"delay": 1e6, "priority": 9},
    ],
    ids=["lane", "delayed"],
)
def test_a_claim_does_not_meet_what_cannot_be_claimed(
    crowd: dict[str, Any], store: MemoryQueueStore
) -> None:
    """A hundred thousand of them cost a claim of another less than five times."""
    put(store, "free")
    alone = fastest(lambda: claim_and_release(store))
    put(store, "head", lane="blocked", priority=9)
    take(store, 1)
    put(store, *[f"{n}" for n in range(MANY)], **crowd)

    limit = 5 * alone
    assert at_best(lambda: fastest(lambda: claim_and_release(store)), limit) < limit


@pytest.mark.parametrize("target", ["default", "paused"])
def test_a_claim_costs_the_same_at_any_backlog(
    target: str, store: MemoryQueueStore
) -> None:
    """Before ten thousand that wait for their turn, or are paused, it is as fast."""
    put(store, "free", priority=9)
    alone = fastest(lambda: claim_and_release(store))
    store.pause(QUEUE, "paused")
    put(store, *[f"{n}" for n in range(MANY // 10)], target=target)

    limit = 5 * alone
    assert at_best(lambda: fastest(lambda: claim_and_release(store)), limit) < limit


class Counted(dict[int, Any]):
    """Rows that count how often one is looked at."""

    looks = 0

    def __getitem__(self, seq: int) -> Any:
        self.looks += 1
        return super().__getitem__(seq)


@pytest.mark.parametrize(
    "how", [Coalesce("last_write"), Coalesce("cancel_pair", creates="create")]
)
def test_what_a_thousand_scopes_call_the_same_costs_none_of_them_anything(
    store: MemoryQueueStore, how: Coalesce
) -> None:
    """Each has its own "profile": nobody's is looked at for another's."""
    more: dict[str, Any] = {"entity": "profile", "coalesce": how}
    items = [NewItem("op", "k", f"t{n}", b"f", b"{}", **more) for n in range(1_000)]
    store.enqueue(EnqueueRequest(QUEUE, items))
    table = store._tables[QUEUE]
    table.rows = rows = Counted(table.rows)
    store.enqueue(EnqueueRequest(QUEUE, [items[0]._replace(key="n", scope="new")]))
    found = store.waiting(QUEUE, "op", "profile", "t7")

    assert found is not None
    assert found.seq == 8
    assert rows.looks < 10


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), max_size=300
    )
)
def test_ordered_keys_are_a_sorted_set(steps: list[tuple[bool, int, int]]) -> None:
    """Whatever goes in and out, the least comes first, and no key twice."""
    keys: OrderedKeys[tuple[int, int]] = OrderedKeys()
    expected: set[tuple[int, int]] = set()
    for put_in, one, two in steps:
        if put_in:
            keys.add((one, two))
            expected.add((one, two))
        else:
            keys.discard((one, two))
            expected.discard((one, two))
        assert keys.first() == min(expected, default=None)
        assert (len(keys), set(keys), keys.ordered()) == (
            *(len(expected), expected),
            sorted(expected),
        )


def test_ordered_keys_do_not_grow_with_what_passes_through() -> None:
    """Ten thousand that come and go leave no more behind than a handful."""
    keys: OrderedKeys[tuple[int]] = OrderedKeys()
    keys.add((0,))
    for n in range(1, 10_000):
        keys.add((n,))
        keys.discard((n,))

    assert len(keys._heap) < 100


# ----------------------------------------------------------------------- checks


def _plant_counter(store: MemoryQueueStore) -> None:
    store._tables[QUEUE].index.live += 1


def _plant_stranger(store: MemoryQueueStore) -> None:
    table = store._tables[QUEUE]
    seq = next(iter(table.rows))
    table.write(table.rows[seq].with_item(state=ItemState.WAITING))


def _plant_overtaker(store: MemoryQueueStore) -> None:
    table = store._tables[QUEUE]
    table.write(table.rows[max(table.rows)].with_item(state=ItemState.READY))


def _plant_index(store: MemoryQueueStore) -> None:
    table = store._tables[QUEUE]
    table.index.ready.clear()


def _plant_parent(store: MemoryQueueStore) -> None:
    table = store._tables[QUEUE]
    seq = next(iter(table.rows))
    table.write(table.rows[seq].with_item(blocked=1, state=ItemState.WAITING))


@pytest.mark.parametrize(
    ("plant", "what"),
    [
        (_plant_counter, "counters"),
        (_plant_stranger, "stranded"),
        (_plant_overtaker, "lanes"),
        (_plant_index, "index"),
        (_plant_parent, "children"),
    ],
)
def test_a_check_finds_and_repairs_what_was_planted(
    plant: Callable[[MemoryQueueStore], None], what: str, store: MemoryQueueStore
) -> None:
    """Each wrong figure or state is found, put right if asked, and work goes on."""
    put(store, "1", "2", lane="A")
    plant(store)
    found = store.check(QUEUE)
    repaired = store.check(QUEUE, repair=True)

    assert what in {finding.what for finding in found}
    assert not any(finding.repaired for finding in found)
    assert all(finding.repaired for finding in repaired)
    assert store.check(QUEUE) == []
    assert store.stats(QUEUE).live == 2
    assert [item.key for item in take(store)] == ["1"]


def test_a_child_whose_parent_is_gone_is_found(store: MemoryQueueStore) -> None:
    """It would wait for ever; nobody can invent its parent, so it is only named."""
    (parent,) = put(store, "parent")
    (child,) = put(store, "child", parents=(Parent(parent),))
    store._tables[QUEUE].remove(parent)
    (finding,) = store.check(QUEUE)

    assert finding == Finding("children", finding.detail)
    assert str(child) in finding.detail


# ------------------------------------------------------------------- the engine


def test_the_engine_keeps_queues(engine: MemoryEngine) -> None:
    """Both stores are what the ports ask for."""
    assert isinstance(engine, QueueEngine)
    assert isinstance(engine.queue_store(), QueueStore)
    assert isinstance(engine.async_queue_store(), AsyncQueueStore)


@pytest.mark.parametrize("method", ["configure", "enqueue", "settle"])
def test_a_transaction_is_refused_with_what_to_do(
    method: str, store: MemoryQueueStore
) -> None:
    """Memory has none; the error says which engine has."""
    asked: dict[str, tuple[Any, ...]] = {
        "configure": (QUEUE, QueueRules()),
        "enqueue": (EnqueueRequest(QUEUE, []),),
        "settle": (QUEUE, []),
    }
    with pytest.raises(ConfigurationError, match="sqlite:///"):
        getattr(store, method)(*asked[method], tx=object())


def test_a_closed_engine_takes_nothing(
    engine: MemoryEngine, store: MemoryQueueStore
) -> None:
    """After `close` every call is refused, and nothing was done."""
    engine.close()

    with pytest.raises(EngineClosed):
        put(store, "a")
    with pytest.raises(EngineClosed):
        take(store)
    with pytest.raises(EngineClosed):
        store.queues()


def test_sweeping_forgets_outcomes(
    engine: MemoryEngine, store: MemoryQueueStore, clock: FakeClock
) -> None:
    """The engine's housekeeping forgets what is past its time, in every queue."""
    put(store, *[f"{n}" for n in range(1500)], keep_result=60.0)
    items = take(store, 1500)
    store.settle(QUEUE, [Ack(item.hold) for item in items])
    early = engine.sweep().records
    clock.advance(60)

    assert (early, engine.sweep().records, engine.sweep().records) == (0, 1500, 0)


def test_listeners_may_ask_back(store: MemoryQueueStore) -> None:
    """They are called outside the lock: a look at the queue does not wait for ever."""
    seen: list[int] = []
    off = store.on_change(lambda: seen.append(store.stats(QUEUE).live))
    put(store, "a")
    put(store, "b")
    off()
    put(store, "c")

    assert seen == [1, 2]


def test_a_look_tells_nobody(store: MemoryQueueStore) -> None:
    """What changes nothing wakes no drain."""
    seen: list[str] = []
    store.on_change(lambda: seen.append("told"))
    take(store)
    store.stage(QUEUE)
    store.items(QUEUE)
    store.cancel(QUEUE, [7])

    assert seen == []


def test_a_long_list_comes_whole(store: MemoryQueueStore) -> None:
    """A list that is read in several steps leaves nothing out, also with gaps."""
    numbers = put(store, *[f"{n}" for n in range(3500)])
    store.cancel(QUEUE, numbers[::2])
    listed = [item.seq for item in store.items(QUEUE, limit=10_000)]

    assert listed == numbers[1::2]
    assert [each.seq for each in store.items(QUEUE, after=listed[1000], limit=2)] == (
        listed[1001:1003]
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_child_process_is_not_stopped_by_a_lock_of_its_parent(
    store: MemoryQueueStore,
) -> None:
    """Forked while another thread decides, the child goes on with its copy."""
    put(store, "a")
    with store.lock:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = 0 if [item.key for item in take(store)] == ["a"] else 2
            finally:
                os._exit(code)
    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert [item.key for item in take(store)] == ["a"]
