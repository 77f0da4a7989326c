"""`call(journal=False)` that cannot be stored, or leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns.errors import (
    CallRejected,
    NoAnswer,
    NotPermitted,
    NotSent,
    OutcomeUnknown,
    ProviderUnavailable,
    QueueFull,
    Refusal,
    SignInRequired,
)
from syncpatterns.offline_queue import OfflineQueue, QueuePaused
from tests.unit.offline_queue.surface import Crm, Facts, Lead, Update, World

OP = "leads.update"


@pytest.mark.parametrize("outcome", [NoAnswer("timed out"), ValueError("500")])
def test_without_a_journal_and_without_room_it_is_not_said_that_nothing_was_done(
    make: Callable[..., OfflineQueue], crm: Crm, world: World, outcome: Exception
) -> None:
    """It was tried: "queue full, nothing was done" would have it done twice."""
    queue = _small(make, crm)
    crm.script = [outcome]
    with pytest.raises(OutcomeUnknown, match="may have been done") as caught:
        world(queue, "call", OP, Update(7, "won"), journal=False)

    assert isinstance(caught.value.__cause__, QueueFull)
    assert len(crm.calls) == 1


@pytest.mark.parametrize(
    ("refused", "seconds"),
    [
        (NotSent("no route"), None),
        (CallRejected("too many", retry_after=5.0), 5.0),
        (ProviderUnavailable("429", retry_after=60.0), 60.0),
    ],
)
def test_without_a_journal_what_reached_nobody_finds_the_queue_full(
    make: Callable[..., OfflineQueue],
    crm: Crm,
    world: World,
    refused: Exception,
    seconds: float | None,
) -> None:
    """Nothing was done, and nothing is stored: as it is said, with why and how long."""
    queue = _small(make, crm)
    crm.script = [refused]
    with pytest.raises(QueueFull) as caught:
        world(queue, "call", OP, Update(7, "won"), journal=False)

    assert caught.value.__cause__ is refused
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("said", [NotPermitted("403"), SignInRequired("401")])
def test_without_a_journal_and_without_room_the_last_word_is_the_handlers(
    make: Callable[..., OfflineQueue],
    crm: Crm,
    facts: Facts,
    world: World,
    said: Exception,
) -> None:
    """Who has to sign in would wait for room in the queue."""
    queue = _small(make, crm)
    said.__cause__ = LookupError("no cookie")
    crm.script = [said]
    with pytest.raises(type(said)) as caught:
        world(queue, "call", OP, Update(7, "won"), journal=False)

    assert caught.value is said
    assert isinstance(said.__cause__, LookupError)
    assert facts.names[1:2] == ["ItemDiscarded"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (SignInRequired("401"), "sign-in"),
        (NotSent("429", retry_after=60.0), "retry-after"),
    ],
)
def test_what_finds_no_room_pauses_its_target_too(
    make: Callable[..., OfflineQueue],
    crm: Crm,
    facts: Facts,
    world: World,
    said: Exception,
    reason: str,
) -> None:
    """What was said is true of everybody who asks this target."""
    queue = _small(make, crm)
    crm.script = [said]
    with pytest.raises((SignInRequired, QueueFull)):
        world(queue, "call", OP, Update(7, "won"), journal=False)

    assert [each.reason for each in queue.stats().pauses] == [reason]
    assert [each.reason for each in facts.of(QueuePaused)] == [reason]


def test_without_a_journal_and_without_room_a_refusal_is_what_it_is(
    make: Callable[..., OfflineQueue], crm: Crm, world: World
) -> None:
    """The answer was no, and that the item is not kept changes nothing about it."""
    queue = _small(make, crm)
    crm.script = [Refusal("no")]
    with pytest.raises(Refusal, match="no"):
        world(queue, "call", OP, Update(7, "won"), journal=False)


def _small(make: Callable[..., OfflineQueue], crm: Crm) -> OfflineQueue:
    """A queue that is full."""
    queue = make(max_items=1)

    @queue.handler(OP)
    def update(payload: Update, ctx: Any) -> Lead:
        return crm.answer(payload, ctx)

    queue.enqueue(OP, Update(1, "new"))
    return queue


@pytest.mark.parametrize("journal", [True, False])
def test_a_call_that_leaves_nothing_behind_pauses_its_target_too(
    queue: OfflineQueue, crm: Crm, facts: Facts, world: World, journal: bool
) -> None:
    """401 is true of everybody who asks this target, stored or not."""
    crm.script = [SignInRequired("401")]
    with pytest.raises(SignInRequired):
        world(queue, "call", OP, Update(7, "won"), mode="online", journal=journal)

    pauses = [(each.target, each.reason) for each in queue.stats().pauses]
    assert pauses == [("crm", "sign-in")]
    assert [each.target for each in facts.of(QueuePaused)] == ["crm"]
