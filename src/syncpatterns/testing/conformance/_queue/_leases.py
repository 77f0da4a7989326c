"""Checks of leases: who holds what, and what a stale hold may change."""

from __future__ import annotations

from syncpatterns.offline_queue._core import (
    Ack,
    Fail,
    Hold,
    ItemState,
    Nack,
    Park,
    Release,
    Replace,
    Settlement,
)
from syncpatterns.testing.conformance._asking import Questions, same
from syncpatterns.testing.conformance._queue._bench import (
    Bench,
    Check,
    accepted,
    gone,
    near,
    put,
    stale,
    state_of,
    take,
    take_one,
)


def claim_gives_a_hold(bench: Bench) -> Questions:
    """A claim takes the item for as long as was asked, under a larger token."""
    (seq,) = yield from put(bench, "a")
    item = yield from take_one(bench, "a", lease=20)
    same((item.state, item.deliveries, item.attempts), (ItemState.LEASED, 1, 0), "it")
    assert item.token > 0, "tokens are numbers above 0"
    near(item.lease_until, bench.start + 20, "lease_until")
    near(item.sent_at or 0, bench.start, "sent_at")
    same((yield bench.ask("get", seq)), item, "the item as it is stored")
    yield from take(bench)
    yield from accepted(bench, Release(item.hold))
    again = yield from take_one(bench, "a")
    same((again.deliveries, again.attempts, again.lapses), (2, 0, 0), "counters")
    assert again.token > item.token, "tokens must grow"


def no_more_than_asked(bench: Bench) -> Questions:
    """A claim gives as many items as were asked for, and none for 0 or less."""
    yield from put(bench, "a", "b", "c")
    same((yield bench.claim(0)), [], "none asked for")
    same((yield bench.claim(-1)), [], "fewer than none asked for")
    yield from take(bench, "a", "b", limit=2)
    yield from take(bench, "c", limit=2)


def one_holder_at_a_time(bench: Bench) -> Questions:
    """Of many who claim at the same time each gets items of its own."""
    keys = [f"k{n}" for n in range(20)]
    yield from put(bench, *keys)
    answers = yield [bench.claim(3) for _ in range(8)]
    for answer in answers:
        assert isinstance(answer, list), f"a claim failed: {answer!r}"
    got = [item.key for answer in answers for item in answer]
    same(sorted(got), sorted(keys), "what all of them got together")


def lapsed_lease_is_taken_over(bench: Bench) -> Questions:
    """A lease that ended without a word goes to the next, with a larger token."""
    yield from put(bench, "a")
    first = yield from take_one(bench, "a")
    bench.clock.advance(29)
    yield from take(bench)
    bench.clock.advance(1)
    second = yield from take_one(bench, "a")
    same((second.deliveries, second.lapses, second.attempts), (2, 1, 0), "counters")
    assert second.token > first.token, "tokens must grow"
    same(second.key, first.key, "the key")
    same(second.sent_at, first.sent_at, "when it was sent first")


def staging_tells_of_lapses(bench: Bench) -> Questions:
    """Staging makes what lapsed READY, tells whose it was, and fences them."""
    (seq,) = yield from put(bench, "a")
    item = yield from take_one(bench, "a")
    bench.clock.advance(30)
    staged = yield bench.ask("stage")
    same(staged.lapsed, (item.hold,), "what lapsed")
    same((staged.ready, staged.ended, staged.parked), (0, (), ()), "the rest")
    back = yield from state_of(bench, seq, ItemState.READY)
    same((back.lapses, back.lease_until), (1, 0.0), "lapses, lease_until")
    yield from stale(bench, Ack(item.hold))
    same((yield bench.extend(item.hold)), [], "the late renewal")
    same((yield bench.ask("stage")).lapsed, (), "what lapsed since")


def each_lapse_is_told(bench: Bench) -> Questions:
    """Of an item whose workers died one after the other, each death is told."""
    yield from put(bench, "a")
    holds: list[Hold] = []
    for _ in range(3):
        item = yield from take_one(bench, "a", lease=10)
        holds.append(item.hold)
        bench.clock.advance(10)
    staged = yield bench.ask("stage")
    same(list(staged.lapsed), holds, "the leases that ended")


