"""What becomes of an item, by what its handler says."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns import connect
from syncpatterns.errors import (
    CallRejected,
    InProgress,
    KeyExpired,
    LeaseLost,
    NotPermitted,
    NotSent,
    OutcomeGone,
    OutcomeUnknown,
    Refusal,
    RefusalGone,
    SignInRequired,
    StoreUnavailable,
)
from syncpatterns.offline_queue import (
    Accept,
    Discard,
    ItemReleased,
    ItemRetried,
    ItemState,
    OfflineQueue,
    QueuePaused,
    Ref,
    Reject,
    RetryWith,
    SetAside,
    SignInNeeded,
)
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.surface import Crm, Facts, Lead, Update, World, states

OP = "leads.update"


class Moved(Refusal):
    """Somebody else has moved the lead."""

    status = 412
    problem = "lead-moved"


class SlotTaken(Exception):
    """A conflict of the application's own."""


@pytest.mark.case("QUE-29", part="surface")
def test_answered_failures_wait_longer_and_end_dead(
    queue: OfflineQueue, crm: Crm, clock: FakeClock, facts: Facts, world: World
) -> None:
    """500 five times: 1, 2, 4, 4 s between them, then DEAD; the lane goes on."""
    crm.script = [ValueError("500") for _ in range(5)]
    bad = queue.enqueue(OP, Update(7, "bad"))
    good = queue.enqueue(OP, Update(7, "good"))
    for seconds in (0, 1, 2, 4, 4):
        clock.advance(seconds * 0.99)
        world.flush(queue)
        clock.advance(seconds * 0.02)
        world.flush(queue)

    assert [fact.seconds for fact in facts.of(ItemRetried)] == [1, 2, 4, 4]
    assert [fact.attempt for fact in facts.of(ItemRetried)] == [1, 2, 3, 4]
    assert len(crm.calls) == 6
    assert states(queue, [bad.id, good.id]) == ["dead", "done"]
    (dead,) = queue.dead.list()
    assert (dead.seq, dead.reason, dead.attempts) == (bad.id, "attempts", 5)


@pytest.mark.case("QUE-30", part="surface")
def test_a_target_that_asks_for_rest_gets_it(
    make: Callable[..., OfflineQueue],
    crm: Crm,
    clock: FakeClock,
    facts: Facts,
    world: World,
) -> None:
    """429 with Retry-After 7: 7 s for that target, others flow, 0 attempts."""
    queue = make()
    other: list[int] = []

    @queue.handler(OP, target="crm")
    def update(payload: Update, ctx: Any) -> Lead:
        return crm.answer(payload, ctx)

    @queue.handler("mail.send", target="mail")
    def mail(payload: int) -> None:
        other.append(payload)

    crm.script = [NotSent(retry_after=7)]
    first, second = (queue.enqueue(update, Update(n, "won")) for n in (1, 2))
    queue.enqueue(mail, 5)
    world.flush(queue)
    (pause,) = queue.stats().pauses
    item = queue.get(first.id)

    assert other == [5]
    assert (pause.target, pause.reason) == ("crm", "retry-after")
    assert pause.until == clock.time() + 7
    assert item is not None
    assert (item.attempts, item.sent_at) == (0, None)
    assert [f.seconds for f in facts.of(QueuePaused)] == [7]
    clock.advance(6.9)
    world.flush(queue)
    assert states(queue, [first.id, second.id]) == ["ready", "ready"]
    clock.advance(0.2)
    world.flush(queue)
    assert states(queue, [first.id, second.id]) == ["done", "done"]


