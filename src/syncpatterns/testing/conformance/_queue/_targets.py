"""Checks of who is next: priority, delay, several targets, pauses."""

from __future__ import annotations

from syncpatterns.offline_queue._core import (
    Ack,
    ItemState,
    Park,
    Pause,
    Release,
)
from syncpatterns.testing.conformance._asking import Questions, same
from syncpatterns.testing.conformance._queue._bench import (
    Bench,
    Check,
    accepted,
    near,
    put,
    state_of,
    take,
    take_one,
)

_MANY = 300
_EVER = float("inf")


def in_order(bench: Bench) -> Questions:
    """Without a priority items are claimed in the order of enqueueing."""
    keys = [f"{n}" for n in range(30)]
    yield from put(bench, *keys)
    yield from take(bench, *keys[:10], limit=10)
    yield from take(bench, *keys[10:])


def higher_priority_first(bench: Bench) -> Questions:
    """Higher priority goes first, however much waits; among equals the older one."""
    yield from put(bench, *[f"{n}" for n in range(_MANY)])
    yield from put(bench, "low", priority=-1)
    yield from put(bench, "high", "high too", priority=9)
    yield from put(bench, "middle", priority=4, target="other")
    yield from take(bench, "high", "high too", "middle", "0", limit=4)
    rest = yield bench.claim(_MANY)
    same((len(rest), rest[-1].key), (_MANY, "low"), "the rest, and the last")


def delayed_until_due(bench: Bench) -> Questions:
    """What is delayed is claimed when it is due, without staging, and not before."""
    (seq,) = yield from put(bench, "later", delay=60, priority=9)
    yield from put(bench, "now", delay=-5)
    item = yield from state_of(bench, seq, ItemState.SCHEDULED)
    near(item.due_at, bench.start + 60, "due_at")
    yield from take(bench, "now", lease=500)
    bench.clock.advance(59)
    yield from take(bench)
    bench.clock.advance(1)
    yield from take(bench, "later")


def staging_wakes_what_is_due(bench: Bench) -> Questions:
    """Staging makes READY what is due, and says how many those are."""
    numbers = yield from put(bench, "a", "b", delay=10)
    yield from put(bench, "c", delay=20)
    same((yield bench.ask("stage")).ready, 0, "woken at once")
    bench.clock.advance(10)
    same((yield bench.ask("stage")).ready, 2, "woken after 10 s")
    for seq in numbers:
        yield from state_of(bench, seq, ItemState.READY)
    same((yield bench.ask("stage")).ready, 0, "woken again")


def caps_leave_room_for_others(bench: Bench) -> Questions:
    """A target at its cap gets no more of a claim; the others get the rest."""
    yield from put(bench, "a1", "a2", "a3", "a4", target="a", priority=1)
    yield from put(bench, "b1", "b2", target="b")
    yield from put(bench, "c1", target="c")
    yield from take(bench, "a1", "b1", limit=2, caps={"a": 1, "c": 0})
    caps = {"a": 2, "c": 0, "nobody": 3}
    yield from take(bench, "a2", "a3", "b2", limit=10, caps=caps)
    yield from take(bench, "a4", "c1", caps={"c": 5})


def only_from_some_targets(bench: Bench) -> Questions:
    """A claim from some targets leaves the others alone."""
    yield from put(bench, "a", target="a", priority=1)
    yield from put(bench, "b", target="b")
    yield from put(bench, "c", target="c")
    yield from take(bench, only=frozenset())
    yield from take(bench, only=frozenset({"nobody"}))
    yield from take(bench, "b", "c", only=frozenset({"b", "c"}))
    yield from take(bench, "a")


