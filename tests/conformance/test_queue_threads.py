"""Queues under many threads: nobody stranded, nothing out of order, nothing twice."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines import connect
from syncpatterns.errors import QueueFull
from syncpatterns.offline_queue._core import Ack, Item, NewItem, QueueRules, Release
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest
from syncpatterns.testing import FakeClock
from tests.selfcheck.queue_faults import OvertakesTheHead

QUEUE = "q"
LANES = ("A", "B", "C")
LEASE = 60.0
PATIENCE = 120.0


@pytest.fixture
def clock() -> FakeClock:
    """The time that the store goes by; nobody's lease ends by chance."""
    return FakeClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, clock: FakeClock) -> Generator[Any]:
    """The store of each engine in turn; a file lies in memory."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        urls = {"memory": "memory://", "sqlite": f"sqlite:///{folder}/queue.db"}
        with connect(urls[request.param], clock=clock) as engine:
            store = engine.queue_store()
            store.configure(QUEUE, QueueRules(max_items=10_000))
            yield store


def new(key: str, **more: Any) -> NewItem:
    """Return an item that differs from others by its key."""
    return NewItem("op", key, "t", b"f", b"{}", **more)


def at_once(*workers: Callable[[], Any]) -> list[Any]:
    """Run *workers* in a thread each, begun together; return what they return."""
    begin = threading.Barrier(len(workers))

    def run(work: Callable[[], Any]) -> Any:
        begin.wait(PATIENCE)
        return work()

    with ThreadPoolExecutor(len(workers)) as pool:
        return list(pool.map(run, workers))


class Consumers:
    """Workers on one store, and what they have seen of its lanes.

    Args:
        store: Where the items are.
        total: How many there will be.
    """

    def __init__(self, store: Any, total: int) -> None:
        self.store = store
        self.left = total
        self.delivered: dict[str, list[int]] = {lane: [] for lane in LANES}
        self.out: Counter[str] = Counter()
        self.overlaps = 0
        self.seen = threading.Condition()
        self.take_off = store.on_change(self.wake)

    def wake(self) -> None:
        with self.seen:
            self.seen.notify_all()

    def work(self) -> None:
        """Claim and acknowledge, some at the second try, until all are done."""
        while self.left > 0:
            changes = self.store.changes()
            items = self.store.claim(ClaimRequest(QUEUE, 3, LEASE))
            if not items:
                with self.seen:
                    if self.left > 0 and self.store.changes() == changes:
                        assert self.seen.wait(PATIENCE), "stranded"
                continue
            with self.seen:
                for item in items:
                    self.out[item.lane or ""] += 1
                    self.overlaps += self.out[item.lane or ""] > 1
            for item in items:
                self.handle(item)

    def handle(self, item: Item) -> None:
        lane = item.lane or ""
        again = item.deliveries == 1 and item.seq % 5 == 0
        with self.seen:
            self.out[lane] -= 1
            if not again:
                self.delivered[lane].append(item.seq)
        said = Release(item.hold) if again else Ack(item.hold)
        (settled,) = self.store.settle(QUEUE, [said])
        assert settled.accepted
        if not again:
            with self.seen:
                self.left -= 1
                self.seen.notify_all()


@pytest.mark.engine
@pytest.mark.case("QUE-15", part="threads")
def test_lanes_keep_their_order_under_producers_and_consumers(store: Any) -> None:
    """Six producers and two consumers on three lanes: 0 stranded, 0 out of order."""
    each = 30
    enqueued: dict[str, list[int]] = {lane: [] for lane in LANES}
    noting = threading.Lock()
    consumers = Consumers(store, 6 * each)

    def produce(who: int) -> None:
        for n in range(each):
            lane = LANES[(who + n) % len(LANES)]
            items = [new(f"{who} {n}", lane=lane)]
            (answer,) = store.enqueue(EnqueueRequest(QUEUE, items))
            with noting:
                enqueued[lane].append(answer.seq)

    producers = [lambda who=who: produce(who) for who in range(6)]
    at_once(*producers, consumers.work, consumers.work)
    consumers.take_off()

    assert consumers.overlaps == 0
    assert {lane: sorted(seqs) for lane, seqs in enqueued.items()} == (
        consumers.delivered
    )
    assert store.stats(QUEUE).live == 0
    assert store.check(QUEUE) == []


@pytest.mark.engine
@pytest.mark.case("QUE-12", part="store")
def test_leases_are_kept_under_contention(store: Any, clock: FakeClock) -> None:
    """Whoever renews in time keeps every lease, however many others write."""
    held = [new(f"held {n}", lane=f"lane {n}") for n in range(8)]
    store.enqueue(EnqueueRequest(QUEUE, held))
    holds = [item.hold for item in store.claim(ClaimRequest(QUEUE, 8, LEASE))]
    over = threading.Event()
    busy = threading.Barrier(4)  # nobody renews before the others are at it

    def renew() -> list[int]:
        kept = []
        busy.wait(PATIENCE)
        for _ in range(30):
            clock.advance(LEASE / 3)
            kept.append(len(store.extend(QUEUE, holds, LEASE)))
        over.set()
        return kept

    def produce(who: int) -> int:
        stored = 0
        while not over.is_set():
            stored += 1
            items = [new(f"{who} {stored}", priority=9, target="other")]
            store.enqueue(EnqueueRequest(QUEUE, items))
            store.stage(QUEUE)
            if stored == 1:
                busy.wait(PATIENCE)
        return stored

    def consume() -> list[str]:
        got: list[str] = []
        while not over.is_set():
            items = store.claim(ClaimRequest(QUEUE, 5, 1e6))
            got += [item.key for item in items if item.key.startswith("held")]
            store.settle(QUEUE, [Ack(item.hold) for item in items])
        return got

    kept, *stored, stolen = at_once(
        renew, lambda: produce(1), lambda: produce(2), lambda: produce(3), consume
    )

    assert kept == [8] * 30
    assert min(stored) > 0
    assert stolen == []
    answers = store.settle(QUEUE, [Ack(hold) for hold in holds])
    assert all(answer.accepted for answer in answers)


@pytest.mark.engine
@pytest.mark.case("QUE-37", part="threads")
def test_room_is_exact_under_threads(store: Any) -> None:
    """Sixteen threads that race for the last place of a thousand: one gets it."""
    store.configure(QUEUE, QueueRules(max_items=1000))
    store.enqueue(EnqueueRequest(QUEUE, [new(f"{n}") for n in range(999)]))

    def race(who: int) -> bool:
        try:
            store.enqueue(EnqueueRequest(QUEUE, [new(f"racer {who}")]))
        except QueueFull:
            return False
        return True

    stored = at_once(*[lambda who=who: race(who) for who in range(16)])

    assert sum(stored) == 1
    assert store.stats(QUEUE).live == 1000


def test_overtaking_in_a_lane_is_seen(clock: FakeClock) -> None:
    """A store that lets a whole lane out at once is noticed by the consumers."""
    store = OvertakesTheHead(clock)
    store.configure(QUEUE, QueueRules())
    items = [new(key, lane="A") for key in "abc"]
    store.enqueue(EnqueueRequest(QUEUE, items))
    consumers = Consumers(store, 3)
    consumers.work()

    assert consumers.overlaps == 2
