"""Checks of workers that go on: one commit settles an item and claims the next."""

from __future__ import annotations

from syncpatterns.errors import KeyReused
from syncpatterns.offline_queue._core import (
    Ack,
    Fail,
    Hold,
    Item,
    ItemState,
    Nack,
    Parent,
    Release,
    Replace,
    Settled,
    Settlement,
)
from syncpatterns.offline_queue._ports import Turn
from syncpatterns.testing.conformance._asking import Questions, Steps, same
from syncpatterns.testing.conformance._queue._bench import (
    Bench,
    Check,
    accepted,
    gone,
    near,
    put,
    refused,
    stale,
    state_of,
    take,
    take_one,
)


def turn(
    bench: Bench, *said: Settlement, takes: tuple[str, ...] = (), limit: int = 1
) -> Steps[list[Item]]:
    """Settle with good holds, and expect to get just the items of *takes*."""
    answer: Turn = yield bench.turn(*said, limit=limit)
    same([each.accepted for each in answer.settled], [True] * len(said), "accepted")
    same([item.key for item in answer.items], list(takes), "what was claimed with it")
    return answer.items


def turn_settles_and_claims(bench: Bench) -> Questions:
    """One call ends an item and claims the next, which is held as any other is."""
    seq, _ = yield from put(bench, "a", "b")
    first = yield from take_one(bench, "a")
    bench.clock.advance(5)
    (second,) = yield from turn(bench, Ack(first.hold, b"1"), takes=("b",))
    same((yield from gone(bench, seq, ItemState.DONE)).result, b"1", "the result")
    same((second.state, second.deliveries), (ItemState.LEASED, 1), "the next")
    near(second.lease_until, bench.start + 35, "lease_until")
    same((yield bench.ask("get", second.seq)), second, "the next as it is stored")
    yield from turn(bench, Ack(second.hold))
    yield from stale(bench, Ack(first.hold), Ack(second.hold))


def turn_tells_how_each_ended(bench: Bench) -> Questions:
    """The answers are those of a settlement, each apart from the others."""
    yield from put(bench, "a", "b", "c")
    first, second = yield from take(bench, "a", "b", limit=2)
    worthless = Hold(first.seq, first.token + 1)
    said = Ack(first.hold), Ack(worthless), Fail(second.hold, "rejected")
    answer: Turn = yield bench.turn(*said, limit=5)
    settled: list[Settled] = answer.settled
    same([each.accepted for each in settled], [True, False, True], "accepted")
    same([each.seq for each in settled], [first.seq, first.seq, second.seq], "numbers")
    ends = [[ended.state for ended in each.ended] for each in settled]
    same(ends, [[ItemState.DONE], [], [ItemState.DEAD]], "how each ended")
    same([item.key for item in answer.items], ["c"], "what was claimed with it")


def turn_claims_what_it_frees(bench: Bench) -> Questions:
    """The next in the lane, and a child, are READY for the claim of the same call."""
    yield from put(bench, "a", "b", lane="lane", priority=1)
    (parent,) = yield from put(bench, "parent")
    yield from put(bench, "child", parents=(Parent(parent),))
    head = yield from take_one(bench, "a")
    (second,) = yield from turn(bench, Ack(head.hold), takes=("b",))
    (first,) = yield from turn(bench, Ack(second.hold), takes=("parent",))
    yield from turn(bench, Ack(first.hold), takes=("child",))


def turn_without_one_half(bench: Bench) -> Questions:
    """With nothing to settle it is a claim, and for 0 items a settlement."""
    yield from put(bench, "a", "b")
    (first,) = yield from turn(bench, takes=("a",))
    yield from turn(bench, Ack(first.hold), limit=0)
    yield from take(bench, "b")
    same((yield bench.turn(queue="no such queue")), Turn([], []), "of no queue")


def turn_keeps_the_limits_of_a_claim(bench: Bench) -> Questions:
    """Paused targets, caps and the choice of targets hold for it."""
    yield from put(bench, "a", "b", "c", "d")
    yield from put(bench, "other", target="other")
    one, two, three = yield from take(bench, "a", "b", "c", limit=3)
    capped: Turn = yield bench.turn(Ack(one.hold), limit=9, caps={"default": 0})
    same([item.key for item in capped.items], ["other"], "with a cap of 0")
    yield from accepted(bench, *[Ack(item.hold) for item in capped.items])
    chosen: Turn = yield bench.turn(Ack(two.hold), only=frozenset({"other"}))
    same(chosen.items, [], "from another target only")
    yield bench.ask("pause", "default", 60.0)
    yield from turn(bench, Ack(three.hold))
    bench.clock.advance(60)
    yield from take(bench, "d", lease=1)