def stale_hold_changes_nothing(bench: Bench) -> Questions:
    """Who lost an item changes nothing by any settlement, and is told so."""
    (seq,) = yield from put(bench, "a", lane="A")
    old = (yield from take_one(bench, "a")).hold
    bench.clock.advance(30)
    item = yield from take_one(bench, "a")
    new = bench.new("new")
    for said in (
        Ack(old, b"1"),
        Nack(old, 5, "e"),
        Release(old, 5, unsent=True),
        Fail(old, "rejected"),
        Fail(old, "rejected", discard=True),
        Park(old, "sign-in", unsent=True),
        Replace(old, new),
    ):
        yield from stale(bench, said)
        after = yield bench.ask("get", seq)
        same(after, item, f"the item after a stale {type(said).__name__}")
    same((yield bench.extend(old)), [], "a stale renewal")
    found = yield bench.ask("find", new.scope, new.operation, new.key)
    same(found, None, "the item of the stale Replace")
    yield from accepted(bench, Ack(item.hold))
    yield from gone(bench, seq, ItemState.DONE)


def hold_is_good_once(bench: Bench) -> Questions:
    """A hold that was used is worth nothing any more, whatever was said by it."""
    keys = ("ack", "nack", "release", "fail", "park")
    yield from put(bench, *keys)
    held = dict(zip(keys, (yield from take(bench, *keys)), strict=True))
    said: dict[str, Settlement] = {
        "ack": Ack(held["ack"].hold),
        "nack": Nack(held["nack"].hold, 0),
        "release": Release(held["release"].hold),
        "fail": Fail(held["fail"].hold, "rejected"),
        "park": Park(held["park"].hold, "forbidden"),
    }
    yield from accepted(bench, *said.values())
    before = yield bench.ask("items")
    for key in keys:
        yield from stale(bench, said[key], Ack(held[key].hold))
    same((yield bench.ask("items")), before, "the items")


def guessed_hold_is_worthless(bench: Bench) -> Questions:
    """A token that was never given out, or an unknown number, changes nothing."""
    (seq,) = yield from put(bench, "a")
    guesses = [Hold(seq, token) for token in (-1, 0, 1, 2, 10**9)]
    yield from stale(bench, *[Ack(guess) for guess in guesses])
    item = yield from take_one(bench, "a")
    wrong = [guess for guess in guesses if guess.token != item.token]
    strange = (Hold(seq + 1, item.token), Hold(-1, 1), Hold(0, 0))
    yield from stale(bench, *[Ack(guess) for guess in (*wrong, *strange)])
    same((yield bench.extend(*wrong)), [], "renewals")
    yield from accepted(bench, Ack(item.hold))


def each_apart_from_the_others(bench: Bench) -> Questions:
    """A stale hold among good ones spoils nothing, and answers come in order."""
    yield from put(bench, "a", "b")
    first, second = yield from take(bench, "a", "b")
    stale = Hold(first.seq, first.token + 1)
    answers = yield bench.settle(Ack(first.hold), Ack(stale), Nack(second.hold, 7))
    found = [(each.accepted, each.seq) for each in answers]
    expected = [(True, first.seq), (False, first.seq), (True, second.seq)]
    same(found, expected, "the answers")


def renewed_lease_counts_from_now(bench: Bench) -> Questions:
    """A renewed lease ends as many seconds after its renewal as were asked for."""
    (seq,) = yield from put(bench, "a")
    item = yield from take_one(bench, "a")
    for _ in range(5):
        bench.clock.advance(20)
        same((yield bench.extend(item.hold)), [item.hold], "still held")
        yield from take(bench)
    stored = yield from state_of(bench, seq, ItemState.LEASED)
    near(stored.lease_until, bench.clock.time() + 30, "lease_until")
    same((stored.token, stored.deliveries), (item.token, 1), "token, deliveries")
    bench.clock.advance(30)
    yield from take(bench, "a")


def renewal_tells_what_is_lost(bench: Bench) -> Questions:
    """Of several leases those still held are renewed and returned; the rest is lost."""
    yield from put(bench, "a", "b", "c")
    first, second, third = yield from take(bench, "a", "b", "c", lease=10)
    yield from accepted(bench, Ack(second.hold))
    kept = yield bench.extend(third.hold, second.hold, first.hold, lease=50)
    same(sorted(kept), sorted([first.hold, third.hold]), "what is still held")
    bench.clock.advance(50)
    yield from take(bench, "a", "c")
    same((yield bench.extend(first.hold, third.hold)), [], "after others claimed")


