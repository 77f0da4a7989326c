"""Checks of parents: a child waits, gets their results, and shares a bad end."""

from __future__ import annotations

from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import (
    Ack,
    Enqueued,
    Fail,
    ItemState,
    Parent,
    ParentPolicy,
    Replace,
)
from syncpatterns.testing.conformance._asking import Questions, Steps, same
from syncpatterns.testing.conformance._queue._bench import (
    Bench,
    Check,
    accepted,
    gone,
    put,
    refused,
    state_of,
    take,
    take_one,
)

#: Deeper than Python, and the triggers of SQLite, may call themselves.
_DEEP = 1200


def _child(
    bench: Bench, key: str, *parents: int, policy: ParentPolicy = "cascade"
) -> Steps[Enqueued]:
    edges = tuple(Parent(seq, policy) for seq in parents)
    answers: list[Enqueued] = yield bench.enqueue(bench.new(key, parents=edges))
    return answers[0]


def child_waits_for_all_its_parents(bench: Bench) -> Questions:
    """A child is delivered when every parent is DONE, and can see their results."""
    one, two = yield from put(bench, "one", "two")
    child = yield from _child(bench, "child", one, two)
    same(child.state, ItemState.WAITING, "the child")
    item = yield from state_of(bench, child.seq, ItemState.WAITING)
    same(item.blocked, 2, "parents that it waits for")
    same((yield bench.ask("parents", child.seq)), {}, "outcomes of its parents")
    first, second = yield from take(bench, "one", "two")
    yield from accepted(bench, Ack(first.hold, b'{"id":1}'))
    item = yield from state_of(bench, child.seq, ItemState.WAITING)
    same(item.blocked, 1, "parents that it waits for")
    yield from take(bench)
    yield from accepted(bench, Ack(second.hold, b'{"id":2}'))
    item = yield from take_one(bench, "child")
    parents = yield bench.ask("parents", child.seq)
    results = {seq: ended.result for seq, ended in parents.items()}
    same(results, {one: b'{"id":1}', two: b'{"id":2}'}, "results of its parents")


def results_outlive_their_time(bench: Bench) -> Questions:
    """A child keeps its parent's result, also when the outcome itself is forgotten."""
    (answer,) = yield bench.enqueue(bench.new("parent", keep_result=10))
    other, third = yield from put(bench, "other", "third")
    child = yield from _child(bench, "child", answer.seq, other)
    parent, item, last = yield from take(bench, "parent", "other", "third")
    yield from accepted(bench, Ack(parent.hold, b'{"id":1}'))
    bench.clock.advance(10)
    yield bench.ask("purge")
    same((yield bench.ask("ended", answer.seq)), None, "the outcome")
    yield from accepted(bench, Ack(item.hold), Ack(last.hold))
    parents = yield bench.ask("parents", child.seq)
    same(parents[answer.seq].result, b'{"id":1}', "the parent's result")
    assert third not in parents, "a result of somebody else's parent"
    yield from take(bench, "child")


def parent_that_is_done_is_not_waited_for(bench: Bench) -> Questions:
    """A parent that was DONE before the child came gives its result at once."""
    yield from put(bench, "parent")
    item = yield from take_one(bench, "parent")
    yield from accepted(bench, Ack(item.hold, b"7"))
    child = yield from _child(bench, "child", item.seq)
    same(child.state, ItemState.READY, "the child")
    parents = yield bench.ask("parents", child.seq)
    same(parents[item.seq].result, b"7", "the parent's result")
    yield from take(bench, "child")


def _dead_parent(
    bench: Bench, policy: ParentPolicy
) -> Steps[tuple[int, Enqueued, tuple[int, ...]]]:
    """Return parent, child, and the children that ended with the parent."""
    (seq,) = yield from put(bench, "parent")
    child = yield from _child(bench, "child", seq, policy=policy)
    item = yield from take_one(bench, "parent")
    (settled,) = yield from accepted(bench, Fail(item.hold, "rejected"))
    return seq, child, tuple(ended.seq for ended in settled.ended[1:])


def dead_parent_takes_its_child_along(bench: Bench) -> Questions:
    """Under cascade the child of a DEAD parent is DEAD too, and its own children."""
    (seq,) = yield from put(bench, "parent")
    child = yield from _child(bench, "child", seq)
    grandchild = yield from _child(bench, "grandchild", child.seq)
    item = yield from take_one(bench, "parent")
    (settled,) = yield from accepted(bench, Fail(item.hold, "rejected"))
    told = [each.seq for each in settled.ended]
    same(told, [seq, child.seq, grandchild.seq], "who ended")
    for each in (child, grandchild):
        yield from state_of(bench, each.seq, ItemState.DEAD, "parent")


