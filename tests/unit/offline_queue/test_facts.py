"""Nothing leaves a queue without a fact; hooks run outside of everything."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns import connect
from syncpatterns.errors import NotPermitted, OutcomeUnknown, QueueFull, Refusal
from syncpatterns.events import Fact
from syncpatterns.offline_queue import (
    ItemDiscarded,
    ItemDropped,
    ItemParked,
    ItemReleased,
    OfflineQueue,
    QueueFact,
    QueuePaused,
    QueueResumed,
    _events as events,
    last_write,
)
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.surface import Crm, Facts, Update, World, states

OP = "leads.update"
#: Facts after which an item is no longer among the live ones.
ENDS = {
    "ItemDelivered",
    "ItemDead",
    "ItemExpired",
    "ItemCancelled",
    "ItemCoalesced",
    "ItemDiscarded",
    "ItemDropped",
}


def test_nothing_leaves_a_queue_without_a_fact(
    make: Callable[..., OfflineQueue],
    crm: Crm,
    clock: FakeClock,
    facts: Facts,
    world: World,
) -> None:
    """One item for each way to end: each is told once, by number, name and hash."""
    queue = make(max_items=20)

    @queue.handler(OP)
    def update(payload: Update, ctx: Any) -> Any:
        return crm.answer(payload, ctx)

    queue.handler("leads.last", lane=lambda p: "l", coalesce=last_write())(_take)
    done = queue.enqueue(update, Update(1, "done"))
    crm.script = []
    world.flush(queue)
    crm.script = [Refusal("no"), NotPermitted()]
    dead = queue.enqueue(update, Update(2, "dead"))
    forbidden = queue.enqueue(update, Update(3, "forbidden"))
    world.flush(queue)
    expired = queue.enqueue(update, Update(4, "old"), expires_in=5, delay=100)
    clock.advance(6)
    world.flush(queue)
    cancelled = queue.enqueue(update, Update(5, "cancelled"), delay=100)
    world(cancelled, "cancel")
    replaced = queue.enqueue("leads.last", 1)
    kept = queue.enqueue("leads.last", 2)
    world(queue.parked, "discard", [forbidden])
    world(queue.dead, "discard", [dead])
    world.flush(queue)
    all_of = [done, dead, forbidden, expired, cancelled, replaced, kept]

    last = {each.id: facts.about(each.id)[-1] for each in all_of}
    assert last == {
        done.id: "ItemDelivered",
        dead.id: "ItemDiscarded",
        forbidden.id: "ItemDiscarded",
        expired.id: "ItemExpired",
        cancelled.id: "ItemCancelled",
        replaced.id: "ItemCoalesced",
        kept.id: "ItemDelivered",
    }
    assert facts.about(dead.id) == ["ItemEnqueued", "ItemDead", "ItemDiscarded"]
    assert facts.about(forbidden.id) == ["ItemEnqueued", "ItemParked", "ItemDiscarded"]
    assert queue.items() == []
    for fact in facts.heard:
        if isinstance(fact, QueueFact) and fact.seq:
            receipt = next(each for each in all_of if each.id == fact.seq)
            assert fact.operation == receipt.operation
            assert fact.key_hash == receipt.key_hash
        assert isinstance(fact, QueueFact)
        assert (fact.queue, fact.engine) == ("field", queue._shared.stores.name)


def _take(payload: int) -> None:
    del payload


@pytest.mark.case("QUE-37", part="dropped")
def test_what_has_to_make_room_is_told(
    make: Callable[..., OfflineQueue], facts: Facts, world: World
) -> None:
    """drop_oldest: the oldest ends DEAD(overflow), with a fact of its own."""
    queue = make(max_items=2, overflow="drop_oldest")
    queue.handler("n.inc")(_take)
    receipts = [world(queue, "enqueue", "n.inc", n) for n in range(4)]

    assert [fact.seq for fact in facts.of(ItemDropped)] == [1, 2]
    assert queue.stats().live == 2
    assert states(queue, [each.id for each in receipts][2:]) == ["ready", "ready"]


@pytest.mark.case("QUE-37", part="surface")
def test_a_full_queue_says_what_to_do(
    make: Callable[..., OfflineQueue], facts: Facts, world: World
) -> None:
    """Refused: nothing stored, nothing told; the message names queue and limit."""
    queue = make(max_items=2)
    queue.handler("n.inc")(_take)
    world(queue, "enqueue_many", [("n.inc", 1), ("n.inc", 2)])
    before = len(facts.heard)
    for method in ("enqueue", "call"):
        with pytest.raises(QueueFull, match=r"n\.inc: the queue 'field'.*max_items=2"):
            world(queue, method, "n.inc", 3)
    with pytest.raises(QueueFull):
        world(queue, "enqueue_many", [("n.inc", 3), ("n.inc", 4)])

    assert len(facts.heard) == before
    assert queue.stats().live == 2


@pytest.mark.case("QUE-37", part="blocking")
def test_a_queue_that_blocks_waits_for_room(
    make: Callable[..., OfflineQueue], clock: FakeClock, world: World
) -> None:
    """Room within the time: stored. None: QueueFull, and nothing stored."""
    queue = make(max_items=1, overflow="block", block_for=5)
    queue.handler("n.inc")(_take)
    first = queue.enqueue("n.inc", 1)
    waits: list[float] = []
    changes = queue._shared.changes

    class Slow:
        """Lets time pass where a caller would wait, and room come once."""

        count = staticmethod(changes.count)

        def wait(self, seen: int, seconds: float) -> None:
            waits.append(seconds)
            clock.advance(seconds)
            if len(waits) == 3:
                first.cancel()

        async def await_change(self, seen: int, seconds: float) -> None:
            self.wait(seen, seconds)

    queue._shared.changes = Slow()  # type: ignore[assignment]  # the same two methods
    second = world(queue, "enqueue", "n.inc", 2)
    with pytest.raises(QueueFull):
        world(queue, "enqueue", "n.inc", 3)

    assert waits[:3] == [0.25] * 3
    assert sum(waits) == pytest.approx(0.75 + 5)
    assert [item.seq for item in queue.items()] == [second.id]


def test_pauses_are_told(queue: OfflineQueue, facts: Facts, world: World) -> None:
    """By whom, for how long, and when they end."""
    world(queue, "pause", "crm", 60, "maintenance")
    world(queue, "pause")
    ended = world(queue, "resume")

    assert [(f.target, f.seconds, f.reason) for f in facts.of(QueuePaused)] == [
        ("crm", 60.0, "maintenance"),
        ("", float("inf"), "by-hand"),
    ]
    told = {(f.target, f.reason) for f in facts.of(QueueResumed)}
    assert told == {("crm", "maintenance"), ("", "by-hand")}
    assert {pause.target for pause in ended} == {"", "crm"}


def test_a_pause_that_runs_out_is_told(
    queue: OfflineQueue, clock: FakeClock, facts: Facts
) -> None:
    """By time alone, as soon as somebody looks."""
    queue.pause("crm", 60)
    clock.advance(61)
    queue.enqueue(OP, Update(7, "won"))
    queue.flush()

    assert [fact.target for fact in facts.of(QueueResumed)] == ["crm"]


def test_what_time_alone_changes_is_told_with_its_name(
    queue: OfflineQueue, crm: Crm, clock: FakeClock, facts: Facts
) -> None:
    """A worker that died, and an item that is too old to be sent again."""
    store = queue._shared.ready()
    receipt = queue.enqueue(OP, Update(7, "won"))
    from syncpatterns.offline_queue._ports import ClaimRequest

    store.claim(ClaimRequest("field", 1, 30))
    clock.advance(31)
    store.stage("field")
    queue.pause("crm", 1)
    clock.advance(90_000)
    queue.flush()
    (parked,) = facts.of(ItemParked)

    assert (parked.seq, parked.reason) == (receipt.id, "unknown")
    assert (parked.operation, parked.key_hash) == (OP, receipt.key_hash)
    assert states(queue, [receipt.id]) == ["parked"]


def test_a_worker_that_died_is_told(
    queue: OfflineQueue, clock: FakeClock, facts: Facts
) -> None:
    """Its lease ends without a word; the item is delivered again."""
    receipt = queue.enqueue(OP, Update(7, "won"))
    store = queue._shared.ready()
    from syncpatterns.offline_queue._ports import ClaimRequest

    store.claim(ClaimRequest("field", 1, 30))
    clock.advance(31)
    queue.flush()

    (lapsed,) = facts.of(ItemReleased)
    assert (lapsed.seq, lapsed.reason) == (receipt.id, "lapsed")
    assert (lapsed.operation, lapsed.key_hash) == (OP, receipt.key_hash)
    assert states(queue, [receipt.id]) == ["done"]


def test_a_hook_may_use_the_queue(engine: Any, world: World) -> None:
    """It runs outside of locks and transactions: what it asks is answered."""
    seen: list[Any] = []
    queue: OfflineQueue

    def hook(fact: Any) -> None:
        if isinstance(fact, events.ItemEnqueued) and fact.operation == OP:
            seen.append(queue.stats().live)
            queue.enqueue("n.inc", 1)

    queue = OfflineQueue("field", engine, hooks=[hook])
    queue.handler("n.inc")(_take)
    queue.handler(OP)(_update)
    world(queue, "enqueue", OP, Update(7, "won"))

    assert seen == [1]
    assert queue.stats().live == 2


def _update(payload: Update) -> None:
    del payload


def test_a_hook_that_fails_changes_nothing(
    engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the others hear, and the item is done."""
    heard: list[Fact] = []

    def broken(fact: Any) -> None:
        raise RuntimeError("the hook")

    queue = OfflineQueue("field", engine, hooks=[broken, heard.append])  # type: ignore[list-item]  # hears everything
    queue.handler("n.inc")(_take)
    with caplog.at_level(logging.ERROR):
        receipt = queue.enqueue("n.inc", 1)
        queue.flush()

    assert receipt.state() == "done"
    assert "ItemDelivered" in [type(fact).__name__ for fact in heard]
    assert "A hook failed on ItemEnqueued" in caplog.text