def late_worker_whom_nobody_replaced(bench: Bench) -> Questions:
    """As long as nobody has looked, a late ack or renewal is good: it was done once."""
    yield from put(bench, "a", "b")
    first, second = yield from take(bench, "a", "b")
    bench.clock.advance(31)
    yield from accepted(bench, Ack(first.hold))
    same((yield bench.extend(second.hold)), [second.hold], "the late renewal")
    yield from take(bench)
    yield from gone(bench, first.seq, ItemState.DONE)


def nack_burns_an_attempt(bench: Bench) -> Questions:
    """An answered failure is counted, and tried again after its delay."""
    (seq,) = yield from put(bench, "a")
    item = yield from take_one(bench, "a")
    bench.clock.advance(1)
    yield from accepted(bench, Nack(item.hold, 4, "HTTP 500"))
    stored = yield from state_of(bench, seq, ItemState.SCHEDULED)
    same((stored.attempts, stored.lapses, stored.error), (1, 0, "HTTP 500"), "it")
    near(stored.due_at, bench.clock.time() + 4, "due_at")
    same(stored.sent_at, item.sent_at, "sent_at")
    bench.clock.advance(3)
    yield from take(bench)
    bench.clock.advance(1)
    again = yield from take_one(bench, "a")
    yield from accepted(bench, Nack(again.hold, 0))
    stored = yield from state_of(bench, seq, ItemState.READY)
    same((stored.attempts, stored.deliveries), (2, 2), "attempts, deliveries")


def the_last_failure_counts(bench: Bench) -> Questions:
    """What is DEAD after its last attempt shows all of them; a refusal is none."""
    (last, refused) = yield from put(bench, "a", "b")
    first, other = yield from take(bench, "a", "b")
    yield from accepted(bench, Nack(first.hold, 0))
    again = yield from take_one(bench, "a")
    yield from accepted(
        bench,
        Fail(again.hold, "attempts", "HTTP 500", failed=True),
        Fail(other.hold, "rejected", "HTTP 422"),
    )
    stored = yield from state_of(bench, last, ItemState.DEAD, "attempts")
    same((stored.attempts, stored.deliveries), (2, 2), "attempts, deliveries")
    stored = yield from state_of(bench, refused, ItemState.DEAD, "rejected")
    same((stored.attempts, stored.deliveries), (0, 1), "attempts, deliveries")


def release_burns_nothing(bench: Bench) -> Questions:
    """What is given back keeps its attempts, however often, and is never poison."""
    yield bench.rules(max_lapses=3)
    (seq,) = yield from put(bench, "a")
    for _ in range(30):
        item = yield from take_one(bench, "a")
        yield from accepted(bench, Release(item.hold, 0, unsent=True, error="refused"))
    stored = yield from state_of(bench, seq, ItemState.READY)
    same((stored.attempts, stored.lapses), (0, 0), "attempts, lapses")
    same((stored.deliveries, stored.error), (30, "refused"), "deliveries, error")
    item = yield from take_one(bench, "a")
    yield from accepted(bench, Release(item.hold, 9))
    stored = yield from state_of(bench, seq, ItemState.SCHEDULED)
    near(stored.due_at, bench.clock.time() + 9, "due_at")


def only_who_sent_first_can_unsend(bench: Bench) -> Questions:
    """An item counts as never sent again only if its one delivery reached nobody."""
    (seq,) = yield from put(bench, "a")
    for settlement in (Release, Park):
        item = yield from take_one(bench, "a")
        if settlement is Release:
            yield from accepted(bench, Release(item.hold, 0, unsent=True))
        else:
            yield from accepted(bench, Park(item.hold, "sign-in", unsent=True))
        stored = yield bench.ask("get", seq)
        same(stored.sent_at, None, f"sent_at after {settlement.__name__}(unsent)")
        yield bench.ask("resume")
    item = yield from take_one(bench, "a")
    sent_at = item.sent_at
    yield from accepted(bench, Release(item.hold))
    bench.clock.advance(5)
    item = yield from take_one(bench, "a")
    same(item.sent_at, sent_at, "sent_at in the next delivery")
    yield from accepted(bench, Release(item.hold, 0, unsent=True))
    stored = yield bench.ask("get", seq)
    same(stored.sent_at, sent_at, "sent_at, as an earlier delivery may have arrived")


