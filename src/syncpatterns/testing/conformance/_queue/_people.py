"""Checks of what people see and do: lists, figures, requeue, discard, cancel."""

from __future__ import annotations

import threading

from syncpatterns.offline_queue._core import (
    Ack,
    Fail,
    Filter,
    Item,
    ItemState,
    Nack,
    Park,
    Release,
)
from syncpatterns.testing.conformance._asking import Ask, Questions, Steps, Until, same
from syncpatterns.testing.conformance._queue._bench import (
    Bench,
    Check,
    accepted,
    gone,
    near,
    put,
    state_of,
    take,
    take_one,
)


def _one_of_each(bench: Bench) -> Steps[dict[ItemState, int]]:
    """Make an item in every state that is kept; return their numbers."""
    numbers = yield from put(bench, "leased", "parked", "dead", priority=9)
    _, parked, dead = yield from take(bench, "leased", "parked", "dead", lease=500)
    yield from accepted(bench, Park(parked.hold, "forbidden", "HTTP 403"))
    yield from accepted(bench, Fail(dead.hold, "rejected", "HTTP 422"))
    ready, waiting = yield from put(bench, "ready", "waiting", lane="A", target="crm")
    (scheduled,) = yield from put(bench, "scheduled", delay=50, operation="other")
    return {
        ItemState.LEASED: numbers[0],
        ItemState.PARKED: numbers[1],
        ItemState.DEAD: numbers[2],
        ItemState.READY: ready,
        ItemState.WAITING: waiting,
        ItemState.SCHEDULED: scheduled,
    }


def _listed(bench: Bench, which: Filter) -> Steps[list[int]]:
    items: list[Item] = yield bench.ask("items", which)
    return [item.seq for item in items]


def listed_by_what_is_asked(bench: Bench) -> Questions:
    """Items are listed in their order, by state, operation, target, lane and reason."""
    numbers = yield from _one_of_each(bench)
    same((yield from _listed(bench, Filter())), sorted(numbers.values()), "all")
    for state, seq in numbers.items():
        same((yield from _listed(bench, Filter((state,)))), [seq], f"{state}")
    both = sorted([numbers[ItemState.DEAD], numbers[ItemState.PARKED]])
    states = (ItemState.DEAD, ItemState.PARKED)
    same((yield from _listed(bench, Filter(states))), both, "two states")
    lane = sorted([numbers[ItemState.READY], numbers[ItemState.WAITING]])
    same((yield from _listed(bench, Filter(lane="A"))), lane, "a lane")
    same((yield from _listed(bench, Filter(target="crm"))), lane, "a target")
    found = yield from _listed(bench, Filter(operation="other"))
    same(found, [numbers[ItemState.SCHEDULED]], "an operation")
    found = yield from _listed(bench, Filter(reason="rejected"))
    same(found, [numbers[ItemState.DEAD]], "a reason")
    found = yield from _listed(bench, Filter((ItemState.READY,), target="default"))
    same(found, [], "what does not fit together")


def listed_by_pages(bench: Bench) -> Questions:
    """A list goes on where the page before ended, whatever ended in between."""
    keys = [f"{n}" for n in range(25)]
    numbers = yield from put(bench, *keys)
    seen: list[int] = []
    pages = 0
    while page := (yield bench.ask("items", after=seen[-1] if seen else 0, limit=10)):
        seen += [item.seq for item in page]
        pages += 1
        yield bench.ask("cancel", [page[0].seq])
    same((seen, pages), (numbers, 3), "what was seen, and in how many pages")
    same((yield bench.ask("items", limit=0)), [], "a page of nothing")
    same((yield bench.ask("items", after=numbers[-1])), [], "after the last")
    left = yield bench.ask("items", limit=3)
    same([item.key for item in left], ["1", "2", "3"], "from the beginning")


def figures_fit(bench: Bench) -> Questions:
    """Statistics count every state and target, bytes, and the oldest that waits."""
    empty = yield bench.ask("stats")
    same((empty.live, empty.bytes, empty.oldest_ready), (0, 0, None), "of nothing")
    bench.clock.advance(5)
    numbers = yield from _one_of_each(bench)
    stats = yield bench.ask("stats")
    for state in numbers:
        same(stats.states.get(state, 0), 1, f"{state} items")
    same(stats.live, len(numbers) - 1, "live items")
    crm = {state: count for state, count in stats.targets["crm"].items() if count}
    same(crm, {ItemState.READY: 1, ItemState.WAITING: 1}, "items of one target")
    near(stats.oldest_ready, bench.start + 5, "the oldest that is READY")
    bench.clock.advance(5)
    item = yield from take_one(bench, "ready")
    yield from put(bench, "younger")
    near((yield bench.ask("stats")).oldest_ready, bench.start + 10, "the next oldest")
    yield from accepted(bench, Release(item.hold))
    near((yield bench.ask("stats")).oldest_ready, bench.start + 5, "the oldest again")


def requeued_as_if_new(bench: Bench) -> Questions:
    """A requeued item has its number, key and payload, and attempts and lapses at 0."""
    yield bench.rules(max_lapses=2)
    yield from put(bench, "dead", "parked")
    dead, parked = yield from take(bench, "dead", "parked")
    yield from accepted(bench, Nack(dead.hold, 0, "HTTP 500"))
    bench.clock.advance(30)
    dead, parked = yield from take(bench, "dead", "parked")
    yield from accepted(
        bench, Fail(dead.hold, "attempts", "x"), Park(parked.hold, "forbidden", "y")
    )
    asked = [parked.seq, dead.seq, dead.seq, 10**9]
    requeued = yield bench.ask("requeue", asked)
    same(sorted(requeued), sorted([dead.seq, parked.seq]), "requeued")
    for old in (dead, parked):
        item = yield from state_of(bench, old.seq, ItemState.READY)
        same((item.attempts, item.lapses, item.key), (0, 0, old.key), "it")
        same((item.payload, item.deliveries), (old.payload, 2), "it")
        same((yield bench.ask("ended", old.seq)), None, "how it ended")
    yield from take(bench, "dead", "parked")


