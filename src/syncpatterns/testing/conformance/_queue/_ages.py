"""Checks of time: what grows too old, when, and what the wall clock may move."""

from __future__ import annotations

from syncpatterns.offline_queue._core import (
    Ack,
    Ended,
    Fail,
    ItemState,
    Parent,
    Park,
    Release,
    Staged,
)
from syncpatterns.testing.conformance._asking import Questions, Steps, same
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

_EVER = float("inf")
_HOUR = 3600.0


def _expired(bench: Bench, *numbers: int) -> Steps[Staged]:
    """Stage, and expect just these to have ended EXPIRED."""
    staged: Staged = yield bench.ask("stage")
    told = [(each.seq, each.state) for each in staged.ended]
    same(sorted(told), [(seq, ItemState.EXPIRED) for seq in numbers], "what ended")
    for seq in numbers:
        yield from gone(bench, seq, ItemState.EXPIRED, "expired")
    return staged


def never_sent_and_too_old(bench: Bench) -> Questions:
    """What was never sent expires at its age, and is not delivered any more."""
    (seq,) = yield from put(bench, "a", expires_in=60)
    yield from put(bench, "for ever")
    bench.clock.advance(59)
    yield from _expired(bench)
    bench.clock.advance(1)
    yield from _expired(bench, seq)
    yield from _expired(bench)
    yield from take(bench, "for ever")
    (again,) = yield bench.enqueue(bench.new("a"))
    found = (again.duplicate, again.state, again.seq)
    same(found, (True, ItemState.EXPIRED, seq), "the same key again")


def claim_does_not_deliver_the_old(bench: Bench) -> Questions:
    """A claim never gives what is past its age; the next staging tells of it."""
    (seq,) = yield from put(bench, "old", expires_in=60, priority=9)
    (late,) = yield from put(bench, "late", expires_in=60, delay=60)
    yield from put(bench, "a")
    bench.clock.advance(60)
    yield from take(bench, "a")
    yield from _expired(bench, seq, late)


def expired_head_lets_its_lane_go(bench: Bench) -> Questions:
    """An expired head of a lane makes way for the next; so does one in the middle."""
    (head,) = yield from put(bench, "1", lane="A", expires_in=10, delay=100)
    yield from put(bench, "2", lane="A")
    (middle,) = yield from put(bench, "3", lane="A", expires_in=20)
    yield from put(bench, "4", lane="A")
    bench.clock.advance(10)
    yield from _expired(bench, head)
    item = yield from take_one(bench, "2")
    bench.clock.advance(10)
    yield from _expired(bench, middle)
    yield from accepted(bench, Ack(item.hold))
    yield from take(bench, "4")


def expired_head_under_cascade(bench: Bench) -> Questions:
    """Under cascade those behind an expired head end with it, and are told."""
    yield bench.rules(on_dead="cascade")
    (head,) = yield from put(bench, "1", lane="A", expires_in=10)
    (behind,) = yield from put(bench, "2", lane="A")
    bench.clock.advance(10)
    staged = yield bench.ask("stage")
    told = [(each.seq, each.state, each.reason) for each in staged.ended]
    expected = [
        (head, ItemState.EXPIRED, "expired"),
        (behind, ItemState.DEAD, "predecessor"),
    ]
    same(told, expected, "what ended")
    yield from state_of(bench, behind, ItemState.DEAD, "predecessor")


