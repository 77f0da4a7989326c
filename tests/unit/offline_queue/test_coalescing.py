"""Actions that meet while nobody could be reached, and are made one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns.errors import ConfigurationError, ItemFailed, KeyReused
from syncpatterns.offline_queue import (
    ItemCoalesced,
    OfflineQueue,
    Receipt,
    cancel_pair,
    keep_first,
    last_write,
    merge,
)
from tests.unit.offline_queue.surface import Crm, Facts, Update, World, states


def lane(payload: Any) -> str:
    """Return the lane of a lead."""
    return f"lead:{payload['lead']}"


@pytest.mark.case("QUE-24", part="surface")
def test_the_last_write_of_ten_is_delivered(
    make: Callable[..., OfflineQueue], facts: Facts, world: World
) -> None:
    """1 delivery; all ten receipts resolve with its outcome."""
    queue, seen = make(), list[dict[str, Any]]()

    @queue.handler("leads.status", lane=lane, coalesce=last_write())
    def status(payload: dict[str, Any]) -> int:
        seen.append(payload)
        return int(payload["n"])

    receipts = [world(queue, "enqueue", status, {"lead": 7, "n": n}) for n in range(10)]
    world.flush(queue)

    assert seen == [{"lead": 7, "n": 9}]
    assert [world(each, "wait", 0).value for each in receipts] == [9] * 10
    survivors = [fact.survivor for fact in facts.of(ItemCoalesced)]
    assert survivors == [each.id for each in receipts[1:]]


def test_the_first_of_ten_is_kept(
    make: Callable[..., OfflineQueue], world: World
) -> None:
    """The others end as it does."""
    queue, seen = make(), list[int]()

    @queue.handler("leads.ping", lane=lane, coalesce=keep_first())
    def ping(payload: dict[str, int]) -> int:
        seen.append(payload["n"])
        return payload["n"]

    receipts = [world(queue, "enqueue", ping, {"lead": 7, "n": n}) for n in range(10)]
    world.flush(queue)

    assert seen == [0]
    assert [world(each, "wait", 0).value for each in receipts] == [0] * 10


def test_what_was_sent_is_not_merged(
    make: Callable[..., OfflineQueue], crm: Crm, world: World
) -> None:
    """It may have been applied under its key; another payload would be a lie."""
    queue = make()

    @queue.handler("leads.update", lane=lambda p: "x", coalesce=last_write())
    def update(payload: Update, ctx: Any) -> Any:
        return crm.answer(payload, ctx)

    crm.script = [TimeoutError()]
    first = world(queue, "call", update, Update(7, "new"))
    second = world(queue, "enqueue", update, Update(7, "won"))

    assert states(queue, [first.receipt.id, second.id]) == ["ready", "waiting"]


@pytest.mark.case("QUE-26", part="surface")
def test_what_was_made_and_deleted_offline_is_never_sent(
    make: Callable[..., OfflineQueue], facts: Facts, world: World
) -> None:
    """create, update, delete cancel out; with another action between they do not."""
    queue, seen = make(), list[str]()

    def handle(name: str, **options: Any) -> None:
        @queue.handler(name, lane=lane, entity=lane, **options)
        def handler(payload: dict[str, int]) -> None:
            seen.append(name)

    handle("leads.create")
    handle("leads.update")
    handle("leads.delete", coalesce=cancel_pair("leads.create"))
    queue.handler("notes.add", lane=lane)(_nothing)

    gone = [
        world(queue, "enqueue", f"leads.{what}", {"lead": 1})
        for what in ("create", "update", "delete")
    ]
    kept = [
        world(queue, "enqueue", what, {"lead": 2})
        for what in ("leads.create", "notes.add", "leads.delete")
    ]
    world.flush(queue)

    assert states(queue, [each.id for each in gone]) == ["cancelled"] * 3
    assert states(queue, [each.id for each in kept]) == ["done"] * 3
    assert seen == ["leads.create", "leads.delete"]
    for receipt in gone:
        assert facts.about(receipt.id) == ["ItemEnqueued", "ItemCancelled"]
        with pytest.raises(ItemFailed):
            world(receipt, "wait", 0)


def _nothing(payload: dict[str, int]) -> None:
    del payload


def _patches(make: Callable[..., OfflineQueue], log: list[Any]) -> OfflineQueue:
    queue = make()

    def both(waiting: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        return {**waiting, **new}

    @queue.handler("leads.patch", lane=lane, coalesce=merge(both))
    def patch(payload: dict[str, Any]) -> list[str]:
        log.append(payload)
        return sorted(payload)

    return queue


def test_patches_are_merged_into_one(
    make: Callable[..., OfflineQueue], world: World
) -> None:
    """Ten changes of one thing are one request that says all of them."""
    log: list[Any] = []
    queue = _patches(make, log)
    receipts = [
        world(queue, "enqueue", "leads.patch", {"lead": 7, f"f{n}": n})
        for n in range(10)
    ]
    world.flush(queue)

    assert log == [{"lead": 7} | {f"f{n}": n for n in range(10)}]
    assert {str(world(each, "wait", 0).value) for each in receipts} == {
        str(sorted(log[0]))
    }


def test_a_merged_action_is_found_again_by_its_key(
    make: Callable[..., OfflineQueue], world: World
) -> None:
    """Asked again with the same key and payload it is a duplicate, merged once."""
    log: list[Any] = []
    queue = _patches(make, log)
    queue.enqueue("leads.patch", {"lead": 7, "a": 1})
    second = world(queue, "enqueue", "leads.patch", {"lead": 7, "b": 2}, key="k")
    again = world(queue, "enqueue", "leads.patch", {"lead": 7, "b": 2}, key="k")

    assert again.id == second.id
    with pytest.raises(KeyReused):
        queue.enqueue("leads.patch", {"lead": 7, "b": 3}, key="k")
    world.flush(queue)
    assert log == [{"lead": 7, "a": 1, "b": 2}]


def test_a_merge_that_comes_too_late_is_merged_again(
    make: Callable[..., OfflineQueue],
) -> None:
    """The waiting one moves on while the user's function runs: nothing is lost."""
    queue, log = make(), list[Any]()
    met: list[Any] = []

    def both(waiting: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        met.append(waiting)
        if len(met) == 1:
            queue.flush()  # it is delivered before the merge is stored
        return {**waiting, **new}

    @queue.handler("leads.patch", lane=lane, coalesce=merge(both))
    def patch(payload: dict[str, Any]) -> None:
        log.append(payload)

    queue.enqueue(patch, {"lead": 7, "a": 1})
    queue.enqueue(patch, {"lead": 7, "b": 2})
    queue.flush()

    assert met == [{"lead": 7, "a": 1}]
    assert log == [{"lead": 7, "a": 1}, {"lead": 7, "b": 2}]


def test_a_merge_that_fails_stores_nothing(
    make: Callable[..., OfflineQueue], world: World
) -> None:
    """The caller gets the function's own error; what waits stays as it is."""
    queue = make()

    def both(waiting: Any, new: Any) -> Any:
        raise StopIteration("not these two")

    @queue.handler("leads.patch", lane=lane, coalesce=merge(both))
    def patch(payload: dict[str, Any]) -> None: ...

    first = queue.enqueue(patch, {"lead": 7, "a": 1})
    with pytest.raises((StopIteration, RuntimeError)):
        world(queue, "enqueue", patch, {"lead": 7, "b": 2})

    assert [item.seq for item in queue.items()] == [first.id]


def test_two_that_meet_in_one_commit_are_refused(
    make: Callable[..., OfflineQueue],
) -> None:
    """merge() is asked about what waits, and neither waits yet."""
    queue = _patches(make, [])
    with pytest.raises(ConfigurationError, match="Merge them before"):
        queue.enqueue_many(
            [("leads.patch", {"lead": 7, "a": 1}), ("leads.patch", {"lead": 7, "b": 2})]
        )

    assert queue.items() == []


def test_coalesce_and_after_exclude_each_other(
    make: Callable[..., OfflineQueue],
) -> None:
    """What waits for its parent is another action than what does not."""
    queue = _patches(make, [])
    first: Receipt[Any] = queue.enqueue("leads.patch", {"lead": 7, "a": 1})
    with pytest.raises(ConfigurationError, match="exclude each other"):
        queue.enqueue("leads.patch", {"lead": 7, "b": 2}, after=[first])
