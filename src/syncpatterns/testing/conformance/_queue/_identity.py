"""Checks of identity: the same action once, and how it ended for as long as told."""

from __future__ import annotations

from syncpatterns.errors import KeyReused
from syncpatterns.offline_queue._core import (
    Ack,
    Enqueued,
    Fail,
    ItemState,
    key_hash,
)
from syncpatterns.testing.conformance._asking import Ask, Questions, same
from syncpatterns.testing.conformance._queue._bench import (
    QUEUE,
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

_AT_ONCE = 50


def stored_as_it_was_given(bench: Bench) -> Questions:
    """What was enqueued is kept to the byte, and nothing is made up."""
    new = bench.new(
        "key é",
        scope="tenant ö",
        operation="leads.update",
        fingerprint=b"\x00\xff" * 16,
        payload=b'{"a":"\xc3\xa9\x00\xff"}',
        version=3,
        target="crm",
        lane="lead:7",
        entity="7",
        priority=-4,
        headers='{"trace":"1"}',
        expires_in=600.0,
        keep_result=5.0,
    )
    (answer,) = yield bench.enqueue(new)
    same(answer, Enqueued(answer.seq, ItemState.READY), "the answer")
    item = yield from state_of(bench, answer.seq, ItemState.READY)
    for field in set(new._fields) & set(item._fields):
        same(getattr(item, field), getattr(new, field), field)
    same(
        (item.token, item.deliveries, item.attempts, item.lapses, item.blocked),
        (0, 0, 0, 0, 0),
        "token, deliveries, attempts, lapses, blocked",
    )
    same((item.sent_at, item.error, item.lease_until), (None, "", 0.0), "the rest")
    near(item.created_at, bench.start, "created_at")
    near(item.due_at, bench.start, "due_at")
    near(item.expires_at, bench.start + 600, "expires_at")


def numbers_grow(bench: Bench) -> Questions:
    """Numbers grow in the order of enqueueing, and are never used again."""
    numbers = yield from put(bench, "a", "b", "c")
    same(numbers, sorted(set(numbers)), "the numbers")
    assert numbers[0] > 0, "numbers begin above 0"
    for item in (yield from take(bench, "a", "b", "c")):
        yield from accepted(bench, Ack(item.hold))
    bench.clock.advance(86401)
    yield bench.ask("purge")
    (next_one,) = yield from put(bench, "d")
    assert next_one > numbers[-1], "a number was used again"


def same_key_is_one_item(bench: Bench) -> Questions:
    """The same key and payload again is the same item, marked as a duplicate."""
    (seq,) = yield from put(bench, "a")
    (again,) = yield bench.enqueue(bench.new("a"))
    same(again, Enqueued(seq, ItemState.READY, duplicate=True), "the second answer")
    first, second = yield bench.enqueue(bench.new("b"), bench.new("b"))
    same((first.duplicate, second.duplicate), (False, True), "within one request")
    same(second.seq, first.seq, "number within one request")
    items = yield from take(bench, "a", "b")
    (leased,) = yield bench.enqueue(bench.new("a"), lease=60)
    same(leased.claimed, None, "a lease on somebody else's item")
    same(leased.state, ItemState.LEASED, "state of the duplicate")
    yield from accepted(bench, *[Ack(item.hold) for item in items])


def another_payload_is_refused(bench: Bench) -> Questions:
    """A key that was used for another payload is refused, and nothing is stored."""
    (seq,) = yield from put(bench, "a")
    before = yield bench.ask("get", seq)
    answer = yield bench.enqueue(
        bench.new("x"), bench.new("a", payload=b"other"), refused=KeyReused
    )
    refused(answer, KeyReused, "op", key_hash("tenant", "op", "a"))
    assert "tenant" not in str(answer), f"the error names the scope: {answer}"
    same((yield bench.ask("items")), [before], "what is stored")
    same((yield bench.ask("find", "tenant", "op", "x")), None, "the one before it")
    answer = yield bench.enqueue(
        bench.new("b"), bench.new("b", payload=b"other"), refused=KeyReused
    )
    refused(answer, KeyReused)
    same((yield bench.ask("items")), [before], "what is stored of one request")


def identity_has_three_parts(bench: Bench) -> Questions:
    """Scope, operation and key together are the identity, in one queue."""
    asked = [
        bench.new("k"),
        bench.new("k", scope="other"),
        bench.new("k", operation="other"),
        bench.new("ko", operation="p"),
        bench.new("o", operation="pk"),
    ]
    answers = yield bench.enqueue(*asked)
    same([answer.duplicate for answer in answers], [False] * 5, "duplicates")
    same(len({answer.seq for answer in answers}), 5, "numbers")
    for new, answer in zip(asked, answers, strict=True):
        found = yield bench.ask("find", new.scope, new.operation, new.key)
        same(found, answer.seq, "what is found")
    same((yield bench.ask("find", "tenant", "op", "none")), None, "an unknown key")


def queues_do_not_know_each_other(bench: Bench) -> Questions:
    """Queues of one store share neither keys nor items nor rules nor pauses."""
    yield bench.rules(max_items=1)
    yield from put(bench, "a")
    answers = yield bench.enqueue(
        bench.new("a", payload=b"other"), bench.new("b"), queue="another"
    )
    same([answer.duplicate for answer in answers], [False, False], "duplicates")
    yield bench.ask("pause")
    items = yield bench.claim(queue="another")
    same([item.payload for item in items], [b"other", b'{"key":"b"}'], "claimed")
    same((yield bench.claim()), [], "claimed from the paused one")
    same(sorted((yield Ask("queues"))), sorted([QUEUE, "another"]), "queues")
    yield from stale(bench, Ack(items[0].hold))
    (settled,) = yield bench.settle(Ack(items[0].hold), queue="another")
    assert settled.accepted, "its own queue did not take the ack"
    yield bench.ask("resume")
    yield from take(bench, "a")


def many_at_once_are_one(bench: Bench) -> Questions:
    """Fifty who enqueue the same at the same time get one item, and know it."""
    asked = [bench.enqueue(bench.new("a")) for _ in range(_AT_ONCE)]
    answers = yield asked
    for answer in answers:
        assert isinstance(answer, list), f"one of many was refused: {answer!r}"
    flat = [each for answer in answers for each in answer]
    same(len({each.seq for each in flat}), 1, "numbers given out")
    same(sum(not each.duplicate for each in flat), 1, "who were the first")
    yield from take(bench, "a")


def outcome_is_kept(bench: Bench) -> Questions:
    """Within its time a key that was done gives its result again; nothing runs."""
    yield bench.enqueue(bench.new("a", keep_result=60))
    item = yield from take_one(bench, "a")
    same((yield bench.ask("ended", item.seq)), None, "the outcome before the end")
    (settled,) = yield from accepted(bench, Ack(item.hold, b'{"id":7}'))
    ended = yield from gone(bench, item.seq, ItemState.DONE)
    same(settled.ended, (ended,), "what the settlement says")
    same(ended.result, b'{"id":7}', "the result")
    same(
        (ended.operation, ended.key_hash), ("op", item.key_hash), "whose outcome it is"
    )
    near(ended.at, bench.clock.time(), "when it ended")
    bench.clock.advance(59)
    (again,) = yield bench.enqueue(bench.new("a", keep_result=60))
    expected = Enqueued(item.seq, ItemState.DONE, duplicate=True, ended=ended)
    same(again, expected, "the second answer")
    found = yield bench.ask("find", "tenant", "op", "a")
    same(found, item.seq, "what is found")
    answer = yield bench.enqueue(bench.new("a", payload=b"x"), refused=KeyReused)
    refused(answer, KeyReused)
    yield from take(bench)


def outcome_is_forgotten(bench: Bench) -> Questions:
    """After its time an outcome is forgotten, purged or not: the key is new."""
    yield bench.enqueue(bench.new("a", keep_result=60))
    item = yield from take_one(bench, "a")
    yield from accepted(bench, Ack(item.hold))
    bench.clock.advance(60)
    same((yield bench.ask("ended", item.seq)), None, "the outcome")
    found = yield bench.ask("find", "tenant", "op", "a")
    same(found, None, "what is found")
    (anew,) = yield bench.enqueue(bench.new("a", payload=b"other"))
    same((anew.duplicate, anew.state), (False, ItemState.READY), "the new one")
    assert anew.seq > item.seq, "the new item has a number of its own"
    yield bench.ask("purge")
    found = yield bench.ask("find", "tenant", "op", "a")
    same(found, anew.seq, "what is found after the purge")
    yield from take(bench, "a")


def purge_forgets_what_is_over(bench: Bench) -> Questions:
    """Purging removes what is past its time, no more than asked, and says how many."""
    for key, keep in (("a", 10), ("b", 10), ("c", 10), ("d", 100), ("e", 0)):
        yield bench.enqueue(bench.new(key, keep_result=keep))
    items = yield from take(bench, "a", "b", "c", "d", "e")
    yield from accepted(bench, *[Ack(item.hold) for item in items])
    same((yield bench.ask("ended", items[4].seq)), None, "kept for 0 s")
    same((yield bench.ask("purge")), 1, "purged at once")
    bench.clock.advance(10)
    same((yield bench.ask("purge", 2)), 2, "purged of three, two at most")
    same((yield bench.ask("purge", limit=100)), 1, "purged of the rest")
    same((yield bench.ask("purge")), 0, "purged again")
    yield from gone(bench, items[3].seq, ItemState.DONE)


def dead_binds_its_key(bench: Bench) -> Questions:
    """A DEAD item is still the one of its key, for as long as it is there."""
    yield from put(bench, "a")
    item = yield from take_one(bench, "a")
    yield from accepted(bench, Fail(item.hold, "rejected", "no such lead"))
    bench.clock.advance(10 * 86400)
    yield bench.ask("purge")
    ended = yield bench.ask("ended", item.seq)
    same((ended.state, ended.reason), (ItemState.DEAD, "rejected"), "how it ended")
    same(ended.error, "no such lead", "what was said")
    (again,) = yield bench.enqueue(bench.new("a"))
    expected = Enqueued(item.seq, ItemState.DEAD, duplicate=True, ended=ended)
    same(again, expected, "the second answer")
    answer = yield bench.enqueue(bench.new("a", payload=b"x"), refused=KeyReused)
    refused(answer, KeyReused)


def all_of_a_request_or_none(bench: Bench) -> Questions:
    """A request that fails at its last item leaves nothing of the others."""
    yield from put(bench, "k", lane="A")
    items = yield bench.ask("items")
    new = [bench.new(f"n{n}", lane="A", entity="e") for n in range(20)]
    bad = bench.new("k", lane="A", payload=b"other")
    refused((yield bench.enqueue(*new, bad, refused=KeyReused)), KeyReused)
    same((yield bench.ask("items")), items, "what is stored")
    for each in new:
        found = yield bench.ask("find", each.scope, each.operation, each.key)
        same(found, None, "a key of the request")
    answers = yield bench.enqueue(*new)
    same({answer.duplicate for answer in answers}, {False}, "the same once more")
    yield from take(bench, "k")


#: In the order of the contract.
IDENTITY = tuple(
    Check(ask)
    for ask in (
        stored_as_it_was_given,
        numbers_grow,
        same_key_is_one_item,
        another_payload_is_refused,
        identity_has_three_parts,
        queues_do_not_know_each_other,
        many_at_once_are_one,
        outcome_is_kept,
        outcome_is_forgotten,
        purge_forgets_what_is_over,
        dead_binds_its_key,
        all_of_a_request_or_none,
    )
)