def the_old_end_in_one_order(bench: Bench) -> Questions:
    """Leases first, then ages as they were reached, whatever state an item is in.

    So what follows whom, and which word is kept as the reason, is the same on
    every engine, also when hours have passed before anybody looked.
    """
    yield bench.rules(on_dead="cascade", max_lapses=1)
    (held,) = yield from put(bench, "held", lane="C")
    (follows,) = yield from put(bench, "behind", lane="C", expires_in=40)
    yield from take(bench, "held")
    (due,) = yield from put(bench, "due", delay=20, expires_in=50)
    (first,) = yield from put(bench, "1", lane="B", expires_in=45)
    (child,) = yield from put(bench, "2", lane="B", parents=(Parent(due),))
    (later,) = yield from put(bench, "3", lane="D", delay=20, expires_in=50)
    (sooner,) = yield from put(bench, "4", lane="D", expires_in=45)
    (last,) = yield from put(bench, "5", lane="D")
    (one, other) = yield from put(bench, "6", "7", lane="E", expires_in=60)
    bench.clock.advance(60)
    staged = yield bench.ask("stage")
    expected = {
        held: (ItemState.DEAD, "poison"),
        follows: (ItemState.DEAD, "predecessor"),
        first: (ItemState.EXPIRED, "expired"),
        child: (ItemState.DEAD, "predecessor"),
        sooner: (ItemState.EXPIRED, "expired"),
        last: (ItemState.DEAD, "predecessor"),
        due: (ItemState.EXPIRED, "expired"),
        later: (ItemState.EXPIRED, "expired"),
        one: (ItemState.EXPIRED, "expired"),
        other: (ItemState.DEAD, "predecessor"),
    }
    told = [(each.seq, each.state, each.reason) for each in staged.ended]
    same(told, [(seq, *how) for seq, how in expected.items()], "what ended, in order")
    same(staged.ready, 0, "what became READY")
    for seq, (state, reason) in expected.items():
        if state is ItemState.DEAD:
            yield from state_of(bench, seq, state, reason)
        else:
            yield from gone(bench, seq, state, reason)


def expired_head_under_block(bench: Bench) -> Questions:
    """Under block a head that grew too old stays, DEAD, and holds its lane."""
    yield bench.rules(on_dead="block")
    (head,) = yield from put(bench, "1", lane="A", expires_in=10)
    yield from put(bench, "2", lane="A")
    (free,) = yield from put(bench, "no lane", expires_in=10)
    bench.clock.advance(10)
    staged = yield bench.ask("stage")
    same({each.seq for each in staged.ended}, {head, free}, "what ended")
    yield from state_of(bench, head, ItemState.DEAD, "expired")
    yield from gone(bench, free, ItemState.EXPIRED, "expired")
    yield from take(bench)
    same((yield bench.ask("blocked_lanes")), {"A": head}, "lanes held up")
    same((yield bench.ask("requeue", [head])), [head], "requeued")
    yield from take(bench, "1")


def sent_items_do_not_expire(bench: Bench) -> Questions:
    """What may have reached somebody is not EXPIRED, nor what somebody holds."""
    (seq,) = yield from put(bench, "a", expires_in=60)
    yield from put(bench, "b", expires_in=60)
    sent, held = yield from take(bench, "a", "b", lease=_HOUR)
    yield from accepted(bench, Release(sent.hold))
    bench.clock.advance(61)
    yield from _expired(bench)
    yield from state_of(bench, seq, ItemState.READY)
    yield from accepted(bench, Release(held.hold, 0, unsent=True))
    yield from take(bench, "a")
    yield from _expired(bench, held.seq)


def too_old_to_send_again(bench: Bench) -> Questions:
    """What was sent too long ago is PARKED: its key may be forgotten over there."""
    yield bench.rules(redeliver_within=100)
    (seq,) = yield from put(bench, "1", lane="A")
    yield from put(bench, "2", lane="A")
    item = yield from take_one(bench, "1", lease=500)
    yield from accepted(bench, Release(item.hold, 10))
    bench.clock.advance(50)
    item = yield from take_one(bench, "1", lease=500)
    near(item.sent_at, bench.start, "sent_at, the first time")
    bench.clock.advance(60)
    same((yield bench.ask("stage")).parked, (), "parked while somebody holds it")
    yield from accepted(bench, Release(item.hold))
    yield from take(bench)
    staged = yield bench.ask("stage")
    same((staged.parked, staged.ended), ((seq,), ()), "what staging tells")
    yield from state_of(bench, seq, ItemState.PARKED, "unknown")
    same((yield bench.ask("stage")).parked, (), "told again")
    bench.clock.advance(1000)
    yield from take(bench)