def dead_parent_holds_its_child(bench: Bench) -> Questions:
    """Under hold the child waits on, and runs once the parent was requeued and DONE."""
    seq, child, along = yield from _dead_parent(bench, "hold")
    same(along, (), "who ended with the parent")
    yield from state_of(bench, child.seq, ItemState.WAITING)
    yield from take(bench)
    same((yield bench.ask("requeue", [seq])), [seq], "requeued")
    item = yield from take_one(bench, "parent")
    yield from accepted(bench, Ack(item.hold, b"7"))
    parents = yield bench.ask("parents", child.seq)
    same(parents[seq].result, b"7", "the parent's result")
    yield from take(bench, "child")


def dead_parent_lets_its_child_run(bench: Bench) -> Questions:
    """Under run the child goes on without its parent, and can see how that ended."""
    seq, child, along = yield from _dead_parent(bench, "run")
    same(along, (), "who ended with the parent")
    yield from take(bench, "child")
    parents = yield bench.ask("parents", child.seq)
    same(parents[seq].state, ItemState.DEAD, "how the parent ended")


def every_bad_end_counts(bench: Bench) -> Questions:
    """EXPIRED or CANCELLED: a parent that ended undone takes its children along."""
    numbers = yield from put(bench, "expired", "cancelled", "parked", expires_in=60)
    children: list[int] = []
    for seq in numbers:
        child = yield from _child(bench, f"child of {seq}", seq)
        children.append(child.seq)
    cancelled = yield bench.ask("cancel", [numbers[1]])
    same([each.seq for each in cancelled], [numbers[1], children[1]], "cancelled")
    bench.clock.advance(60)
    staged = yield bench.ask("stage")
    told = {each.seq for each in staged.ended}
    same(told, {numbers[0], children[0], numbers[2], children[2]}, "by age")
    for seq in children:
        yield from state_of(bench, seq, ItemState.DEAD, "parent")


def bad_end_before_the_child_came(bench: Bench) -> Questions:
    """A parent that had ended badly decides at once, as the child's policy says."""
    dead, expired = yield from put(bench, "dead", "expired", expires_in=60)
    item = yield from take_one(bench, "dead")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    bench.clock.advance(60)
    yield bench.ask("stage")
    for seq in (dead, expired):
        child = yield from _child(bench, f"cascade {seq}", seq)
        same(
            (child.state, child.ended.reason if child.ended else ""),
            (ItemState.DEAD, "parent"),
            "under cascade",
        )
        yield from state_of(bench, child.seq, ItemState.DEAD, "parent")
        child = yield from _child(bench, f"hold {seq}", seq, policy="hold")
        same(child.state, ItemState.WAITING, "under hold")
        child = yield from _child(bench, f"run {seq}", seq, policy="run")
        same(child.state, ItemState.READY, "under run")
        parents = yield bench.ask("parents", child.seq)
        same(list(parents), [seq], "whose end it sees")
    yield from take(bench, f"run {dead}", f"run {expired}")


def unknown_parent_is_refused(bench: Bench) -> Questions:
    """A parent that nobody knows, or no longer, is a mistake; nothing is stored."""
    (answer,) = yield bench.enqueue(bench.new("forgotten", keep_result=1))
    item = yield from take_one(bench, "forgotten")
    yield from accepted(bench, Ack(item.hold))
    bench.clock.advance(1)
    for seq in (answer.seq, answer.seq + 1000, 0, -1):
        new = bench.new("child", parents=(Parent(seq),))
        answer_ = yield bench.enqueue(bench.new("x"), new, refused=ConfigurationError)
        refused(answer_, ConfigurationError, "op")
        same((yield bench.ask("items")), [], "what is stored")


def child_waits_in_its_lane(bench: Bench) -> Questions:
    """A child that is the head of its lane holds it until its parents are DONE."""
    (parent,) = yield from put(bench, "parent")
    edge = (Parent(parent),)
    yield from put(bench, "child", lane="A", parents=edge)
    yield from put(bench, "behind", lane="A")
    item = yield from take_one(bench, "parent")
    yield from take(bench)
    yield from accepted(bench, Ack(item.hold))
    item = yield from take_one(bench, "child")
    yield from take(bench)
    yield from accepted(bench, Ack(item.hold))
    yield from take(bench, "behind")