def paused_target_stops_alone(bench: Bench) -> Questions:
    """Of a paused target nothing is claimed until the pause is over; others flow."""
    yield from put(bench, "a", target="a", priority=9)
    yield bench.ask("pause", "a", 7.0, "retry-after")
    yield from put(bench, "b1", target="b")
    yield from take(bench, "b1")
    yield from take(bench, only=frozenset({"a"}))
    (pause,) = (yield bench.ask("stats")).pauses
    same((pause.target, pause.reason), ("a", "retry-after"), "the pause")
    near(pause.until, bench.start + 7, "its end")
    bench.clock.advance(6)
    yield from put(bench, "b2", target="b")
    yield from take(bench, "b2")
    bench.clock.advance(1)
    (item,) = yield from take(bench, "a")
    same(item.attempts, 0, "attempts")
    same((yield bench.ask("stats")).pauses, (), "pauses in force")


def paused_queue_stops_whole(bench: Bench) -> Questions:
    """Of a paused queue nothing is claimed; what is held may be settled."""
    yield from put(bench, "a", "b")
    item = yield from take_one(bench, "a")
    yield bench.ask("pause")
    (pause,) = (yield bench.ask("stats")).pauses
    same(pause, Pause("", _EVER, "by-hand"), "the pause")
    yield from put(bench, "c", target="other", priority=9)
    yield from take(bench)
    same((yield bench.extend(item.hold)), [item.hold], "still held")
    yield from accepted(bench, Ack(item.hold))
    bench.clock.advance(10 * 86400)
    yield from take(bench)
    same((yield bench.ask("resume")), [pause], "what ended")
    same((yield bench.ask("resume")), [], "what ended again")
    yield from take(bench, "c", "b")


def longer_pause_wins(bench: Bench) -> Questions:
    """A pause is never cut short by another; one of no length is none."""
    yield from put(bench, "a")
    yield bench.ask("pause", "default", 0.0, "nothing")
    yield bench.ask("pause", "default", -5.0, "nothing")
    same((yield bench.ask("stats")).pauses, (), "pauses of no length")
    yield bench.ask("pause", "default", 20.0, "long")
    yield bench.ask("pause", "default", 5.0, "short")
    bench.clock.advance(10)
    (pause,) = (yield bench.ask("stats")).pauses
    same(pause.reason, "long", "the one in force")
    yield from take(bench)
    yield bench.ask("pause", "default", 30.0, "longer")
    bench.clock.advance(10)
    yield from take(bench)
    (pause,) = (yield bench.ask("stats")).pauses
    same(pause.reason, "longer", "the one in force")
    near(pause.until, bench.start + 40, "its end")
    bench.clock.advance(20)
    yield from take(bench, "a")


def staging_ends_pauses(bench: Bench) -> Questions:
    """Staging names the targets whose pause ran out, once."""
    yield bench.ask("pause", "a", 5.0)
    yield bench.ask("pause", "b", 6.0)
    yield bench.ask("pause", "c")
    same((yield bench.ask("stage")).next_due, 5.0, "when time changes something")
    bench.clock.advance(6)
    staged = yield bench.ask("stage")
    same(sorted(staged.resumed), ["a", "b"], "what ran out")
    same(staged.next_due, _EVER, "when time changes something")
    same((yield bench.ask("stage")).resumed, (), "told again")


def resuming_one_or_all(bench: Bench) -> Questions:
    """Resuming a target ends its pause only; resuming all ends every one."""
    yield from put(bench, "a", target="a")
    yield from put(bench, "b", target="b")
    yield bench.ask("pause", "a", _EVER, "sign-in")
    yield bench.ask("pause", "b")
    same((yield bench.ask("resume", "nobody")), [], "a target that is not paused")
    same((yield bench.ask("resume", "a")), [Pause("a", _EVER, "sign-in")], "resumed")
    yield from take(bench, "a")
    yield bench.ask("pause", "c", 10.0)
    yield bench.ask("pause", "", 10.0)
    same((yield bench.ask("resume", "nobody")), [], "a target that nobody knows")
    ended = yield bench.ask("resume")
    same(sorted(each.target for each in ended), ["", "b", "c"], "all of them")
    yield from take(bench, "b")