def unsent_items_may_wait_long(bench: Bench) -> Questions:
    """Hours in which an item reached nobody do not make it too old to be sent."""
    yield bench.rules(redeliver_within=100)
    (seq,) = yield from put(bench, "a")
    for _ in range(20):
        item = yield from take_one(bench, "a")
        bench.clock.advance(20)
        yield from accepted(bench, Release(item.hold, 10, unsent=True))
        bench.clock.advance(10)
    same((yield bench.ask("stage")).parked, (), "parked")
    yield from state_of(bench, seq, ItemState.READY)


def lapsed_and_too_old(bench: Bench) -> Questions:
    """A lease that ends when the item is too old to be sent again parks it."""
    yield bench.rules(redeliver_within=100)
    (seq,) = yield from put(bench, "a")
    yield from take_one(bench, "a", lease=200)
    bench.clock.advance(200)
    yield from take(bench)
    same((yield bench.ask("stage")).parked, (seq,), "parked")
    item = yield from state_of(bench, seq, ItemState.PARKED, "unknown")
    same(item.lapses, 1, "lapses")


def requeued_is_not_too_old(bench: Bench) -> Questions:
    """Whoever requeues an item vouches for it: its ages are counted from then."""
    yield bench.rules(redeliver_within=100)
    yield from put(bench, "dead", "unknown", expires_in=60)
    dead, unknown = yield from take(bench, "dead", "unknown")
    yield from accepted(bench, Fail(dead.hold, "rejected"), Release(unknown.hold, 0))
    bench.clock.advance(5000)
    same((yield bench.ask("stage")).parked, (unknown.seq,), "parked")
    numbers = [dead.seq, unknown.seq]
    same((yield bench.ask("requeue", numbers)), numbers, "requeued")
    staged = yield bench.ask("stage")
    same((staged.parked, staged.ended), ((), ()), "what time does at once")
    items = yield from take(bench, "dead", "unknown")
    for item in items:
        near(item.sent_at, bench.clock.time(), "sent_at")
    yield from accepted(bench, *[Release(item.hold) for item in items])
    bench.clock.advance(100)
    same((yield bench.ask("stage")).parked, tuple(numbers), "parked after the time")


def requeued_before_it_was_sent(bench: Bench) -> Questions:
    """An item that ended unsent, and is requeued after its age, has its age again."""
    yield bench.rules(on_dead="cascade")
    yield from put(bench, "1", lane="A")
    (seq,) = yield from put(bench, "2", lane="A", expires_in=60)
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    bench.clock.advance(1000)
    same((yield bench.ask("requeue", [seq])), [seq], "requeued")
    same((yield bench.ask("stage")).ended, (), "what ended at once")
    yield from state_of(bench, seq, ItemState.READY)
    bench.clock.advance(1000)
    yield from _expired(bench, seq)


def next_due_is_exact(bench: Bench) -> Questions:
    """Staging says when time changes something again, to the second."""
    yield bench.rules(redeliver_within=1000)
    same((yield bench.ask("stage")).next_due, _EVER, "an empty queue")
    yield from put(bench, "ready")
    same((yield bench.ask("stage")).next_due, _EVER, "a queue that only waits")
    yield from put(bench, "expires", expires_in=70)
    same((yield bench.ask("stage")).next_due, 70.0, "with an age")
    yield from put(bench, "due", delay=50)
    same((yield bench.ask("stage")).next_due, 50.0, "with a delay")
    item = yield from take_one(bench, "ready", lease=30)
    same((yield bench.ask("stage")).next_due, 30.0, "with a lease")
    yield bench.extend(item.hold, lease=40)
    same((yield bench.ask("stage")).next_due, 40.0, "with a longer lease")
    yield bench.ask("pause", "nobody", 20.0)
    bench.clock.advance(5)
    same((yield bench.ask("stage")).next_due, 15.0, "with a pause")
    yield bench.ask("resume")
    yield from accepted(bench, Release(item.hold))
    same((yield bench.ask("stage")).next_due, 45.0, "after the release")
    bench.clock.advance(45)
    staged = yield bench.ask("stage")
    same((staged.ready, staged.next_due), (1, 20.0), "when it was due")
    bench.clock.advance(20)
    staged = yield bench.ask("stage")
    same((len(staged.ended), staged.next_due), (1, 930.0), "when one had expired")
    bench.clock.advance(930)
    staged = yield bench.ask("stage")
    same((staged.parked, staged.next_due), ((item.seq,), _EVER), "when one was old")


