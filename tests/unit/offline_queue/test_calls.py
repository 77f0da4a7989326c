"""`call`: now if it can be, else later, under one key."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns import CircuitBreaker, connect
from syncpatterns.errors import (
    InProgress,
    ItemFailed,
    KeyInvalid,
    KeyReused,
    NoAnswer,
    NotPermitted,
    NotSent,
    OutcomeUnknown,
    Refusal,
    SignInRequired,
)
from syncpatterns.offline_queue import (
    Done,
    ItemState,
    OfflineQueue,
    Queued,
)
from syncpatterns.testing import FakeClock
from tests.timing import at_best
from tests.unit.offline_queue.surface import Crm, Facts, Lead, Update, World

OP = "leads.update"


@pytest.mark.case("QUE-35", part="online")
def test_what_can_be_done_is_done_and_leaves_nothing_behind(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """Online: the handler's own value, and an empty queue."""
    out = world(queue, "call", OP, Update(7, "won"))

    assert isinstance(out, Done)
    assert out.value == Lead(7, "won")
    assert out.receipt.state() is ItemState.DONE
    assert queue.stats().live == 0
    assert len(crm.calls) == 1


@pytest.mark.case("QUE-35", part="offline")
def test_offline_it_is_stored_at_once_and_later_done_under_its_key(
    queue: OfflineQueue, crm: Crm, clock: FakeClock, world: World
) -> None:
    """Refused connections use no attempt; the key of the first try stays."""
    crm.script = [ConnectionRefusedError()]
    out = world(queue, "call", OP, Update(7, "won"))

    assert isinstance(out, Queued)
    assert out.reason == "not-sent"
    item = queue.get(out.receipt.id)
    assert item is not None
    assert (item.attempts, item.sent_at) == (0, None)

    later: list[Queued[Any]] = []

    def another() -> float:
        began = time.perf_counter()
        stored = queue.call(OP, Update(8 + len(later), "won"))
        seconds = time.perf_counter() - began
        # Known to be away: only stored, the service is not asked.
        assert isinstance(stored, Queued)
        later.append(stored)
        return seconds

    assert at_best(another, 0.05) < 0.05
    assert {stored.reason for stored in later} == {"offline"}
    assert len(crm.calls) == 1

    clock.advance(60)
    world.flush(queue)
    assert world(out.receipt, "wait", 0).value == Lead(7, "won")
    assert crm.keys[1:] == [each.receipt.key for each in (out, *later)]


@pytest.mark.case("QUE-35", part="lane")
def test_a_lane_that_is_not_empty_is_not_overtaken(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """Others wait before it: stored without a try; another lane is tried."""
    queue.enqueue(OP, Update(7, "new"))
    behind = world(queue, "call", OP, Update(7, "won"))
    beside = world(queue, "call", OP, Update(8, "won"))

    assert isinstance(behind, Queued)
    assert behind.reason == "lane"
    assert isinstance(beside, Done)
    assert [payload.lead for payload, _ in crm.calls] == [8]


@pytest.mark.case("QUE-35", part="timeout")
@pytest.mark.parametrize("lost", [TimeoutError, NoAnswer, ConnectionResetError])
def test_an_answer_that_is_lost_is_asked_for_under_the_same_key(
    queue: OfflineQueue,
    crm: Crm,
    clock: FakeClock,
    lost: type[Exception],
    world: World,
) -> None:
    """It may have been done: 1 effect in the end, whatever had happened."""
    crm.script = [lost()]
    out = world(queue, "call", OP, Update(7, "won"))
    crm.effects[out.receipt.key] = Update(7, "won")  # it had, before the line broke

    assert isinstance(out, Queued)
    assert out.reason == "no-answer"
    assert queue.receipt(out.receipt.id).state() is ItemState.READY
    clock.advance(60)
    world.flush(queue)
    assert crm.keys == [out.receipt.key] * 2
    assert crm.effects == {out.receipt.key: Update(7, "won")}
    second = crm.calls[1][1]
    assert (second.attempt, second.deliveries, second.age) == (1, 2, 60.0)


def test_mode_queue_never_tries(queue: OfflineQueue, crm: Crm, world: World) -> None:
    """It is for a drain alone."""
    out = world(queue, "call", OP, Update(7, "won"), mode="queue")

    assert isinstance(out, Queued)
    assert out.reason == "asked"
    assert crm.calls == []


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (ConnectionRefusedError(), ConnectionRefusedError),
        (NoAnswer(), NoAnswer),
        (ValueError("500"), ValueError),
        (Refusal("no"), Refusal),
        (OutcomeUnknown(), OutcomeUnknown),
    ],
)
def test_mode_online_raises_and_leaves_nothing(
    queue: OfflineQueue,
    crm: Crm,
    raised: Exception,
    seen: type[Exception],
    world: World,
    facts: Facts,
) -> None:
    """Whoever says online wants to know now, and asks again by hand."""
    crm.script = [raised]
    with pytest.raises(seen):
        world(queue, "call", OP, Update(7, "won"), mode="online")

    assert queue.stats().live == 0
    assert facts.names[-1] in {"ItemDiscarded", "ItemDead", "TargetOffline"}


