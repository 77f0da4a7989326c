"""A queue that gets its seal, or loses it, while items wait: the order of a lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns.offline_queue import ItemState, OfflineQueue, last_write, merge
from syncpatterns.offline_queue._core import Ack
from syncpatterns.offline_queue._ports import ClaimRequest
from tests.unit.offline_queue.sealed import BOTH, OLD, OP, WRONG, field, raw, seals_in
from tests.unit.offline_queue.surface import Crm, Facts, Lead, Update, World


def put(world: World, queue: OfflineQueue, lead: int, status: str) -> Any:
    """Enqueue an update, and return its receipt."""
    return world(queue, "enqueue", OP, Update(lead, status))


def done(crm: Crm) -> list[str]:
    """Return what was done, in order."""
    return [payload.status for payload, _ in crm.calls]


def test_nobody_overtakes_what_was_stored_in_the_clear(
    engine: Any, crm: Crm, world: World
) -> None:
    """Several wait; more come, by every way in; one lane stays one lane."""
    plain = field(engine, crm)
    for status in ("a", "b", "c"):
        put(world, plain, 7, status)
    queue = field(engine, crm, sealer=OLD)
    put(world, queue, 7, "d")
    called = world(queue, "call", OP, Update(7, "e"))
    world(queue, "enqueue_many", [(OP, Update(7, "f")), (OP, Update(7, "g"))])
    other = put(world, queue, 8, "other")

    assert [item.seq for item in world(queue, "items", lane="lead:7")] == list(
        range(1, 8)
    )
    assert called.reason == "lane"
    assert other.state() is ItemState.READY
    world.flush(queue)
    assert [each for each in done(crm) if each != "other"] == list("abcdefg")


def test_a_plain_head_that_fails_again_and_again_holds_its_lane(
    engine: Any, crm: Crm, world: World, clock: Any
) -> None:
    """SCHEDULED or PARKED, it is still before them; DEAD, it is not."""
    put(world, field(engine, crm), 7, "a")
    queue = field(engine, crm, sealer=OLD, max_attempts=2)
    put(world, queue, 7, "b")
    crm.script = [ValueError(), ValueError()]
    world.flush(queue)
    assert done(crm) == ["a"]
    clock.advance(10)
    world.flush(queue)

    assert done(crm) == ["a", "a", "b"]


@pytest.mark.parametrize("on_dead", ["continue", "cascade", "block"])
def test_what_a_dead_head_means_for_its_lane_is_kept(
    engine: Any, crm: Crm, world: World, on_dead: str
) -> None:
    """Goes on, goes along, or waits until the head was requeued and is done."""
    plain = field(engine, crm, on_dead=on_dead, max_attempts=1)
    first = put(world, plain, 7, "a")
    queue = field(engine, crm, sealer=OLD, on_dead=on_dead, max_attempts=1)
    second = put(world, queue, 7, "b")
    crm.script = [ValueError()]
    world.flush(queue)
    third = put(world, queue, 7, "c")
    world.flush(queue)
    expected = {
        "continue": (["a", "b", "c"], ItemState.DONE, ItemState.DONE),
        "cascade": (["a", "c"], ItemState.DEAD, ItemState.DONE),
        "block": (["a"], ItemState.WAITING, ItemState.WAITING),
    }
    stand = (world(second, "state"), world(third, "state"))

    assert (done(crm), *stand) == expected[on_dead]
    if on_dead == "block":
        assert world(queue, "blocked_lanes") == {"lead:7": first.id}
        world(queue.dead, "requeue", [first])
        world.flush(queue)
        assert done(crm) == ["a", "a", "b", "c"]


def test_a_lane_that_is_blocked_twice_is_named_twice(
    engine: Any, crm: Crm, world: World
) -> None:
    """By a DEAD head of before that lies open, and by one that was sealed."""
    rules = {"on_dead": "block", "max_attempts": 1}
    ids = []
    for sealer in (OLD, None):
        queue = field(engine, crm, sealer=sealer, **rules)
        ids.append(put(world, queue, 7, "a").id)
        crm.script = [ValueError()]
        world.flush(queue)
    lanes = world(field(engine, crm, sealer=OLD, **rules), "blocked_lanes")

    assert sorted(lanes.values()) == sorted(ids)


def test_a_blocked_lane_is_called_by_its_name(
    engine: Any, crm: Crm, world: World
) -> None:
    """For whoever has the key; for others by its pseudonym, and nobody fails."""
    queue = field(engine, crm, sealer=OLD, on_dead="block", max_attempts=1)
    receipt = put(world, queue, 7, "a")
    crm.script = [ValueError()]
    world.flush(queue)
    without = field(engine, crm, sealer=WRONG, on_dead="block")
    (pseudonym,) = world(without, "blocked_lanes")

    assert world(queue, "blocked_lanes") == {"lead:7": receipt.id}
    assert pseudonym == seals_in(queue).lane("lead:7")


@pytest.mark.parametrize("plain_first", [True, False])
def test_the_last_write_wins_among_sealed_ones(
    engine: Any, crm: Crm, world: World, *, plain_first: bool
) -> None:
    """What was stored in the clear is not merged, and comes first."""
    rule = last_write()
    if plain_first:
        put(world, field(engine, crm, coalesce=rule), 7, "a")
    queue = field(engine, crm, sealer=OLD, coalesce=rule)
    for status in ("b", "c", "d"):
        put(world, queue, 7, status)
    world.flush(queue)

    expected = ["a", "d"] if plain_first else ["d"]
    assert done(crm) == expected


def test_merging_goes_on_beside_what_waits_in_the_clear(
    engine: Any, crm: Crm, world: World, clock: Any
) -> None:
    """Also when that has ended between one press and the next."""
    rule = merge(lambda old, new: Update(old.lead, f"{old.status}+{new.status}"))
    put(world, field(engine, crm), 7, "a")
    queue = field(engine, crm, sealer=OLD, coalesce=rule)
    put(world, queue, 7, "b")
    put(world, queue, 7, "c")
    # The plain one ends; the merged one still waits, for it is not asked.
    store = raw(queue)
    (claimed,) = store.claim(ClaimRequest("field", 1, 30.0))
    put(world, queue, 7, "d")
    store.settle("field", [Ack(claimed.hold)])
    put(world, queue, 7, "e")
    world.flush(queue)

    assert done(crm) == ["b+c+d+e"]


def test_a_strict_queue_does_not_look_for_what_lies_open(
    engine: Any, crm: Crm, world: World
) -> None:
    """It would be parked anyway; so nothing waits for it, and nothing is asked."""
    plain = put(world, field(engine, crm), 7, "a")
    queue = field(engine, crm, sealer=OLD, require_sealed=True)
    receipt = put(world, queue, 7, "b")
    world.flush(queue)

    assert done(crm) == ["b"]
    assert raw(queue).parents("field", receipt.id) == {}
    assert world(plain, "state") is ItemState.PARKED


def test_the_seal_taken_off_parks_what_it_had_sealed(
    engine: Any, crm: Crm, world: World, facts: Facts
) -> None:
    """New ones are stored in the clear, and are not held up."""
    sealed = put(world, field(engine, crm, sealer=OLD), 7, "a")
    queue = field(engine, crm, hooks=[facts])
    put(world, queue, 7, "b")
    world.flush(queue)

    assert done(crm) == ["b"]
    assert world(sealed, "state") is ItemState.PARKED
    back = field(engine, crm, sealer=BOTH)
    world(back.parked, "requeue", [sealed])
    world.flush(back)
    assert done(crm) == ["b", "a"]


def test_journalless_calls_see_who_waits_under_either_name(
    engine: Any, crm: Crm, world: World
) -> None:
    """`call(journal=False)` asks the store whether somebody waits in its lane."""
    made: Callable[..., OfflineQueue] = field
    for sealer in (None, OLD):
        put(world, made(engine, crm, sealer=sealer), 7, "waits")
        queue = made(engine, crm, sealer=OLD)
        out = world(queue, "call", OP, Update(7, "now"), journal=False)
        assert type(out).__name__ == "Queued"
        world.flush(queue)

    assert done(crm) == ["waits", "now"] * 2
    assert isinstance(
        world(queue, "call", OP, Update(7, "x"), journal=False).value, Lead
    )