def what_holds_no_date_has_no_due(bench: Bench) -> Questions:
    """PARKED, DEAD, WAITING without an age: time changes nothing about them."""
    yield from put(bench, "dead", "parked")
    yield from put(bench, "1", "2", lane="A", delay=5)
    dead, parked = yield from take(bench, "dead", "parked")
    yield from accepted(
        bench, Fail(dead.hold, "rejected"), Park(parked.hold, "forbidden")
    )
    same((yield bench.ask("stage")).next_due, 5.0, "the head of the lane")
    bench.clock.advance(5)
    item = yield from take_one(bench, "1", lease=_HOUR)
    same((yield bench.ask("stage")).next_due, _HOUR, "its lease")
    yield from accepted(bench, Park(item.hold, "forbidden"))
    same((yield bench.ask("stage")).next_due, _EVER, "nothing")


def wall_clock_moves_no_lease(bench: Bench) -> Questions:
    """A step of the wall clock ends no lease early, and keeps none for longer."""
    yield from put(bench, "a")
    yield from put(bench, "later", delay=50)
    item = yield from take_one(bench, "a")
    for step in (_HOUR, -_HOUR, -_HOUR, _HOUR):
        bench.clock.set_time(bench.clock.time() + step)
        staged = yield bench.ask("stage")
        same((staged.lapsed, staged.ready), ((), 0), f"after a step of {step:g} s")
        same(staged.next_due, 30.0, f"next_due after a step of {step:g} s")
        yield from take(bench)
    bench.clock.set_time(bench.clock.time() - _HOUR)
    bench.clock.advance(30)
    again = yield from take_one(bench, "a", lease=_HOUR)
    assert again.token > item.token, "tokens must grow"
    bench.clock.advance(20)
    yield from take(bench, "later")


def wall_clock_moves_no_pause(bench: Bench) -> Questions:
    """A pause lasts as long as was asked for, whatever the wall clock does."""
    yield from put(bench, "a")
    yield bench.ask("pause", "default", 60.0)
    bench.clock.set_time(bench.clock.time() + _HOUR)
    yield from take(bench)
    bench.clock.set_time(bench.clock.time() - 2 * _HOUR)
    bench.clock.advance(59)
    yield from take(bench)
    bench.clock.advance(1)
    yield from take(bench, "a")


def ages_go_by_the_wall_clock(bench: Bench) -> Questions:
    """Ages count the hours in which a machine slept: the wall clock has them."""
    yield bench.rules(redeliver_within=_HOUR)
    (seq,) = yield from put(bench, "never sent", expires_in=_HOUR)
    (sent,) = yield from put(bench, "sent", priority=1)
    item = yield from take_one(bench, "sent")
    yield from accepted(bench, Release(item.hold))
    bench.clock.set_time(bench.clock.time() + _HOUR)
    yield from take(bench)
    staged = yield bench.ask("stage")
    ended: tuple[Ended, ...] = staged.ended
    same([each.seq for each in ended], [seq], "what expired")
    same(staged.parked, (sent,), "what was parked")


#: In the order of the contract.
AGES = tuple(
    Check(ask)
    for ask in (
        never_sent_and_too_old,
        claim_does_not_deliver_the_old,
        expired_head_lets_its_lane_go,
        expired_head_under_cascade,
        the_old_end_in_one_order,
        expired_head_under_block,
        sent_items_do_not_expire,
        too_old_to_send_again,
        unsent_items_may_wait_long,
        lapsed_and_too_old,
        requeued_is_not_too_old,
        requeued_before_it_was_sent,
        next_due_is_exact,
        what_holds_no_date_has_no_due,
        wall_clock_moves_no_lease,
        wall_clock_moves_no_pause,
        ages_go_by_the_wall_clock,
    )
)