def lapse_may_have_been_sent(bench: Bench) -> Questions:
    """A worker that died may have sent it: nobody can say later that it was not."""
    (seq,) = yield from put(bench, "a")
    first = yield from take_one(bench, "a")
    bench.clock.advance(30)
    second = yield from take_one(bench, "a")
    yield from accepted(bench, Release(second.hold, 0, unsent=True))
    stored = yield bench.ask("get", seq)
    same(stored.sent_at, first.sent_at, "sent_at")


def silent_deaths_are_poison(bench: Bench) -> Questions:
    """An item whose workers die of it is DEAD after so many; the others go on."""
    yield bench.rules(max_lapses=3)
    (seq,) = yield from put(bench, "bad", priority=1)
    for _ in range(2):
        yield from take_one(bench, "bad")
        bench.clock.advance(30)
        same((yield bench.ask("stage")).ended, (), "what ended")
    yield from take_one(bench, "bad")
    yield from put(bench, "good")
    bench.clock.advance(30)
    yield from take(bench, "good")
    staged = yield bench.ask("stage")
    same([each.seq for each in staged.ended], [seq], "what ended")
    stored = yield from state_of(bench, seq, ItemState.DEAD, "poison")
    same((stored.lapses, stored.payload), (3, b'{"key":"bad"}'), "lapses, payload")
    same((yield bench.ask("stage")).ended, (), "told twice")


def dead_keeps_its_payload(bench: Bench) -> Questions:
    """What failed for good is kept, with its payload, unless told to keep none."""
    yield from put(bench, "kept", "dropped")
    kept, dropped = yield from take(bench, "kept", "dropped")
    answers = yield from accepted(
        bench,
        Fail(kept.hold, "rejected", "no such lead"),
        Fail(dropped.hold, "payload-invalid", "x", discard=True),
    )
    same([len(answer.ended) for answer in answers], [1, 1], "ends told")
    item = yield from state_of(bench, kept.seq, ItemState.DEAD, "rejected")
    same((item.payload, item.error), (kept.payload, "no such lead"), "what is kept")
    same((yield bench.ask("ended", kept.seq)), answers[0].ended[0], "how it ended")
    yield from gone(bench, dropped.seq, ItemState.DEAD, "payload-invalid")
    yield from take(bench)


def parked_waits_for_somebody(bench: Bench) -> Questions:
    """A PARKED item is not delivered, whatever time passes, and keeps its reason."""
    (seq,) = yield from put(bench, "a", expires_in=60)
    item = yield from take_one(bench, "a")
    yield from accepted(bench, Park(item.hold, "forbidden", "HTTP 403"))
    bench.clock.advance(30 * 86400)
    yield from take(bench)
    stored = yield from state_of(bench, seq, ItemState.PARKED, "forbidden")
    same((stored.error, stored.attempts), ("HTTP 403", 0), "error, attempts")


def replaced_by_another_key(bench: Bench) -> Questions:
    """Replace ends an item SUPERSEDED by a new one, which is delivered in its stead."""
    yield from put(bench, "a")
    item = yield from take_one(bench, "a")
    (settled,) = yield from accepted(bench, Replace(item.hold, bench.new("b")))
    assert settled.seq > item.seq, "the new item has a number of its own"
    ended = yield from gone(bench, item.seq, ItemState.SUPERSEDED)
    same(ended.survivor, settled.seq, "who takes its place")
    same(settled.ended, (ended,), "what the settlement says")
    fresh = yield from take_one(bench, "b")
    same((fresh.seq, fresh.deliveries), (settled.seq, 1), "the new one")
    (again,) = yield bench.enqueue(bench.new("a"))
    found = (again.duplicate, again.state, again.survivor)
    same(found, (True, ItemState.SUPERSEDED, fresh.seq), "the old key again")


#: In the order of the contract.
LEASES = tuple(
    Check(ask)
    for ask in (
        claim_gives_a_hold,
        no_more_than_asked,
        one_holder_at_a_time,
        lapsed_lease_is_taken_over,
        staging_tells_of_lapses,
        each_lapse_is_told,
        stale_hold_changes_nothing,
        hold_is_good_once,
        guessed_hold_is_worthless,
        each_apart_from_the_others,
        renewed_lease_counts_from_now,
        renewal_tells_what_is_lost,
        late_worker_whom_nobody_replaced,
        nack_burns_an_attempt,
        release_burns_nothing,
        only_who_sent_first_can_unsend,
        lapse_may_have_been_sent,
        silent_deaths_are_poison,
        dead_keeps_its_payload,
        the_last_failure_counts,
        parked_waits_for_somebody,
        replaced_by_another_key,
    )
)
