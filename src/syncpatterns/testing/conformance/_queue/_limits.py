"""Checks of room: what a full queue refuses or drops, and what nobody may store."""

from __future__ import annotations

from typing import Any

from syncpatterns.errors import ConfigurationError, QueueFull, SyncPatternsError
from syncpatterns.offline_queue._core import (
    Ack,
    Coalesce,
    Fail,
    Filter,
    ItemState,
    Nack,
    NewItem,
    Park,
    Release,
)
from syncpatterns.testing.conformance._asking import Ask, Questions, same
from syncpatterns.testing.conformance._queue._bench import (
    QUEUE,
    Bench,
    Check,
    accepted,
    put,
    refused,
    state_of,
    take,
    take_one,
)

_NAN = float("nan")
_EVER = float("inf")
_LARGE = 1024 * 1024
_REFUSALS = (SyncPatternsError, ValueError, OverflowError, TypeError)


def full_queue_refuses(bench: Bench) -> Questions:
    """A full queue refuses the next item, stores nothing of it, and says so."""
    yield bench.rules(max_items=3)
    yield from put(bench, "a", "b")
    answer = yield bench.enqueue(bench.new("c"), bench.new("d"), refused=QueueFull)
    refused(answer, QueueFull, QUEUE, "3")
    same((yield bench.ask("stats")).live, 2, "live items")
    same((yield bench.ask("find", "tenant", "op", "c")), None, "what had fitted")
    yield from put(bench, "c")
    refused((yield bench.enqueue(bench.new("d"), refused=QueueFull)), QueueFull)
    (again,) = yield bench.enqueue(bench.new("a"))
    assert again.duplicate, "a duplicate needs no room"
    item = yield from take_one(bench, "a")
    refused((yield bench.enqueue(bench.new("d"), refused=QueueFull)), QueueFull)
    yield from accepted(bench, Ack(item.hold))
    yield from put(bench, "d")


def bytes_are_limited_too(bench: Bench) -> Questions:
    """Payload bytes of live items are limited; what is DEAD needs no room."""
    yield bench.rules(max_bytes=100)
    yield from put(bench, "a", payload=b"x" * 60)
    big = bench.new("b", payload=b"y" * 41)
    refused((yield bench.enqueue(big, refused=QueueFull)), QueueFull, "100")
    (seq,) = yield from put(bench, "c", payload=b"z" * 40)
    same((yield bench.ask("stats")).bytes, 100, "bytes")
    item = yield from take_one(bench, "a")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    same((yield bench.ask("stats")).bytes, 40, "bytes")
    yield bench.enqueue(big)
    yield bench.ask("cancel", [seq])
    same((yield bench.ask("stats")).bytes, 41, "bytes")
    for overflow in ("reject", "drop_oldest"):
        huge = bench.new("huge", payload=b"h" * 101)
        asked = bench.enqueue(huge, overflow=overflow, refused=QueueFull)
        refused((yield asked), QueueFull)
    same((yield bench.ask("stats")).live, 1, "what was not dropped for nothing")


def drop_oldest_makes_room(bench: Bench) -> Questions:
    """Where the oldest may go, it is DEAD (overflow) and told, and never a held one."""
    yield bench.rules(max_items=3)
    held, oldest, _ = yield from put(bench, "held", "oldest", "kept", lane=None)
    yield from take_one(bench, "held")
    (answer,) = yield bench.enqueue(bench.new("new"), overflow="drop_oldest")
    told = [(each.seq, each.state, each.reason) for each in answer.dropped]
    same(told, [(oldest, ItemState.DEAD, "overflow")], "what had to go")
    item = yield from state_of(bench, oldest, ItemState.DEAD, "overflow")
    same(item.payload, b'{"key":"oldest"}', "its payload")
    yield from state_of(bench, held, ItemState.LEASED)
    yield from take(bench, "kept", "new")
    asked = bench.enqueue(bench.new("x"), overflow="drop_oldest", refused=QueueFull)
    refused((yield asked), QueueFull)