def test_an_error_is_handed_to_hooks_and_kept_nowhere(
    queue: OfflineQueue, crm: Crm, facts: Facts
) -> None:
    """Whoever collects errors gets the object; a log of facts shows no words."""
    error = OutcomeUnknown("lead of Ada")
    crm.script = [error]
    queue.enqueue(OP, Update(7, "won"))
    queue.flush()
    (parked,) = facts.of(ItemParked)

    assert parked.error is error
    (item,) = queue.parked.list()
    assert "Ada" not in repr(parked)
    assert "Ada" not in item.error


def test_a_list_of_items_shows_neither_keys_nor_payloads(queue: OfflineQueue) -> None:
    """Lists end up in logs, where a key could be replayed."""
    queue.enqueue(OP, Update(7, "Ada Lovelace"), key="secret-key")
    shown = repr(queue.items())

    assert "secret-key" not in shown
    assert "Ada" not in shown
    assert "leads.update" in shown


def test_discarding_by_hand_is_told(
    queue: OfflineQueue, crm: Crm, facts: Facts, world: World
) -> None:
    """Only what lies on the shelf: a live item is left alone."""
    live = queue.enqueue(OP, Update(8, "won"), delay=60)
    crm.script = [Refusal("no")]
    dead = queue.enqueue(OP, Update(7, "won"))
    world.flush(queue)
    count = world(queue.dead, "discard", [dead, live, 999])

    assert count == 1
    assert [fact.seq for fact in facts.of(ItemDiscarded)] == [dead.id]
    assert states(queue, [live.id]) == ["scheduled"]


