"""Checks of coalescing: what was never delivered may meet what came later."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from syncpatterns.offline_queue._core import (
    Ack,
    Coalesce,
    Enqueued,
    Fail,
    Item,
    ItemState,
    NewItem,
    Outdated,
    Parent,
    Release,
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

_LAST = Coalesce("last_write")
_FIRST = Coalesce("keep_first")
_PAIR = Coalesce("cancel_pair", creates="create")


def _about(bench: Bench, key: str, how: Coalesce | None = None, **more: Any) -> NewItem:
    """Return an item about the entity "e", in a lane unless told otherwise."""
    more.setdefault("lane", "A")
    more.setdefault("entity", "e")
    return bench.new(key, coalesce=how, **more)


def _one(bench: Bench, new: NewItem) -> Steps[Enqueued]:
    answers: list[Enqueued] = yield bench.enqueue(new)
    return answers[0]


def last_write_wins(bench: Bench) -> Questions:
    """Of ten undelivered writes the last is delivered; ten receipts lead to it."""
    numbers: list[int] = []
    for n in range(10):
        answer = yield from _one(bench, _about(bench, f"{n}", _LAST))
        told = [(each.seq, each.state, each.survivor) for each in answer.dropped]
        superseded = [(numbers[-1], ItemState.SUPERSEDED, answer.seq)] if n else []
        same(told, superseded, f"what write {n} replaced")
        same((answer.state, answer.survivor), (ItemState.READY, 0), f"write {n}")
        numbers.append(answer.seq)
    (item,) = yield from take(bench, "9")
    yield from accepted(bench, Ack(item.hold, b"1"))
    for seq, survivor in pairwise(numbers):
        ended = yield from gone(bench, seq, ItemState.SUPERSEDED)
        same(ended.survivor, survivor, "who took its place")
    yield from gone(bench, numbers[-1], ItemState.DONE)


def last_write_without_a_lane(bench: Bench) -> Questions:
    """Without a lane writes meet all the same: nothing else has an order there."""
    yield from _one(bench, _about(bench, "1", _LAST, lane=None))
    yield from put(bench, "between")
    answer = yield from _one(bench, _about(bench, "2", _LAST, lane=None))
    same(len(answer.dropped), 1, "what was replaced")
    items = yield bench.claim()
    same(sorted(item.key for item in items), ["2", "between"], "what is delivered")


def keep_first_stores_no_second(bench: Bench) -> Questions:
    """Under keep_first the waiting item stays, and stands for the new one too."""
    first = yield from _one(bench, _about(bench, "1", _FIRST))
    second = yield from _one(bench, _about(bench, "2", _FIRST))
    found = (second.state, second.survivor, second.duplicate)
    same(found, (ItemState.SUPERSEDED, first.seq, False), "the second")
    assert second.seq not in (0, first.seq), "its receipt needs a number of its own"
    ended = yield from gone(bench, second.seq, ItemState.SUPERSEDED)
    same((second.ended, ended.survivor), (ended, first.seq), "how it ended")
    again = yield from _one(bench, _about(bench, "2", _FIRST))
    same((again.duplicate, again.survivor), (True, first.seq), "its key again")
    (item,) = yield from take(bench, "1")
    same(item.payload, b'{"key":"1"}', "the payload")


def delivered_items_meet_nobody(bench: Bench) -> Questions:
    """What is held, or may have reached somebody, is left as it is."""
    for how in (_LAST, _FIRST):
        lane = how.how
        yield from _one(bench, _about(bench, f"{lane} 1", how, lane=lane))
        item = yield from take_one(bench, f"{lane} 1")
        answer = yield from _one(bench, _about(bench, f"{lane} 2", how, lane=lane))
        same((answer.state, answer.dropped), (ItemState.WAITING, ()), f"{how} held")
        yield from accepted(bench, Release(item.hold, 500))
        yield bench.ask("cancel", [answer.seq])
        answer = yield from _one(bench, _about(bench, f"{lane} 3", how, lane=lane))
        same((answer.state, answer.dropped), (ItemState.WAITING, ()), f"{how} sent")
        stored = yield from state_of(bench, item.seq, ItemState.SCHEDULED)
        same(stored.payload, item.payload, "payload under a delivered key")


def unsent_again_meets_again(bench: Bench) -> Questions:
    """An item that was claimed and certainly reached nobody takes part again."""
    yield from _one(bench, _about(bench, "1", _LAST))
    item = yield from take_one(bench, "1")
    yield from accepted(bench, Release(item.hold, 5, unsent=True))
    answer = yield from _one(bench, _about(bench, "2", _LAST))
    same([each.seq for each in answer.dropped], [item.seq], "what was replaced")
    yield from take(bench, "2")


def never_across_another(bench: Bench) -> Questions:
    """What lies between in the lane keeps them apart: it could need the order."""
    for how in (_LAST, _FIRST):
        lane = how.how
        yield from _one(bench, _about(bench, f"{lane} 1", how, lane=lane))
        yield from put(bench, f"{lane} other", lane=lane)
        answer = yield from _one(bench, _about(bench, f"{lane} 2", how, lane=lane))
        same((answer.state, answer.dropped), (ItemState.WAITING, ()), f"{how.how}")
        answer = yield from _one(bench, _about(bench, f"{lane} 3", how, lane=lane))
        met = bool(answer.dropped) or answer.survivor > 0
        assert met, f"{how.how}: two next to each other should have met"


def only_the_same_meet(bench: Bench) -> Questions:
    """Another operation, entity or lane, or none, is another thing."""
    yield from _one(bench, _about(bench, "1", _LAST, lane=None))
    for other in (
        _about(bench, "2", _LAST, lane=None, operation="other"),
        _about(bench, "3", _LAST, lane=None, entity="other"),
        _about(bench, "4", _LAST, lane=None, entity=None),
        _about(bench, "5", _LAST, lane="B"),
        _about(bench, "6", None, lane=None),
    ):
        answer = yield from _one(bench, other)
        same((answer.state, answer.dropped), (ItemState.READY, ()), other.key)
    same(len((yield bench.claim())), 6, "what is delivered")


def expired_items_stand_for_nobody(bench: Bench) -> Questions:
    """What is past its age will not be done, so nothing may rely on it."""
    yield from _one(bench, _about(bench, "1", _FIRST, expires_in=10))
    bench.clock.advance(10)
    answer = yield from _one(bench, _about(bench, "2", _FIRST))
    same((answer.survivor, answer.ended), (0, None), "the second")
    yield bench.ask("stage")
    yield from take(bench, "2")


def merged_with_the_expected(bench: Bench) -> Questions:
    """A merged payload takes the place of the item it was merged with, and no other."""
    first = yield from _one(bench, _about(bench, "1"))
    waits: Item = yield bench.ask("waiting", "op", "e", "tenant")
    same(waits.seq, first.seq, "what waits")
    how = Coalesce("replace", expected=waits.seq)
    answer = yield from _one(bench, _about(bench, "2", how))
    same([each.seq for each in answer.dropped], [first.seq], "what was replaced")
    waits = yield bench.ask("waiting", "op", "e", "tenant")
    same(waits.seq, answer.seq, "what waits now")
    yield from take(bench, "2")


def merged_too_late(bench: Bench) -> Questions:
    """If the item has moved on meanwhile, nothing is stored, and that is said."""
    first = yield from _one(bench, _about(bench, "1"))
    late = Coalesce("replace", expected=first.seq)
    item = yield from take_one(bench, "1")
    for step in ("held", "sent", "replaced", "done"):
        if step == "sent":
            yield from accepted(bench, Release(item.hold))
        if step == "replaced":
            yield bench.ask("cancel", [first.seq])
            yield from _one(bench, _about(bench, "other"))
        if step == "done":
            item = yield from take_one(bench, "other")
            yield from accepted(bench, Ack(item.hold))
        before = yield bench.ask("items")
        new = _about(bench, "late", late)
        answer = yield bench.enqueue(bench.new("with"), new, refused=Outdated)
        refused(answer, Outdated)
        same((yield bench.ask("items")), before, f"what is stored, {step}")
        same((yield bench.ask("find", "tenant", "op", "late")), None, step)


def what_waits_to_be_merged(bench: Bench) -> Questions:
    """Asked what waits, a store names only what a new item could take the place of."""
    same((yield bench.ask("waiting", "op", "e", "tenant")), None, "an empty queue")
    first = yield from _one(bench, _about(bench, "1"))
    second = yield from _one(bench, _about(bench, "2"))
    waits = yield bench.ask("waiting", "op", "e", "tenant")
    same(waits.seq, second.seq, "the newest of two")
    same(
        (yield bench.ask("waiting", "other", "e", "tenant")), None, "another operation"
    )
    same((yield bench.ask("waiting", "op", "other", "tenant")), None, "another entity")
    yield bench.ask("cancel", [second.seq])
    (between,) = yield from put(bench, "between", lane="A")
    same(
        (yield bench.ask("waiting", "op", "e", "tenant")),
        None,
        "with another behind it",
    )
    yield bench.ask("cancel", [between])
    waits = yield bench.ask("waiting", "op", "e", "tenant")
    same(waits.seq, first.seq, "without it")
    yield from take(bench, "1")
    same((yield bench.ask("waiting", "op", "e", "tenant")), None, "while it is held")


def _crud(bench: Bench, *operations: str, **more: Any) -> Steps[list[Enqueued]]:
    answers: list[Enqueued] = []
    for n, operation in enumerate(operations):
        how = _PAIR if operation == "delete" else None
        key = f"{n} {operation}"
        new = _about(bench, key, how, operation=operation, **more)
        answers.append((yield from _one(bench, new)))
    return answers


def created_and_deleted_cancel_out(bench: Bench) -> Questions:
    """Create, update and delete that nobody saw yet come to nothing, all CANCELLED."""
    for lane in ("A", None):
        answers = yield from _crud(bench, "create", "update", "delete", lane=lane)
        create, update, delete = answers
        dropped = [each.seq for each in delete.dropped]
        same(dropped, [create.seq, update.seq], "what was cancelled")
        same(delete.state, ItemState.CANCELLED, "the delete itself")
        for answer in answers:
            ended = yield from gone(
                bench, answer.seq, ItemState.CANCELLED, "cancel-pair"
            )
            if answer is delete:
                same(answer.ended, ended, "how the delete ended")
        yield from take(bench)
        bench.clock.advance(86400)
        yield bench.ask("purge")


def pair_begins_at_the_create(bench: Bench) -> Questions:
    """Only the run from the create on cancels out; what was before is delivered."""
    answers = yield from _crud(bench, "update", "create", "update", "delete")
    same(
        [each.seq for each in answers[3].dropped], [a.seq for a in answers[1:3]], "run"
    )
    yield from take(bench, "0 update")


def broken_run_is_not_cancelled(bench: Bench) -> Questions:
    """Without a create, with one that was sent, or across another: nothing cancels."""
    (update, delete) = yield from _crud(bench, "update", "delete", lane="no create")
    same((delete.state, delete.dropped), (ItemState.WAITING, ()), "without a create")
    yield bench.ask("cancel", [update.seq, delete.seq])
    bench.clock.advance(86400)
    (create,) = yield from _crud(bench, "create", lane="sent")
    item = yield from take_one(bench, "0 create")
    yield from accepted(bench, Release(item.hold, 500))
    new = _about(bench, "d", _PAIR, operation="delete", lane="sent")
    answer = yield from _one(bench, new)
    same((answer.state, answer.dropped), (ItemState.WAITING, ()), "after it was sent")
    yield bench.ask("cancel", [create.seq, answer.seq])
    bench.clock.advance(86400)
    yield from _crud(bench, "create", "update", lane="between")
    yield from put(bench, "other", lane="between")
    new = _about(bench, "d2", _PAIR, operation="delete", lane="between")
    answer = yield from _one(bench, new)
    same((answer.state, answer.dropped), (ItemState.WAITING, ()), "across another")
    yield from take(bench, "0 create")


def _breaks(bench: Bench, what: str) -> Steps[None]:
    delete = _about(bench, what, _PAIR, operation="delete", lane=None)
    answer = yield from _one(bench, delete)
    same((answer.state, answer.dropped), (ItemState.READY, ()), what)
    yield bench.ask("cancel", [answer.seq])


def sent_between_breaks_a_pair(bench: Bench) -> Questions:
    """An update that may have reached somebody keeps its create, also without a lane.

    Or the create and the delete would come to nothing, and the update would stand
    alone over there.
    """
    create = yield from _one(bench, _about(bench, "c", lane=None, operation="create"))
    how: dict[str, Any] = {"lane": None, "operation": "update", "priority": 9}
    update = yield from _one(bench, _about(bench, "u", **how))
    item = yield from take_one(bench, "u")
    yield from _breaks(bench, "while somebody has it")
    yield from accepted(bench, Release(item.hold, 500))
    yield from _breaks(bench, "when it is to be sent again")
    yield bench.ask("cancel", [update.seq])
    delete = _about(bench, "d", _PAIR, operation="delete", lane=None)
    answer = yield from _one(bench, delete)
    same([each.seq for each in answer.dropped], [create.seq], "without the update")


def pair_without_a_lane_goes_by_places(bench: Bench) -> Questions:
    """What replaced another stands where that one stood; the run is all behind it."""
    how: dict[str, Any] = {"lane": None, "operation": "create"}
    yield from _one(bench, _about(bench, "c1", **how))
    update = yield from _one(bench, _about(bench, "u", lane=None, operation="update"))
    create = yield from _one(bench, _about(bench, "c2", _LAST, **how))
    delete = _about(bench, "d", _PAIR, operation="delete", lane=None)
    answer = yield from _one(bench, delete)
    dropped = [each.seq for each in answer.dropped]
    same(dropped, [create.seq, update.seq], "what was cancelled")


def dead_create_is_no_pair(bench: Bench) -> Questions:
    """Nothing cancels out with a DEAD item that holds its lane: it is looked at."""
    yield bench.rules(on_dead="block")
    (parent,) = yield from put(bench, "parent")
    new = _about(bench, "c", operation="create", parents=(Parent(parent),))
    create = yield from _one(bench, new)
    item = yield from take_one(bench, "parent")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    yield from state_of(bench, create.seq, ItemState.DEAD, "parent")
    answer = yield from _one(bench, _about(bench, "d", _PAIR, operation="delete"))
    same((answer.state, answer.dropped), (ItemState.WAITING, ()), "the delete")
    yield from state_of(bench, create.seq, ItemState.DEAD, "parent")


def children_follow_the_survivor(bench: Bench) -> Questions:
    """Who waits for an item that was superseded waits for the one in its place."""
    first = yield from _one(bench, _about(bench, "1", _LAST))
    child = bench.new("child", parents=(Parent(first.seq),))
    born = yield from _one(bench, child)
    second = yield from _one(bench, _about(bench, "2", _LAST))
    late = bench.new("late child", parents=(Parent(first.seq),))
    (late_born,) = yield bench.enqueue(late)
    for seq in (born.seq, late_born.seq):
        yield from state_of(bench, seq, ItemState.WAITING)
    item = yield from take_one(bench, "2")
    yield from accepted(bench, Ack(item.hold, b'{"id":2}'))
    for seq in (born.seq, late_born.seq):
        parents = yield bench.ask("parents", seq)
        same(list(parents), [first.seq], "whose outcome it gets")
        ended = parents[first.seq]
        found = (ended.state, ended.result, ended.seq)
        same(found, (ItemState.DONE, b'{"id":2}', second.seq), "the outcome")
    yield from take(bench, "child", "late child")


def survivor_of_a_held_child(bench: Bench) -> Questions:
    """Who takes the place of a child whose parent is DEAD goes by its own policy."""
    (parent,) = yield from put(bench, "parent")
    edge = Parent(parent, "hold")
    held = yield from _one(bench, _about(bench, "1", _LAST, parents=(edge,)))
    item = yield from take_one(bench, "parent")
    yield from accepted(bench, Fail(item.hold, "rejected"))
    yield from state_of(bench, held.seq, ItemState.WAITING)
    edge = Parent(parent, "cascade")
    answer = yield from _one(bench, _about(bench, "2", _LAST, parents=(edge,)))
    same([each.seq for each in answer.dropped], [held.seq], "what was replaced")
    yield from state_of(bench, answer.seq, ItemState.DEAD, "parent")
    edge = Parent(parent, "hold")
    held = yield from _one(bench, _about(bench, "3", _LAST, parents=(edge,)))
    edge = Parent(parent, "run")
    answer = yield from _one(bench, _about(bench, "4", _LAST, parents=(edge,)))
    same([each.seq for each in answer.dropped], [held.seq], "what was replaced")
    yield from take(bench, "4")


def never_across_scopes(bench: Bench) -> Questions:
    """What another tenant calls by the same name is another thing, in any lane."""
    for lane in (None, "A"):
        mine = yield from _one(bench, _about(bench, f"mine {lane}", lane=lane))
        theirs: dict[str, Any] = {"lane": lane, "scope": "other"}
        for how in (_LAST, _FIRST, Coalesce("replace", expected=mine.seq), _PAIR):
            new = _about(bench, f"{how.how} {lane}", how, **theirs)
            if how.how == "replace":
                refused((yield bench.enqueue(new, refused=Outdated)), Outdated, "op")
                continue
            answer = yield from _one(bench, new)
            same((answer.dropped, answer.survivor), ((), 0), f"met by {how.how}")
            yield bench.ask("cancel", [answer.seq])
        waits = yield bench.ask("waiting", "op", "e", "other")
        same(waits, None, "what others could be merged with")
        waits = yield bench.ask("waiting", "op", "e", "tenant")
        same(waits.seq, mine.seq, "what it could be merged with")
        yield bench.ask("cancel", [mine.seq])


def pairs_stay_within_a_scope(bench: Bench) -> Questions:
    """What one tenant deletes was made by that tenant, and cancels nobody else's."""
    for lane in (None, "A"):
        made: dict[str, Any] = {"operation": "create", "lane": lane}
        theirs = yield from _one(bench, _about(bench, f"theirs {lane}", **made))
        gone_too: dict[str, Any] = {"operation": "delete", "lane": lane}
        gone_too["scope"] = "other"
        answer = yield from _one(bench, _about(bench, f"-1 {lane}", _PAIR, **gone_too))
        same((answer.dropped, answer.ended), ((), None), "what cancelled out")
        mine = _about(bench, f"mine {lane}", scope="other", **made)
        yield from _one(bench, mine)
        answer = yield from _one(bench, _about(bench, f"-2 {lane}", _PAIR, **gone_too))
        same([each.seq for each in answer.dropped][-1:], [answer.seq - 1], "the pair")
        yield bench.ask("cancel", list(range(theirs.seq, answer.seq + 1)))


#: In the order of the contract.
MEETINGS = tuple(
    Check(ask)
    for ask in (
        last_write_wins,
        last_write_without_a_lane,
        keep_first_stores_no_second,
        delivered_items_meet_nobody,
        unsent_again_meets_again,
        never_across_another,
        never_across_scopes,
        pairs_stay_within_a_scope,
        only_the_same_meet,
        expired_items_stand_for_nobody,
        merged_with_the_expected,
        merged_too_late,
        what_waits_to_be_merged,
        created_and_deleted_cancel_out,
        pair_begins_at_the_create,
        broken_run_is_not_cancelled,
        sent_between_breaks_a_pair,
        pair_without_a_lane_goes_by_places,
        dead_create_is_no_pair,
        children_follow_the_survivor,
        survivor_of_a_held_child,
    )
)