@pytest.mark.case("QUE-31", part="surface")
def test_signed_out_is_parked_and_told_and_never_discarded(
    queue: OfflineQueue, crm: Crm, clock: FakeClock, facts: Facts, world: World
) -> None:
    """401: PARKED, its target paused; `resume` delivers it, days later."""
    crm.script = [SignInRequired()]
    first = queue.enqueue(OP, Update(7, "won"))
    other = queue.enqueue(OP, Update(8, "won"))
    world.flush(queue)

    assert states(queue, [first.id, other.id]) == ["parked", "ready"]
    assert [item.reason for item in queue.parked.list()] == ["sign-in"]
    assert [fact.target for fact in facts.of(SignInNeeded)] == ["crm"]
    clock.advance(3 * 86400)
    world.flush(queue)
    assert states(queue, [first.id]) == ["parked"]
    ended = world(queue, "resume", "crm")
    world.flush(queue)
    assert [pause.reason for pause in ended] == ["sign-in"]
    assert states(queue, [first.id, other.id]) == ["done", "done"]
    assert "ItemDead" not in facts.names


@pytest.mark.case("QUE-32", part="refused")
def test_a_refusal_is_dead_with_its_payload(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """422: it is never tried again by itself; the next one is delivered."""
    crm.script = [Refusal("no")]
    first = queue.enqueue(OP, Update(7, "bad"))
    second = queue.enqueue(OP, Update(7, "good"))
    world.flush(queue)
    (dead,) = queue.dead.list()

    assert states(queue, [first.id, second.id]) == ["dead", "done"]
    assert (dead.seq, dead.reason) == (first.id, "rejected")
    assert json.loads(dead.payload) == {"lead": 7, "status": "bad"}


@pytest.mark.case("QUE-32", part="conflict")
@pytest.mark.parametrize("conflict", [Moved("moved"), SlotTaken()])
@pytest.mark.parametrize(
    ("decision", "state"),
    [
        (Accept(Lead(7, "lost")), "done"),
        pytest.param(Accept(), "done", id="Accept of nothing"),
        pytest.param(Accept("no lead"), "parked", id="Accept of another type"),
        (Discard(), "dead"),
        (RetryWith(Update(7, "lost")), "superseded"),
        (SetAside(), "parked"),
        (Reject(), "dead"),
        pytest.param(
            RetryWith({"lead": Ref(1), "status": "lost"}), "parked", id="with a Ref"
        ),
        ("nonsense", "parked"),
        (RuntimeError("the hook fails"), "parked"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_conflict_is_what_the_hook_decides(
    make: Callable[..., OfflineQueue],
    crm: Crm,
    conflict: Exception,
    decision: Any,
    state: str,
    world: World,
) -> None:
    """412 and declared conflicts: the hook sees payload, error and context."""
    queue = make()
    asked: list[Any] = []

    def decide(payload: Update, error: Exception, ctx: Any) -> Any:
        asked.append((payload, error, ctx.id))
        if isinstance(decision, Exception):
            raise decision
        return decision

    @queue.handler(
        OP, lane=lambda p: f"{p.lead}", conflicts=(SlotTaken,), on_conflict=decide
    )
    def update(payload: Update, ctx: Any) -> Lead:
        return crm.answer(payload, ctx)

    crm.script = [conflict]
    first = queue.enqueue(update, Update(7, "won"))
    second = queue.enqueue(update, Update(7, "next"))
    world.flush(queue)

    assert asked == [(Update(7, "won"), conflict, first.id)]
    assert states(queue, [first.id]) == [state]
    held = state == "parked"
    assert states(queue, [second.id]) == ["waiting" if held else "done"]
    kept = [item.seq for item in queue.dead.list()]
    assert kept == ([first.id] if isinstance(decision, Reject) else [])
    if isinstance(decision, RetryWith) and state == "superseded":
        done = [payload.status for payload, _ in crm.calls]
        assert done == ["won", "lost", "next"]
        assert len(set(crm.keys)) == 3
        assert world(first, "wait", 0).value == Lead(7, "lost")
    if isinstance(decision, Accept) and state == "done":
        assert world(first, "wait", 0).value == decision.result


def test_a_conflict_without_a_hook_is_dead(
    queue: OfflineQueue, crm: Crm, world: World
) -> None:
    """Nobody decides, so nothing is lost: the payload is kept."""
    crm.script = [Moved("moved")]
    queue.enqueue(OP, Update(7, "won"))
    world.flush(queue)

    assert [item.reason for item in queue.dead.list()] == ["conflict"]


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (OutcomeGone(), "done", ""),
        (RefusalGone(), "dead", "rejected"),
        (OutcomeUnknown(), "parked", "unknown"),
        (KeyExpired(), "parked", "unknown"),
        (NotPermitted(), "parked", "forbidden"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_ends_or_parks_at_once(
    queue: OfflineQueue,
    crm: Crm,
    error: Exception,
    state: str,
    reason: str,
    world: World,
) -> None:
    """One answer decides; nothing is tried again by itself."""
    crm.script = [error]
    receipt = queue.enqueue(OP, Update(7, "won"))
    world.flush(queue)
    item = queue.get(receipt.id)

    assert states(queue, [receipt.id]) == [state]
    assert (item.reason if item else "") == reason
    assert len(crm.calls) == 1


@pytest.mark.parametrize(
    ("error", "reason", "sent"),
    [
        (ConnectionRefusedError(), "not-sent", False),
        (TimeoutError(), "no-answer", True),
        (InProgress(retry_after=3), "in-progress", True),
        (StoreUnavailable(), "store-unavailable", False),
        (CallRejected(retry_after=5), "not-asked", False),
        (LeaseLost(), "lease-lost", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_goes_back_uses_no_attempt(
    queue: OfflineQueue,
    crm: Crm,
    clock: FakeClock,
    facts: Facts,
    error: Exception,
    reason: str,
    sent: bool,
    world: World,
) -> None:
    """Released, with the reason told; sent only if somebody may have been reached."""
    crm.script = [error]
    receipt = queue.enqueue(OP, Update(7, "won"))
    world.flush(queue)
    item = queue.get(receipt.id)
    (released,) = facts.of(ItemReleased)

    assert item is not None
    assert (item.attempts, item.lapses) == (0, 0)
    assert (item.sent_at is not None) is sent
    assert released.reason == reason
    assert released.error is error
    clock.advance(3600)
    world.flush(queue)
    assert states(queue, [receipt.id]) == ["done"]


@pytest.mark.case("QUE-28", part="surface")
def test_two_hours_offline_use_no_attempt(
    queue: OfflineQueue, crm: Crm, clock: FakeClock
) -> None:
    """Whoever cannot be reached has refused nothing."""
    crm.script = [ConnectionRefusedError() for _ in range(1000)]
    receipt = queue.enqueue(OP, Update(7, "won"))
    for _ in range(240):
        queue.flush()
        clock.advance(30)
    item = queue.get(receipt.id)

    assert len(crm.calls) > 5
    assert item is not None
    assert (item.state, item.attempts, item.sent_at) == (ItemState.READY, 0, None)
    crm.script.clear()
    clock.advance(60)
    queue.flush()
    assert states(queue, [receipt.id]) == ["done"]


def test_jitter_comes_from_the_generator_that_was_given(
    engine: Any, clock: FakeClock, seed: int
) -> None:
    """A seeded one repeats its waits; all lie within the backoff."""
    waits: list[list[float]] = []
    for name in ("one", "two"):
        facts, crm = Facts(), Crm([ValueError() for _ in range(4)])
        rng = random.Random(seed)
        queue = OfflineQueue(name, engine, rng=rng, hooks=[facts])
        queue.handler(OP, model=Update)(crm.answer)
        queue.enqueue(OP, Update(1, "x"), key="k")
        for _ in range(5):
            queue.flush()
            clock.advance(5)
        waits.append([fact.seconds for fact in facts.of(ItemRetried)])

    assert waits[0] == waits[1]
    assert all(
        0 <= wait <= top for wait, top in zip(waits[0], (1, 2, 4, 4), strict=True)
    )


def test_nothing_of_what_was_said_is_kept() -> None:
    """The message of an exception can hold what somebody typed in."""
    queue = OfflineQueue("q", connect("memory://"))

    @queue.handler(OP)
    def update(payload: Update) -> None:
        raise ValueError(f"no such number: {payload.status}")

    receipt = queue.enqueue(update, Update(1, "+49 170 1234567"))
    queue.flush()
    item = queue.get(receipt.id)

    assert item is not None
    assert item.error == "ValueError"
