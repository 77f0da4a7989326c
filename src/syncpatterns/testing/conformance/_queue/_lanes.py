"""Checks of lanes: one by one in their order, and no lane in another's way."""

from __future__ import annotations

from syncpatterns.offline_queue._core import (
    Ack,
    Fail,
    ItemState,
    LanePolicy,
    Nack,
    Park,
    Release,
    Replace,
)
from syncpatterns.testing.conformance._asking import Questions, Steps, same
from syncpatterns.testing.conformance._queue._bench import (
    Bench,
    Check,
    accepted,
    gone,
    put,
    state_of,
    take,
    take_one,
)


def one_by_one_in_order(bench: Bench) -> Questions:
    """Of a lane one item at a time is out, and in the order of enqueueing."""
    numbers = yield from put(bench, "1", "2", "3", lane="A")
    yield from state_of(bench, numbers[1], ItemState.WAITING)
    for key in ("1", "2", "3"):
        (item,) = yield from take(bench, key)
        yield from take(bench)
        yield from accepted(bench, Ack(item.hold))
    yield from put(bench, "4", lane="A")
    yield from take(bench, "4")


def trouble_in_one_lane_delays_no_other(bench: Bench) -> Questions:
    """A lane whose head is put back waits for it; other lanes go at once."""
    yield from put(bench, "a1", "a2", "a3", lane="A")
    yield from put(bench, "b1", lane="B")
    yield from put(bench, "none")
    first, other, free = yield from take(bench, "a1", "b1", "none")
    yield from accepted(bench, Nack(first.hold, 10))
    yield from put(bench, "b2", lane="B")
    yield from take(bench)
    yield from accepted(bench, Ack(other.hold), Ack(free.hold))
    yield from take(bench, "b2")
    bench.clock.advance(10)
    first = yield from take_one(bench, "a1")
    yield from accepted(bench, Ack(first.hold))
    yield from take(bench, "a2")


def every_head_holds_its_lane(bench: Bench) -> Questions:
    """LEASED, SCHEDULED, PARKED, given back or lapsed: nobody overtakes the head."""
    (seq, *_) = yield from put(bench, "1", "2", lane="A")
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Release(item.hold, 5))
    yield from take(bench)
    bench.clock.advance(5)
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Release(item.hold, unsent=True))
    item = yield from take_one(bench, "1")
    bench.clock.advance(30)
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Park(item.hold, "forbidden"))
    bench.clock.advance(100)
    yield from take(bench)
    same((yield bench.ask("blocked_lanes")), {}, "lanes held up by a DEAD head")
    same((yield bench.ask("requeue", [seq])), [seq], "requeued")
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Ack(item.hold))
    yield from take(bench, "2")


def delay_counts_at_the_head(bench: Bench) -> Questions:
    """A delayed item waits its turn first; as head it is SCHEDULED if not yet due."""
    yield from put(bench, "1", lane="A")
    (second,) = yield from put(bench, "2", lane="A", delay=50)
    (third,) = yield from put(bench, "3", lane="A", delay=60)
    yield from state_of(bench, second, ItemState.WAITING)
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Ack(item.hold))
    yield from state_of(bench, second, ItemState.SCHEDULED)
    yield from take(bench)
    bench.clock.advance(50)
    item = yield from take_one(bench, "2")
    bench.clock.advance(10)
    yield from accepted(bench, Ack(item.hold))
    yield from state_of(bench, third, ItemState.READY)
    (head,) = yield from put(bench, "b1", lane="B", delay=5)
    (behind,) = yield from put(bench, "b2", lane="B")
    yield from state_of(bench, head, ItemState.SCHEDULED)
    yield from state_of(bench, behind, ItemState.WAITING)