def missing_sign_in_waits_for_it(bench: Bench) -> Questions:
    """Items PARKED for a sign-in are READY once it is resumed; others stay PARKED."""
    yield from put(bench, "a", "b", target="crm")
    yield from put(bench, "c", target="sms")
    first, second, third = yield from take(bench, "a", "b", "c")
    yield bench.ask("pause", "crm", _EVER, "sign-in")
    yield from accepted(
        bench,
        Park(first.hold, "sign-in", "HTTP 401", unsent=True),
        Park(second.hold, "forbidden", "HTTP 403"),
        Park(third.hold, "sign-in", unsent=True),
    )
    bench.clock.advance(3 * 86400)
    yield from take(bench)
    yield from state_of(bench, first.seq, ItemState.PARKED, "sign-in")
    same(len((yield bench.ask("resume", "crm"))), 1, "pauses that ended")
    (again,) = yield from take(bench, "a")
    same((again.attempts, again.reason, again.key), (0, "", first.key), "it")
    yield from state_of(bench, second.seq, ItemState.PARKED, "forbidden")
    yield from state_of(bench, third.seq, ItemState.PARKED, "sign-in")
    yield bench.ask("resume")
    yield from take(bench, "c")


def sign_in_keeps_the_lane(bench: Bench) -> Questions:
    """After a sign-in a lane goes on where it stood, in its order."""
    yield from put(bench, "1", "2", lane="A")
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Park(item.hold, "sign-in"))
    yield from take(bench)
    yield bench.ask("resume")
    item = yield from take_one(bench, "1")
    yield from take(bench)
    yield from accepted(bench, Ack(item.hold))
    yield from take(bench, "2")


def enqueued_and_claimed_at_once(bench: Bench) -> Questions:
    """A single item that may go at once can be claimed by whoever enqueues it."""
    (answer,) = yield bench.enqueue(bench.new("a", lane="A"), lease=20)
    item = answer.claimed
    same((answer.state, item.key, item.deliveries), (ItemState.LEASED, "a", 1), "it")
    same((yield bench.ask("get", answer.seq)), item, "as it is stored")
    near(item.lease_until, bench.start + 20, "lease_until")
    near(item.sent_at, bench.start, "sent_at")
    yield from take(bench)
    (behind,) = yield bench.enqueue(bench.new("b", lane="A"), lease=20)
    same((behind.state, behind.claimed), (ItemState.WAITING, None), "one behind it")
    (later,) = yield bench.enqueue(bench.new("c", delay=5), lease=20)
    same((later.state, later.claimed), (ItemState.SCHEDULED, None), "a delayed one")
    yield from accepted(bench, Release(item.hold, 0, unsent=True))
    stored = yield bench.ask("get", item.seq)
    same(stored.sent_at, None, "sent_at, as it was not sent")
    yield from take(bench, "a")


def not_claimed_at_once(bench: Bench) -> Questions:
    """Nobody gets a lease where something is paused, or for several items."""
    yield bench.ask("pause", "crm", 10.0)
    (answer,) = yield bench.enqueue(bench.new("a", target="crm"), lease=20)
    same((answer.state, answer.claimed), (ItemState.READY, None), "a paused target")
    answers = yield bench.enqueue(bench.new("b"), bench.new("c"), lease=20)
    same([each.claimed for each in answers], [None, None], "two of them")
    yield bench.ask("pause", "", 5.0)
    (answer,) = yield bench.enqueue(bench.new("d"), lease=20)
    same((answer.state, answer.claimed), (ItemState.READY, None), "a paused queue")
    bench.clock.advance(10)
    (answer,) = yield bench.enqueue(bench.new("e", target="crm"), lease=20)
    same(answer.claimed.key, "e", "after the pauses, without staging")
    yield from take(bench, "a", "b", "c", "d")


#: In the order of the contract.
TARGETS = tuple(
    Check(ask)
    for ask in (
        in_order,
        higher_priority_first,
        delayed_until_due,
        staging_wakes_what_is_due,
        caps_leave_room_for_others,
        only_from_some_targets,
        paused_target_stops_alone,
        paused_queue_stops_whole,
        longer_pause_wins,
        staging_ends_pauses,
        resuming_one_or_all,
        missing_sign_in_waits_for_it,
        sign_in_keeps_the_lane,
        enqueued_and_claimed_at_once,
        not_claimed_at_once,
    )
)