def drop_oldest_keeps_lanes_and_requests(bench: Bench) -> Questions:
    """What is dropped leaves its lane to the next; a request never drops its own."""
    yield bench.rules(max_items=3)
    yield from put(bench, "1", "2", "3", lane="A")
    (answer,) = yield bench.enqueue(bench.new("4", lane="A"), overflow="drop_oldest")
    same(len(answer.dropped), 1, "what had to go")
    item = yield from take_one(bench, "2")
    yield from accepted(bench, Ack(item.hold))
    many = [bench.new(f"m{n}") for n in range(4)]
    before = yield bench.ask("items")
    asked = bench.enqueue(*many, overflow="drop_oldest", refused=QueueFull)
    refused((yield asked), QueueFull)
    same((yield bench.ask("items")), before, "what is stored")
    answers = yield bench.enqueue(*many[:3], overflow="drop_oldest")
    same(sum(len(each.dropped) for each in answers), 2, "what had to go")
    yield from take(bench, "m0", "m1", "m2")


def drop_oldest_under_block(bench: Bench) -> Questions:
    """Under block a dropped head was not done either: it holds its lane."""
    yield bench.rules(max_items=2, on_dead="block")
    head, _ = yield from put(bench, "1", "2", lane="A")
    yield bench.enqueue(bench.new("free"), overflow="drop_oldest")
    yield from take(bench, "free")
    same((yield bench.ask("blocked_lanes")), {"A": head}, "lanes held up")


def coalescing_needs_no_room(bench: Bench) -> Questions:
    """An item that takes another's place is stored in a full queue."""
    yield bench.rules(max_items=1, max_bytes=20)
    last = Coalesce("last_write")
    small, other, large = (
        bench.new(key, payload=b"p" * size, entity="e", coalesce=last)
        for key, size in (("1", 20), ("2", 20), ("3", 21))
    )
    yield bench.enqueue(small)
    (answer,) = yield bench.enqueue(other, overflow="drop_oldest")
    told = [each.state for each in answer.dropped]
    same(told, [ItemState.SUPERSEDED], "what it replaced")
    refused((yield bench.enqueue(large, refused=QueueFull)), QueueFull)
    yield from take(bench, "2")


def exact_under_a_race(bench: Bench) -> Questions:
    """Of many who race for the last places exactly as many get in as there are."""
    yield bench.rules(max_items=10)
    yield from put(bench, *[f"{n}" for n in range(7)])
    asked = [bench.enqueue(bench.new(f"racer {n}")) for n in range(12)]
    answers = yield asked
    refusals = [answer for answer in answers if not isinstance(answer, list)]
    same(len(answers) - len(refusals), 3, "who got in")
    for answer in refusals:
        refused(answer, QueueFull)
    same((yield bench.ask("stats")).live, 10, "live items")


def people_need_no_room(bench: Bench) -> Questions:
    """What is requeued or resumed is never refused for want of room."""
    yield bench.rules(max_items=2)
    yield from put(bench, "a", "b")
    first, second = yield from take(bench, "a", "b")
    yield from accepted(bench, Fail(first.hold, "rejected"), Park(second.hold, "x"))
    yield from put(bench, "c")
    same((yield bench.ask("requeue", [first.seq])), [first.seq], "requeued")
    same((yield bench.ask("stats")).live, 3, "live items")
    refused((yield bench.enqueue(bench.new("d"), refused=QueueFull)), QueueFull)
    yield from take(bench, "a", "c")


def transactions_are_refused_where_there_are_none(bench: Bench) -> Questions:
    """A store without transactions says so, and which engine has them."""
    if bench.capabilities.transactional:
        return
    for asked in (
        Ask(
            "enqueue",
            bench.enqueue(bench.new("a")).args[0],
            tx=object(),
            refused=(ConfigurationError, TypeError),
        ),
        Ask("settle", QUEUE, [], tx=object(), refused=(ConfigurationError, TypeError)),
    ):
        answer = yield asked
        if not isinstance(answer, TypeError):  # the twin for event loops has no tx=
            refused(answer, ConfigurationError, "sqlite")
    same((yield bench.ask("items")), [], "what is stored")