def only_what_stands_is_requeued(bench: Bench) -> Questions:
    """Only DEAD and PARKED items are requeued or discarded; others are left alone."""
    numbers = yield from _one_of_each(bench)
    item_of: dict[ItemState, Item] = {}
    for state, seq in numbers.items():
        item_of[state] = yield bench.ask("get", seq)
    others = [s for s in numbers if s not in (ItemState.DEAD, ItemState.PARKED)]
    asked = [numbers[state] for state in others]
    same((yield bench.ask("requeue", asked)), [], "requeued")
    same((yield bench.ask("discard", asked)), [], "discarded")
    for state in others:
        after = yield bench.ask("get", numbers[state])
        same(after, item_of[state], f"the {state} item")


def discarded_for_good(bench: Bench) -> Questions:
    """Discarding ends DEAD and PARKED items for good, and keeps how."""
    numbers = yield from _one_of_each(bench)
    asked = [numbers[ItemState.DEAD], numbers[ItemState.PARKED]]
    ended = yield bench.ask("discard", [*asked, asked[0], 10**9])
    same([each.seq for each in ended], asked, "what ended")
    yield from gone(bench, asked[0], ItemState.DEAD, "rejected")
    yield from gone(bench, asked[1], ItemState.DEAD, "by-hand")
    same((yield bench.ask("discard", asked)), [], "discarded again")
    same((yield bench.ask("requeue", asked)), [], "requeued after it")
    (again,) = yield bench.enqueue(bench.new("dead", priority=9))
    same((again.duplicate, again.state), (True, ItemState.DEAD), "its key again")


def cancelled_unless_held(bench: Bench) -> Questions:
    """Items that nobody holds can be cancelled; what is held or has ended cannot."""
    numbers = yield from _one_of_each(bench)
    ended = yield bench.ask("cancel", [*numbers.values(), 10**9, 0, -1])
    free = [
        seq
        for state, seq in numbers.items()
        if state not in (ItemState.LEASED, ItemState.DEAD)
    ]
    same(sorted(each.seq for each in ended), sorted(free), "what was cancelled")
    for seq in free:
        yield from gone(bench, seq, ItemState.CANCELLED, "by-hand")
    yield from state_of(bench, numbers[ItemState.LEASED], ItemState.LEASED)
    yield from state_of(bench, numbers[ItemState.DEAD], ItemState.DEAD, "rejected")
    yield from take(bench)


def empty_lists_do_nothing(bench: Bench) -> Questions:
    """Asked about nothing, or about a queue that is not there, a store does nothing."""
    for method in ("requeue", "discard", "cancel"):
        same((yield bench.ask(method, [])), [], method)
    same((yield bench.settle()), [], "settle")
    same((yield bench.enqueue()), [], "enqueue")
    same((yield bench.extend()), [], "extend")
    same((yield bench.claim(queue="nowhere")), [], "claim")
    for method in ("items", "blocked_lanes"):
        found = yield Ask(method, "nowhere")
        same(len(found), 0, method)
    same((yield Ask("stage", "nowhere")).next_due, float("inf"), "stage")
    same((yield Ask("get", "nowhere", 1)), None, "get")
    same((yield Ask("stats", "nowhere")).live, 0, "stats")
    same((yield Ask("purge", "nowhere")), 0, "purge")


def changes_are_noticed(bench: Bench) -> Questions:
    """Whoever looks can tell that somebody has committed; a look alone is no change."""
    before = yield Ask("changes")
    yield from put(bench, "a")
    after = yield Ask("changes")
    assert after != before, "an enqueue was not noticed"
    item = yield from take_one(bench, "a")
    claimed = yield Ask("changes")
    assert claimed != after, "a claim was not noticed"
    yield from accepted(bench, Ack(item.hold))
    settled = yield Ask("changes")
    assert settled != claimed, "a settlement was not noticed"
    yield bench.ask("items")
    yield bench.ask("stats")
    yield bench.ask("get", item.seq)
    same((yield Ask("changes")), settled, "after looking")


def listeners_are_told(bench: Bench) -> Questions:
    """Listeners hear of an enqueue, may fail or ask back, and can be taken off."""
    first, second, third = (threading.Event() for _ in range(3))

    def fails() -> None:
        first.set()
        raise RuntimeError("a listener that fails")

    take_off = [
        (yield Ask("on_change", fails)),
        (yield Ask("on_change", second.set)),
    ]
    yield from put(bench, "a")
    for heard in (first, second):
        assert (yield Until(heard)), "a listener did not hear of an enqueue"
        heard.clear()
    for off in take_off:
        off()
        off()
    yield Ask("on_change", third.set)
    yield from put(bench, "b")
    assert (yield Until(third)), "the third listener did not hear of an enqueue"
    late = (first.is_set(), second.is_set())
    same(late, (False, False), "who heard after they were taken off")


#: In the order of the contract.
PEOPLE = tuple(
    Check(ask)
    for ask in (
        listed_by_what_is_asked,
        listed_by_pages,
        figures_fit,
        requeued_as_if_new,
        only_what_stands_is_requeued,
        discarded_for_good,
        cancelled_unless_held,
        empty_lists_do_nothing,
        changes_are_noticed,
        listeners_are_told,
    )
)