def _dead_head(bench: Bench, policy: LanePolicy) -> Steps[list[int]]:
    yield bench.rules(on_dead=policy)
    numbers = yield from put(bench, "1", "2", "3", lane="A")
    item = yield from take_one(bench, "1")
    (settled,) = yield from accepted(bench, Fail(item.hold, "rejected"))
    same(settled.ended[0].seq, numbers[0], "who ended first")
    told = [(each.seq, each.state, each.reason) for each in settled.ended[1:]]
    along = policy == "cascade"
    expected = [(seq, ItemState.DEAD, "predecessor") for seq in numbers[1:]]
    same(sorted(told), expected if along else [], "who ended with it")
    return numbers


def dead_head_under_continue(bench: Bench) -> Questions:
    """Under continue the next one runs."""
    numbers = yield from _dead_head(bench, "continue")
    yield from state_of(bench, numbers[0], ItemState.DEAD, "rejected")
    same((yield bench.ask("blocked_lanes")), {}, "lanes held up")
    yield from take(bench, "2")


def dead_head_under_block(bench: Bench) -> Questions:
    """Under block the lane stands still until its head is requeued or discarded."""
    numbers = yield from _dead_head(bench, "block")
    yield from put(bench, "b1", lane="B")
    (other,) = yield from take(bench, "b1")
    yield from accepted(bench, Ack(other.hold))
    same((yield bench.ask("blocked_lanes")), {"A": numbers[0]}, "lanes held up")
    same((yield bench.ask("stats")).blocked_lanes, 1, "lanes held up, counted")
    yield from put(bench, "4", lane="A")
    bench.clock.advance(86400)
    yield bench.ask("stage")
    same((yield bench.ask("cancel", [numbers[0]])), [], "a DEAD item cancelled")
    same((yield bench.ask("requeue", [numbers[0]])), [numbers[0]], "requeued")
    same((yield bench.ask("blocked_lanes")), {}, "lanes held up after requeue")
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    yield from take(bench)
    (ended,) = yield bench.ask("discard", [numbers[0]])
    same((ended.seq, ended.state), (numbers[0], ItemState.DEAD), "the discarded one")
    yield from gone(bench, numbers[0], ItemState.DEAD, "rejected")
    same((yield bench.ask("blocked_lanes")), {}, "lanes held up after discard")
    yield from take(bench, "2")


def dead_head_under_cascade(bench: Bench) -> Questions:
    """Under cascade all that wait behind are DEAD too, and the lane starts afresh."""
    numbers = yield from _dead_head(bench, "cascade")
    for seq in numbers[1:]:
        yield from state_of(bench, seq, ItemState.DEAD, "predecessor")
    same((yield bench.ask("blocked_lanes")), {}, "lanes held up")
    yield from put(bench, "4", lane="A")
    yield from put(bench, "b", lane="B")
    yield from take(bench, "4", "b")


def discarded_at_once_frees_its_lane(bench: Bench) -> Questions:
    """A head that keeps no payload cannot hold its lane: the next one runs."""
    yield bench.rules(on_dead="block")
    yield from put(bench, "1", "2", lane="A")
    item = yield from take_one(bench, "1")
    (settled,) = yield from accepted(bench, Fail(item.hold, "rejected", discard=True))
    same([each.seq for each in settled.ended], [item.seq], "who ended")
    same((yield bench.ask("blocked_lanes")), {}, "lanes held up")
    yield from take(bench, "2")


def other_rules_free_blocked_lanes(bench: Bench) -> Questions:
    """The last rules told count: lanes that they do not hold up go on."""
    yield bench.rules(on_dead="block")
    yield from put(bench, "1", "2", lane="A")
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    yield from take(bench)
    yield bench.rules(on_dead="continue")
    same((yield bench.ask("blocked_lanes")), {}, "lanes held up")
    yield from take(bench, "2")