def child_waits_for_lane_and_parent(bench: Bench) -> Questions:
    """A child behind others waits for both, whichever is over first; then its delay."""
    (parent,) = yield from put(bench, "parent", priority=1)
    yield from put(bench, "head", lane="A")
    edge = (Parent(parent),)
    (child,) = yield from put(bench, "child", lane="A", parents=edge, delay=60)
    first, head = yield from take(bench, "parent", "head", lease=100)
    yield from accepted(bench, Ack(first.hold))
    yield from state_of(bench, child, ItemState.WAITING)
    yield from accepted(bench, Ack(head.hold))
    yield from state_of(bench, child, ItemState.SCHEDULED)
    bench.clock.advance(60)
    yield from take(bench, "child")


def requeued_child_runs(bench: Bench) -> Questions:
    """A requeued child waits for a parent that lives again, not for one that ended."""
    seq, child, _ = yield from _dead_parent(bench, "cascade")
    numbers = [child.seq, seq]
    requeued = yield bench.ask("requeue", numbers)
    same(sorted(requeued), sorted(numbers), "requeued")
    yield from state_of(bench, child.seq, ItemState.WAITING)
    item = yield from take_one(bench, "parent")
    yield from accepted(bench, Ack(item.hold, b"1"))
    item = yield from take_one(bench, "child")
    yield from accepted(bench, Ack(item.hold))
    (lost,) = yield from put(bench, "lost")
    orphan = yield from _child(bench, "orphan", lost)
    yield bench.ask("cancel", [lost])
    yield from state_of(bench, orphan.seq, ItemState.DEAD, "parent")
    same((yield bench.ask("requeue", [orphan.seq])), [orphan.seq], "requeued")
    yield from take(bench, "orphan")


def children_follow_a_replacement(bench: Bench) -> Questions:
    """Who waits for an item that was replaced waits for its replacement."""
    (seq,) = yield from put(bench, "parent")
    child = yield from _child(bench, "child", seq)
    item = yield from take_one(bench, "parent")
    (settled,) = yield from accepted(bench, Replace(item.hold, bench.new("new")))
    yield from state_of(bench, child.seq, ItemState.WAITING)
    item = yield from take_one(bench, "new")
    yield from accepted(bench, Ack(item.hold, b"9"))
    parents = yield bench.ask("parents", child.seq)
    same((list(parents), parents[seq].result), ([seq], b"9"), "the parent's result")
    same(parents[seq].seq, settled.seq, "whose result it is")
    yield from take(bench, "child")


def deep_families_end(bench: Bench) -> Questions:
    """However long a chain of children is, its end reaches the last of them."""
    yield bench.rules(max_items=_DEEP + 1, durability="normal")
    (first,) = yield from put(bench, "0")
    last = first
    for n in range(1, _DEEP):
        child = yield from _child(bench, f"{n}", last)
        last = child.seq
    ended = yield bench.ask("cancel", [first])
    same(len(ended), _DEEP, "how many ended")
    yield from gone(bench, first, ItemState.CANCELLED, "by-hand")
    yield from state_of(bench, last, ItemState.DEAD, "parent")


def parent_stays_before_its_child(bench: Bench) -> Questions:
    """An item that others wait for keeps its place, also when the tail is asked for.

    Behind its child in their lane it would wait for the child, and the child for it.
    """
    (parent,) = yield from put(bench, "parent", lane="A")
    edge = (Parent(parent, "hold"),)
    (child,) = yield from put(bench, "child", lane="A", parents=edge)
    yield from put(bench, "last", lane="A")
    item = yield from take_one(bench, "parent")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    same((yield bench.ask("requeue", [parent], tail=True)), [parent], "requeued")
    yield from state_of(bench, child, ItemState.WAITING)
    for key in ("parent", "child", "last"):
        item = yield from take_one(bench, key)
        yield from accepted(bench, Ack(item.hold))


#: In the order of the contract.
PARENTS = tuple(
    Check(ask)
    for ask in (
        child_waits_for_all_its_parents,
        results_outlive_their_time,
        parent_that_is_done_is_not_waited_for,
        dead_parent_takes_its_child_along,
        dead_parent_holds_its_child,
        dead_parent_lets_its_child_run,
        every_bad_end_counts,
        bad_end_before_the_child_came,
        unknown_parent_is_refused,
        child_waits_in_its_lane,
        child_waits_for_lane_and_parent,
        requeued_child_runs,
        parent_stays_before_its_child,
        children_follow_a_replacement,
        deep_families_end,
    )
)
