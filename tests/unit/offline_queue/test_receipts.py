"""Receipts: what becomes of an action, told to whoever handed it in."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns import connect
from syncpatterns.errors import ConfigurationError, ItemFailed, OutcomeGone, Refusal
from syncpatterns.offline_queue import (
    Done,
    ItemCancelled,
    ItemState,
    OfflineQueue,
)
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.surface import Crm, Facts, Lead, Update, World, states

OP = "leads.update"


@pytest.mark.case("QUE-23", part="surface")
def test_a_key_that_was_done_is_answered_until_it_is_forgotten(
    make: Callable[..., OfflineQueue], crm: Crm, clock: FakeClock, world: World
) -> None:
    """Within keep_results: the stored result, nothing runs; after it: a new item."""
    queue = make(keep_results=60)

    @queue.handler(OP)
    def update(payload: Update, ctx: Any) -> Lead:
        return crm.answer(payload, ctx)

    first = world(queue, "enqueue", update, Update(7, "won"), key="k")
    world.flush(queue)
    again = world(queue, "enqueue", update, Update(7, "won"), key="k")

    assert again.id == first.id
    assert world(again, "wait", 0) == Done(Lead(7, "won"), again)
    assert len(crm.calls) == 1
    clock.advance(61)
    later = world(queue, "enqueue", update, Update(7, "won"), key="k")
    assert later.id != first.id
    assert states(queue, [later.id]) == ["ready"]
    with pytest.raises(OutcomeGone, match="no longer kept"):
        world(first, "wait", 0)
    assert world(first, "state") is None


def test_a_receipt_wakes_whoever_waits() -> None:
    """Blocking and awaiting: told by the commit, not by the next look."""
    queue = OfflineQueue("q", connect("memory://"))

    @queue.handler(OP)
    def update(payload: Update) -> Lead:
        return Lead(payload.lead, payload.status)

    receipt = queue.enqueue(update, Update(7, "won"))
    got: list[Done[Lead]] = []
    waiter = threading.Thread(target=lambda: got.append(receipt.wait(10)))
    waiter.start()
    queue.flush()
    waiter.join(120)

    assert got == [Done(Lead(7, "won"), receipt)]


async def test_a_receipt_wakes_a_task_that_waits() -> None:
    """While the task waits, the loop goes on."""
    queue = OfflineQueue("q", connect("memory://"))

    @queue.handler(OP)
    async def update(payload: Update) -> Lead:
        return Lead(payload.lead, payload.status)

    receipt = await queue.aenqueue(update, Update(7, "won"))
    got: list[Done[Lead]] = []

    async def wait() -> None:
        got.append(await receipt.await_result(10))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await queue.aflush()

    assert got == [Done(Lead(7, "won"), receipt)]


def test_a_receipt_hears_of_another_process(tmp_path: Any) -> None:
    """Nobody rings for what another engine commits: it is looked at again."""
    url = f"sqlite:///{tmp_path}/q.db"
    mine = OfflineQueue("q", connect(url))
    theirs = OfflineQueue("q", connect(url))
    for queue in (mine, theirs):
        queue.handler(OP)(_answer)
    receipt = mine.enqueue(OP, Update(7, "won"))
    worker = threading.Thread(target=theirs.flush)
    worker.start()
    done = receipt.wait(10)
    worker.join()

    assert done.value == Lead(7, "won")


def _answer(payload: Update) -> Lead:
    return Lead(payload.lead, payload.status)


@pytest.mark.parametrize("timeout", [0, 0.05], ids=str)
def test_waiting_ends_in_time(timeout: float, world: World) -> None:
    """It is told that the action still waits; nothing is lost by that."""
    queue = OfflineQueue("q", connect("memory://"))
    queue.handler(OP)(_answer)
    receipt = queue.enqueue(OP, Update(7, "won"))
    with pytest.raises(TimeoutError, match="still queued"):
        world(receipt, "wait", timeout)

    assert states(queue, [receipt.id]) == ["ready"]


def test_a_failure_is_raised_by_its_receipt(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """With how it ended and why; without the key and what was said."""
    crm.script = [Refusal("+49 170 1234567")]
    receipt = queue.enqueue(OP, Update(7, "won"))
    world.flush(queue)
    with pytest.raises(ItemFailed) as failed:
        world(receipt, "wait", 0)

    assert (failed.value.state, failed.value.reason) == ("dead", "rejected")
    assert receipt.key_hash in str(failed.value)
    assert receipt.key not in str(failed.value)
    assert "+49" not in str(failed.value)


def test_a_cancelled_action_never_runs(
    queue: OfflineQueue, crm: Crm, facts: Facts, world: World
) -> None:
    """Taken back once; a second time there is nothing to take."""
    receipt = queue.enqueue(OP, Update(7, "won"))
    first, second = world(receipt, "cancel"), world(receipt, "cancel")
    world.flush(queue)
    with pytest.raises(ItemFailed) as failed:
        world(receipt, "wait", 0)

    assert (first, second) == (True, False)
    assert failed.value.state == "cancelled"
    assert crm.calls == []
    assert [fact.reason for fact in facts.of(ItemCancelled)] == ["by-hand"]


def test_an_expired_action_says_so(
    queue: OfflineQueue, crm: Crm, clock: FakeClock, facts: Facts, world: World
) -> None:
    """It was never sent, and is not worth doing any more."""
    receipt = queue.enqueue(OP, Update(7, "won"), expires_in=60)
    clock.advance(61)
    world.flush(queue)
    with pytest.raises(ItemFailed) as failed:
        world(receipt, "wait", 0)

    assert failed.value.state == "expired"
    assert crm.calls == []
    assert facts.about(receipt.id) == ["ItemEnqueued", "ItemExpired"]


def test_a_receipt_is_found_again_by_its_number(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """A process that starts later has only the number."""
    given = queue.enqueue(OP, Update(7, "won"))
    found = world(queue, "receipt", given.id)
    world.flush(queue)
    ended = world(queue, "receipt", given.id)

    assert found == given
    assert world(ended, "wait", 0).value == Lead(7, "won")
    assert ended.key_hash == given.key_hash
    with pytest.raises(OutcomeGone):
        world(queue, "receipt", 999)


def test_a_result_of_another_release_is_not_shown(tmp_path: Any) -> None:
    """What the handler returned then does not fit what it returns now."""
    path = f"sqlite:///{tmp_path}/q.db"

    def older(payload: str) -> str:
        return payload

    def newer(payload: str) -> int:
        raise AssertionError(payload)

    with connect(path) as engine:
        queue = OfflineQueue("q", engine)
        queue.handler("n.inc")(older)
        first = queue.call("n.inc", "Ada Lovelace", key="k").receipt
    with connect(path) as engine:
        queue = OfflineQueue("q", engine)
        queue.handler("n.inc")(newer)

        with pytest.raises(OutcomeGone, match="cannot be read by this") as caught:
            queue.receipt(first.id).wait(0)
        with pytest.raises(OutcomeGone):
            queue.call("n.inc", "Ada Lovelace", key="k")
    shown = "".join(traceback.format_exception(caught.value))
    assert "Ada" not in shown


def test_a_receipt_shows_no_key(queue: OfflineQueue) -> None:
    """A key in a log could be replayed."""
    receipt = queue.enqueue(OP, Update(7, "won"), key="secret-key")

    assert "secret-key" not in repr(receipt)
    assert receipt.key == "secret-key"


def test_a_timeout_that_is_none_is_refused(queue: OfflineQueue) -> None:
    """Text would wait for ever, or not at all."""
    receipt = queue.enqueue(OP, Update(7, "won"))
    with pytest.raises(ConfigurationError, match="seconds or None"):
        receipt.wait("5")  # type: ignore[arg-type]  # what a caller may get wrong


def test_states_are_those_of_the_item(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """From waiting to done, as the store sees it."""
    first = queue.enqueue(OP, Update(7, "a"))
    second = queue.enqueue(OP, Update(7, "b"))
    later = queue.enqueue(OP, Update(8, "c"), delay=5)

    assert [world(each, "state") for each in (first, second, later)] == [
        ItemState.READY,
        ItemState.WAITING,
        ItemState.SCHEDULED,
    ]