def cancelled_middle_keeps_the_order(bench: Bench) -> Questions:
    """Whoever is cancelled out of a lane, the others keep their order."""
    numbers = yield from put(bench, "1", "2", "3", "4", lane="A")
    (ended,) = yield bench.ask("cancel", [numbers[1]])
    same((ended.seq, ended.state), (numbers[1], ItemState.CANCELLED), "the end")
    yield from gone(bench, numbers[1], ItemState.CANCELLED, ended.reason)
    item = yield from take_one(bench, "1")
    same((yield bench.ask("cancel", [numbers[0]])), [], "one that is held, cancelled")
    yield from accepted(bench, Ack(item.hold))
    yield bench.ask("cancel", [numbers[2]])
    yield from take(bench, "4")


def priority_changes_nothing_inside_a_lane(bench: Bench) -> Questions:
    """An item of high priority waits behind its lane like any other."""
    yield from put(bench, "1", lane="A")
    yield from put(bench, "2", lane="A", priority=9)
    yield from put(bench, "free", priority=5)
    free, item = yield from take(bench, "free", "1")
    yield from accepted(bench, Ack(free.hold), Ack(item.hold))
    yield from take(bench, "2")


def requeued_item_goes_to_its_old_place(bench: Bench) -> Questions:
    """A requeued item goes before those that came after it, but beside nobody."""
    first, second, _ = yield from put(bench, "1", "2", "3", lane="A")
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    yield from state_of(bench, second, ItemState.READY)
    same((yield bench.ask("requeue", [first])), [first], "requeued")
    yield from state_of(bench, second, ItemState.WAITING)
    item = yield from take_one(bench, "1")
    same((item.attempts, item.lapses), (0, 0), "attempts, lapses")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    out = yield from take_one(bench, "2")
    same((yield bench.ask("requeue", [first])), [first], "requeued")
    yield from state_of(bench, first, ItemState.WAITING)
    yield from take(bench)
    yield from accepted(bench, Nack(out.hold, 100))
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Ack(item.hold))
    yield from state_of(bench, second, ItemState.SCHEDULED)
    bench.clock.advance(100)
    yield from take(bench, "2")


def requeued_to_the_tail(bench: Bench) -> Questions:
    """Requeued to the tail, an item comes after those that wait, before the next."""
    first, *_ = yield from put(bench, "1", "2", "3", lane="A")
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    same((yield bench.ask("requeue", [first], tail=True)), [first], "requeued")
    yield from put(bench, "4", lane="A")
    for key in ("2", "3", "1", "4"):
        (item,) = yield from take(bench, key)
        yield from accepted(bench, Ack(item.hold))


def replacement_takes_the_place(bench: Bench) -> Questions:
    """What replaces the head of a lane goes next, before those behind it."""
    yield from put(bench, "1", "2", lane="A")
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Replace(item.hold, bench.new("1b", lane="A")))
    yield from put(bench, "3", lane="A")
    for key in ("1b", "2", "3"):
        (item,) = yield from take(bench, key)
        yield from accepted(bench, Ack(item.hold))


def lane_without_a_name_is_a_lane(bench: Bench) -> Questions:
    """The empty text is a lane like any other; no lane at all is none."""
    yield from put(bench, "1", "2", lane="")
    yield from put(bench, "a", "b")
    first, *_ = yield from take(bench, "1", "a", "b")
    yield from accepted(bench, Ack(first.hold))
    yield from take(bench, "2")


#: In the order of the contract.
LANES = tuple(
    Check(ask)
    for ask in (
        one_by_one_in_order,
        trouble_in_one_lane_delays_no_other,
        every_head_holds_its_lane,
        delay_counts_at_the_head,
        dead_head_under_continue,
        dead_head_under_block,
        dead_head_under_cascade,
        discarded_at_once_frees_its_lane,
        other_rules_free_blocked_lanes,
        cancelled_middle_keeps_the_order,
        priority_changes_nothing_inside_a_lane,
        requeued_item_goes_to_its_old_place,
        requeued_to_the_tail,
        replacement_takes_the_place,
        lane_without_a_name_is_a_lane,
    )
)