def turn_with_a_stale_hold(bench: Bench) -> Questions:
    """Who has lost his item changes nothing with it, and gets another one."""
    seq, _ = yield from put(bench, "a", "b")
    mine = yield from take_one(bench, "a", lease=5)
    bench.clock.advance(5)
    other = yield from take_one(bench, "a")
    answer: Turn = yield bench.turn(Ack(mine.hold, b"late"))
    same(answer.settled, [Settled(accepted=False, seq=seq)], "the answer")
    same([item.key for item in answer.items], ["b"], "what was claimed with it")
    still = yield from state_of(bench, seq, ItemState.LEASED)
    same(still.hold, other.hold, "who holds it")


def turn_gives_back_before_it_claims(bench: Bench) -> Questions:
    """What goes back at once may be what is claimed; what has to wait is not."""
    yield from put(bench, "a", "b")
    first = yield from take_one(bench, "a")
    (again,) = yield from turn(bench, Release(first.hold), takes=("a",))
    assert again.token > first.token, "tokens must grow"
    same((again.deliveries, again.attempts), (2, 0), "counters")
    (other,) = yield from turn(bench, Nack(again.hold, 60.0), takes=("b",))
    yield from turn(bench, Ack(other.hold))
    bench.clock.advance(60)
    (third,) = yield from take(bench, "a")
    yield from accepted(bench, Ack(third.hold))


def turn_lets_time_pass(bench: Bench) -> Questions:
    """As a claim does: leases end, ages are reached, items fall due."""
    yield bench.rules(redeliver_within=3600.0)
    yield from put(bench, "a", "silent")
    (worn,) = yield from put(bench, "worn", expires_in=30)
    (late,) = yield from put(bench, "late", delay=60)
    mine, _ = yield from take(bench, "a", "silent", limit=2)
    bench.clock.advance(60)
    got = yield from turn(bench, Ack(mine.hold), takes=("silent", "late"), limit=3)
    same([item.lapses for item in got], [1, 0], "lapses")
    yield from gone(bench, worn, ItemState.EXPIRED, "expired")
    silent, due = got
    yield from turn(bench, Ack(silent.hold))
    bench.clock.advance(3600)
    yield from turn(bench, Release(due.hold))
    yield from state_of(bench, late, ItemState.PARKED, "unknown")


def turn_that_is_refused_claims_nothing(bench: Bench) -> Questions:
    """If a settlement is refused with an error, all is as it was."""
    yield from put(bench, "a", "b", "known")
    first = yield from take_one(bench, "a")
    another = bench.new("known", payload=b"another payload", fingerprint=b"another")
    answer = yield bench.turn(Replace(first.hold, another), refused=KeyReused)
    refused(answer, KeyReused)
    same((yield bench.ask("get", first.seq)), first, "the item")
    yield from accepted(bench, Ack(first.hold))
    yield from take(bench, "b", "known")


def turns_at_the_same_time(bench: Bench) -> Questions:
    """Of many who go on at the same time each gets items of its own."""
    keys = [f"k{n}" for n in range(24)]
    yield from put(bench, *keys)
    held: list[Item] = yield bench.claim(8)
    answers = yield [bench.turn(Ack(item.hold), limit=2) for item in held]
    for answer in answers:
        assert isinstance(answer, Turn), f"a call failed: {answer!r}"
        same([each.accepted for each in answer.settled], [True], "accepted")
    got = [item.key for answer in answers for item in answer.items]
    same(sorted(got), sorted(keys[8:]), "what all of them got together")


TURNS = tuple(
    Check(ask)
    for ask in (
        turn_settles_and_claims,
        turn_tells_how_each_ended,
        turn_claims_what_it_frees,
        turn_without_one_half,
        turn_keeps_the_limits_of_a_claim,
        turn_with_a_stale_hold,
        turn_gives_back_before_it_claims,
        turn_lets_time_pass,
        turn_that_is_refused_claims_nothing,
        turns_at_the_same_time,
    )
)