def test_requeueing_by_hand_is_told(
    queue: OfflineQueue, crm: Crm, facts: Facts, world: World
) -> None:
    """Under the old number and key, with its attempts forgotten."""
    crm.script = [Refusal("no")]
    receipt = queue.enqueue(OP, Update(7, "won"))
    world.flush(queue)
    count = world(queue.dead, "requeue", queue.dead.list())
    world.flush(queue)

    assert count == 1
    assert crm.keys == [receipt.key] * 2
    assert facts.about(receipt.id) == [
        "ItemEnqueued",
        "ItemDead",
        "ItemRequeued",
        "ItemDelivered",
    ]


def test_every_fact_is_public_and_listed() -> None:
    """In the package's names, and on the page that explains them."""
    from pathlib import Path

    import syncpatterns.offline_queue as package

    root = Path(__file__).resolve().parents[3]
    page = (root / "docs/reference/queue-events.md").read_text()
    kinds = [each for each in events.__all__ if not each.startswith("Storage")]

    assert [each for each in kinds if each not in package.__all__] == []
    assert [each for each in events.__all__ if f"`{each}`" not in page] == []
    assert {each for each in ENDS if each not in kinds} == set()


def test_facts_of_memory_and_of_a_file_are_the_same(tmp_path: Any) -> None:
    """Hooks written on a laptop hear the same in production."""
    told: list[list[str]] = []
    for url in ("memory://", f"sqlite:///{tmp_path}/q.db"):
        heard = Facts()
        queue = OfflineQueue("field", connect(url), hooks=[heard])
        queue.handler("n.inc", lane=str, coalesce=last_write())(_take)
        queue.enqueue("n.inc", 1, key="a")
        queue.enqueue("n.inc", 1, key="b")
        queue.enqueue("n.inc", 1, key="b")
        queue.flush()
        told.append(heard.names)

    assert told[0] == told[1]
    assert told[0] == [
        "ItemEnqueued",
        "ItemEnqueued",
        "ItemCoalesced",
        "ItemDuplicate",
        "ItemDelivered",
    ]