def test_mode_online_does_not_wait_behind_others(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """What would only be queued is taken back, and said so."""
    first = queue.enqueue(OP, Update(7, "new"))
    with pytest.raises(NotSent, match="not done and not queued"):
        world(queue, "call", OP, Update(7, "won"), mode="online")
    with pytest.raises(InProgress, match="in the queue"):
        world(queue, "call", OP, Update(7, "new"), mode="online", key=first.key)

    assert crm.calls == []
    assert [item.seq for item in queue.items()] == [first.id]


def test_mode_online_knows_that_a_target_is_away(queue: OfflineQueue, crm: Crm) -> None:
    """A target that was just found away is not asked."""
    crm.script = [ConnectionRefusedError()]
    queue.call(OP, Update(7, "won"))
    with pytest.raises(NotSent, match="not being asked"):
        queue.call(OP, Update(8, "won"), mode="online")

    assert len(crm.calls) == 1


def test_a_refusal_is_raised_and_kept(
    make: Callable[..., OfflineQueue], queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """The caller gets the handler's own error; the payload is kept DEAD."""
    crm.script = [Refusal("no such lead")]
    with pytest.raises(Refusal, match="no such lead"):
        world(queue, "call", OP, Update(7, "won"))
    (dead,) = queue.dead.list()

    assert (dead.reason, dead.payload) == ("rejected", b'{"lead":7,"status":"won"}')


def test_a_refusal_is_not_kept_where_nothing_is(
    make: Callable[..., OfflineQueue], crm: Crm, facts: Facts, world: World
) -> None:
    """``keep_failed=False``: whoever calls has the error, and that is all."""
    queue = make(keep_failed=False)

    @queue.handler(OP)
    def update(payload: Update, ctx: Any) -> Lead:
        return crm.answer(payload, ctx)

    crm.script = [Refusal("no")]
    with pytest.raises(Refusal):
        world(queue, "call", update, Update(7, "won"))

    assert queue.dead.list() == []
    assert facts.names == ["ItemEnqueued", "ItemDiscarded"]


@pytest.mark.parametrize("error", [NotPermitted(), OutcomeUnknown()])
def test_what_somebody_must_look_at_is_raised_and_parked(
    queue: OfflineQueue, crm: Crm, error: Exception, world: World
) -> None:
    """The word queued would promise that it is done one day."""
    crm.script = [error]
    with pytest.raises(type(error)):
        world(queue, "call", OP, Update(7, "won"))

    assert [item.state for item in queue.parked.list()] == [ItemState.PARKED]


def test_whoever_is_signed_out_has_queued_it(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """It is delivered as soon as somebody signs in and resumes."""
    crm.script = [SignInRequired()]
    out = world(queue, "call", OP, Update(7, "won"))
    later = world(queue, "call", OP, Update(8, "won"))

    assert isinstance(out, Queued)
    assert (out.reason, later.reason) == ("sign-in", "lane")
    world(queue, "resume")
    world.flush(queue)
    assert world(out.receipt, "wait", 0).value == Lead(7, "won")


def test_a_failure_is_tried_again_later(
    queue: OfflineQueue, crm: Crm, clock: FakeClock, world: World
) -> None:
    """An answered failure uses an attempt, and the caller is told "queued"."""
    crm.script = [ValueError("500")]
    out = world(queue, "call", OP, Update(7, "won"))
    item = queue.get(out.receipt.id)

    assert isinstance(out, Queued)
    assert out.reason == "failed"
    assert item is not None
    assert (item.state, item.attempts, item.error) == (
        ItemState.SCHEDULED,
        1,
        "ValueError",
    )


def test_the_same_key_is_answered_from_what_is_kept(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """A second call with the key gets the first one's result, without a try."""
    first = world(queue, "call", OP, Update(7, "won"), key="k")
    again = world(queue, "call", OP, Update(7, "won"), key="k")

    assert again.value == first.value == Lead(7, "won")
    assert len(crm.calls) == 1
    with pytest.raises(KeyReused):
        world(queue, "call", OP, Update(7, "lost"), key="k")


def test_a_key_that_still_waits_is_told(queue: OfflineQueue, world: World) -> None:
    """One action, one receipt."""
    first = queue.enqueue(OP, Update(7, "won"), key="k")
    again = world(queue, "call", OP, Update(7, "won"), key="k")

    assert isinstance(again, Queued)
    assert again.reason == "duplicate"
    assert again.receipt.id == first.id


def test_a_key_that_failed_says_so_again(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """DEAD is an answer too: it is not tried behind its owner's back."""
    crm.script = [Refusal("no")]
    with pytest.raises(Refusal):
        world(queue, "call", OP, Update(7, "won"), key="k")
    with pytest.raises(ItemFailed) as failed:
        world(queue, "call", OP, Update(7, "won"), key="k")

    assert (failed.value.state, failed.value.reason) == ("dead", "rejected")


@pytest.mark.parametrize("key", ["", "  ", "x" * 256, 7, b"k"])
def test_a_key_that_is_none_is_refused(queue: OfflineQueue, key: Any) -> None:
    """An empty one would meet every other empty one."""
    with pytest.raises(KeyInvalid, match="key="):
        queue.call(OP, Update(7, "won"), key=key)


def test_a_breaker_that_is_open_is_not_asked(
    make: Callable[..., OfflineQueue], crm: Crm, clock: FakeClock, world: World
) -> None:
    """It is stored without a try; a refusal by the target opens nothing."""
    breaker = CircuitBreaker(failures=2, recovery=60, clock=clock)
    queue = make()

    @queue.handler(OP, target="crm", breaker=breaker)
    def update(payload: Update, ctx: Any) -> Lead:
        return crm.answer(payload, ctx)

    crm.script = [Refusal("no"), Refusal("no"), Refusal("no")]
    for number in range(3):
        with pytest.raises(Refusal):
            world(queue, "call", update, Update(number, "x"))
    assert breaker.current_state == "closed"
    crm.script = [ValueError("500"), ValueError("500")]
    world(queue, "call", update, Update(4, "x"))
    world(queue, "call", update, Update(5, "x"))
    out = world(queue, "call", update, Update(6, "x"))

    assert breaker.current_state == "open"
    assert isinstance(out, Queued)
    assert out.reason == "offline"
    assert len(crm.calls) == 5


# --------------------------------------------------------------- unjournaled


def test_without_a_journal_nothing_is_stored_that_could_be_done(
    queue: OfflineQueue, crm: Crm, facts: Facts, world: World
) -> None:
    """Half the cost, for what a crash may lose; it is told all the same."""
    out = world(queue, "call", OP, Update(7, "won"), journal=False)

    assert isinstance(out, Done)
    assert out.value == Lead(7, "won")
    assert out.receipt.id == 0
    assert out.receipt.state() is ItemState.DONE
    assert facts.names == ["ItemDelivered"]


@pytest.mark.parametrize(
    ("error", "sent"), [(ConnectionRefusedError(), False), (NoAnswer(), True)]
)
def test_without_a_journal_the_rest_is_stored_after_the_try(
    queue: OfflineQueue, crm: Crm, error: Exception, sent: bool, world: World
) -> None:
    """Under the key that was tried; what may have been done counts as sent."""
    crm.script = [error]
    out = world(queue, "call", OP, Update(7, "won"), journal=False)
    item = queue.get(out.receipt.id)

    assert isinstance(out, Queued)
    assert item is not None
    assert item.key == crm.keys[0]
    assert (item.sent_at is not None) is sent
    assert item.attempts == 0


def test_without_a_journal_a_refusal_is_kept_too(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """The error is raised, the payload is DEAD."""
    crm.script = [Refusal("no")]
    with pytest.raises(Refusal):
        world(queue, "call", OP, Update(7, "won"), journal=False)

    assert [item.reason for item in queue.dead.list()] == ["rejected"]


def test_without_a_journal_no_lane_is_overtaken(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """It looks before it tries: at its lane, its key and the pauses."""
    queue.enqueue(OP, Update(7, "new"), key="k")
    behind = world(queue, "call", OP, Update(7, "won"), journal=False)
    known = world(queue, "call", OP, Update(7, "new"), journal=False, key="k")
    world(queue, "pause", "crm")
    paused = world(queue, "call", OP, Update(8, "won"), journal=False)

    assert [behind.reason, known.reason, paused.reason] == ["lane", "duplicate", "lane"]
    assert crm.calls == []


async def test_a_target_that_is_well_takes_all_who_call() -> None:
    """Many at once are done at once: none is queued for a limit of a drain's."""
    queue = OfflineQueue("field", connect("memory://"))
    together = anyio.Event()
    running: list[int] = []

    @queue.handler(OP)
    async def update(payload: Update) -> int:
        running.append(payload.lead)
        if len(running) == 50:
            together.set()
        await together.wait()
        return payload.lead

    outs: list[Any] = []

    async def one(number: int) -> None:
        outs.append(await queue.acall(update, Update(number, "won")))

    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(one, number)

    assert sorted(out.value for out in outs) == list(range(50))