def _hostile(bench: Bench) -> list[NewItem]:
    names = {"nul": "a\x00b", "long": "n" * 10_000, "lines": "a\r\n\t", "sql": "'; --"}
    fields = ("key", "scope", "operation", "target", "lane", "entity")
    items: list[NewItem] = []
    for what, name in names.items():
        for field in fields:
            values: dict[str, Any] = {"key": f"{what} {field}", field: name}
            key = values.pop("key")
            if field == "key":
                key = name
            items.append(bench.new(key, **values))
    items += [
        bench.new("", operation="", scope="", target="", lane="", entity=""),
        bench.new("empty payload", payload=b""),
        bench.new("large", payload=b"\x00\xff" * (_LARGE // 2)),
        bench.new("priority", priority=2**31),
        bench.new("negative", delay=-1.0, keep_result=-1.0, priority=-(2**31)),
        bench.new("never due", delay=_EVER),
        bench.new("kept for ever", keep_result=_EVER),
    ]
    return items


def strange_values_are_kept(bench: Bench) -> Questions:
    """Empty, very long, large and odd values are kept as they are."""
    yield bench.rules(max_bytes=4 * _LARGE)
    for new in _hostile(bench):
        (answer,) = yield bench.enqueue(new)
        item = yield bench.ask("get", answer.seq)
        for field in ("key", "scope", "operation", "target", "lane", "entity"):
            same(getattr(item, field), getattr(new, field), f"{field} of {new.key:.20}")
        assert item.payload == new.payload, f"the payload of {new.key:.20} differs"
        same(item.priority, new.priority, f"priority of {new.key:.20}")
        found = yield bench.ask("find", new.scope, new.operation, new.key)
        same(found, answer.seq, f"what is found for {new.key:.20}")
        listed = yield bench.ask(
            "items", Filter(lane=new.lane or "", target=new.target)
        )
        same(item in listed, new.lane is not None, f"{new.key:.20}, listed by its lane")
    claimed = yield bench.claim()
    same(claimed[0].key, "priority", "what is claimed first")
    staged = yield bench.ask("stage")
    same(staged.next_due, 30.0, "when time changes something")
    yield from accepted(bench, *[Ack(item.hold, b"1") for item in claimed])


def impossible_values_do_no_harm(bench: Bench) -> Questions:
    """What cannot be stored is refused whole, or else stored; the queue goes on."""
    (seq,) = yield from put(bench, "good")
    before = yield bench.ask("get", seq)
    stored = 0
    for field, value in (
        ("delay", _NAN),
        ("expires_in", _NAN),
        ("keep_result", _NAN),
        ("scope", "lone \ud800"),
        ("lane", "lone \udfff"),
        ("target", "lone \ud800"),
        ("operation", "lone \ud800"),
        ("entity", "lone \ud800"),
        ("headers", "lone \ud800"),
        ("priority", 2**70),
    ):
        new = bench.new(f"bad {field}", **{field: value})
        asked = bench.enqueue(bench.new(f"with {field}"), new, refused=_REFUSALS)
        answer = yield asked
        if isinstance(answer, list):
            stored += 2
        else:
            found = yield bench.ask("find", "tenant", "op", f"with {field}")
            same(found, None, f"what came with a bad {field}")
    same((yield bench.ask("get", seq)), before, "the item beside it")
    same((yield bench.ask("stats")).live, 1 + stored, "live items")
    got = yield bench.claim(1000)
    assert before.key in [item.key for item in got], "the good one is not delivered"


def impossible_settlements_do_no_harm(bench: Bench) -> Questions:
    """Delays and leases that are no numbers count as none, or are refused."""
    yield from put(bench, "a")
    for said in (Nack, Release):
        for delay in (_NAN, -5.0):
            item = yield from take_one(bench, "a")
            asked = bench.settle(said(item.hold, delay))
            answer = yield Ask(asked.method, *asked.args, refused=_REFUSALS)
            if not isinstance(answer, list):
                yield from accepted(bench, Release(item.hold))
            yield from state_of(bench, item.seq, ItemState.READY)
    for lease in (_NAN, -5.0, 0.0):
        asked = bench.claim(1, lease)
        answer = yield Ask(asked.method, *asked.args, refused=_REFUSALS)
        yield bench.ask("stage")
        yield from state_of(bench, item.seq, ItemState.READY)
    yield Ask("pause", QUEUE, "default", _NAN, refused=_REFUSALS)
    yield from take(bench, "a")


#: In the order of the contract.
LIMITS = tuple(
    Check(ask)
    for ask in (
        full_queue_refuses,
        bytes_are_limited_too,
        drop_oldest_makes_room,
        drop_oldest_keeps_lanes_and_requests,
        drop_oldest_under_block,
        coalescing_needs_no_room,
        exact_under_a_race,
        people_need_no_room,
        transactions_are_refused_where_there_are_none,
        strange_values_are_kept,
        impossible_values_do_no_harm,
        impossible_settlements_do_no_harm,
    )
)
