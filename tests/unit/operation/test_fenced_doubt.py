"""What nobody saw: never sent twice, never called refused, never lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from syncpatterns import _flow
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import (
    DiskFull,
    NotExecuted,
    OutcomeUnknown,
    ResultNotStorable,
)
from syncpatterns.idempotency import Committed, NotCommitted
from syncpatterns.idempotency._verdicts import Undecided
from syncpatterns.operation import FencedContext
from syncpatterns.retry import CircuitBreaker
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import (
    Desk,
    Fault,
    Receipt,
    Rejected,
    Send,
    Sent,
    dropped,
    lost,
    refused,
)

CANARY = "+12025550147"


async def test_a_certain_failure_does_not_undo_an_earlier_doubt(
    desk: Desk, call: Caller
) -> None:
    """First a time-out, repeated on request, then refused connections: unknown."""
    operation = desk.operation(lookup=None, retry=desk.retry(on=Exception))
    desk.provider.faults = [lost(), *[refused() for _ in range(4)]]

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert desk.state(operation) == "unknown"
    assert len(operation.unresolved()) == 1


async def test_a_circuit_that_opens_does_not_undo_an_earlier_doubt(
    desk: Desk, call: Caller
) -> None:
    """Nor does a refusal of our own breaker, which never let the attempt out."""
    breaker = CircuitBreaker(name="sms", clock=desk.clock, failures=1)
    operation = desk.operation(
        lookup=None, retry=desk.retry(on=Exception), breaker=breaker
    )
    desk.provider.faults = [lost()]

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert desk.state(operation) == "unknown"


async def test_a_rejection_after_a_doubt_is_not_the_answer(
    desk: Desk, call: Caller
) -> None:
    """The first attempt may have been done; "rejected" would deny that."""
    operation = desk.operation(lookup=None, retry=desk.retry(on=TimeoutError))
    desk.provider.faults = [lost(), Fault(Rejected("twice"))]

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert desk.state(operation) == "unknown"


async def test_no_retry_rule_repeats_what_may_have_been_done(
    desk: Desk, call: Caller
) -> None:
    """``Retry(on=Exception)`` and a lookup that is down: one message."""
    operation = desk.operation(retry=desk.retry(on=Exception))
    desk.provider.faults, desk.provider.down = [lost()], True

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert desk.provider.messages == ["lead-1"]


async def test_a_lookup_that_fails_once_is_asked_again(
    desk: Desk, call: Caller
) -> None:
    """By lookup_retry=; each try has the whole time-out."""
    operation = desk.operation(lookup_retry=desk.retry(on=Exception), timeout=5.0)
    desk.provider.faults = [lost()]
    desk.provider.blind = [ConnectionError("once"), ConnectionError("twice")]

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert (len(desk.provider.calls), len(desk.provider.looks)) == (1, 3)


async def test_each_look_has_the_time_of_an_attempt(desk: Desk, call: Caller) -> None:
    """The pause between two looks is longer than the time-out and not part of it."""
    left: list[float] = []

    def find(command: Send, ctx: FencedContext) -> None:
        left.append(ctx.remaining())

    operation = desk.operation(lookup=find, timeout=2.0, look_pause=3.0)
    desk.provider.faults = [dropped()]

    await call(operation, Send())

    assert left == [pytest.approx(2.0, abs=0.5)] * 2


async def test_an_undeclared_not_executed_is_raised_as_it_is(
    desk: Desk, call: Caller
) -> None:
    """Our credentials are wrong: nothing was done, and nobody tries that again."""
    operation = desk.operation()
    desk.provider.faults = [Fault(NotExecuted("401", retry_after=60))]

    with pytest.raises(NotExecuted, match="401") as raised:
        await call(operation, Send())

    assert type(raised.value) is NotExecuted
    assert raised.value.retry_after == 60
    assert (desk.state(operation), len(desk.provider.calls)) == ("free", 1)


async def test_a_refusal_that_cannot_be_stored_gives_the_key_back(
    desk: Desk, call: Caller
) -> None:
    """It did say no; the mistake is told, and nothing stays held."""
    operation = desk.operation()
    desk.provider.faults = [Fault(Rejected("no", what=object()))]

    with pytest.raises(ResultNotStorable):
        await call(operation, Send())

    assert desk.state(operation) == "free"


@pytest.mark.parametrize("wrong", [False, True, "SM1", 7])
async def test_a_lookup_that_returns_no_receipt_decides_nothing(
    desk: Desk, call: Caller, wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """False for "not there" would be committed as if it had been sent."""
    operation = desk.operation(lookup=lambda command, ctx: wrong)
    desk.provider.faults = [dropped()]

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert (desk.written(), len(desk.provider.calls)) == ([], 1)
    assert f"lookup= returned a {type(wrong).__name__}" in caplog.text
    assert operation.recheck("k1", scope="acme") == Undecided()


async def test_a_commit_that_fails_keeps_the_receipt(desk: Desk, call: Caller) -> None:
    """Once it is mended, recheck() writes the rows without asking anybody."""
    broken = [True]

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        if broken:
            raise RuntimeError(CANARY)
        return desk.commit(tx, command, receipt)

    operation = desk.operation(commit=commit)

    with pytest.raises(OutcomeUnknown, match="receipt is kept") as raised:
        await call(operation, Send())

    assert CANARY not in str(raised.value)
    (unsettled,) = operation.unresolved()
    assert unsettled.has_receipt
    assert desk.written() == []
    with pytest.raises(RuntimeError):
        operation.recheck(unsettled)
    broken.clear()
    assert operation.recheck(unsettled, by="ann") == Committed(Receipt(1))
    assert (desk.written(), desk.provider.looks) == ([("lead-1", 1)], [])
    replay = await call(operation, Send())
    assert (replay.value, replay.replayed) == (Sent("lead-1", 1), True)
    assert len(desk.provider.calls) == 1


async def test_a_receipt_of_none_was_done_all_the_same(
    desk: Desk, call: Caller
) -> None:
    """A provider that says nothing back; recheck() must not call that absent."""
    broken = [True]

    def send(command: Send, ctx: FencedContext) -> None:
        desk.provider.messages.append(command.to)

    def commit(tx: Any, command: Send, receipt: None) -> Sent:
        if broken:
            raise RuntimeError
        return desk.commit(tx, command, Receipt(0))

    operation = desk.operation(call=send, commit=commit, lookup=None)
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    broken.clear()
    (unsettled,) = operation.unresolved()

    assert unsettled.has_receipt
    assert operation.recheck(unsettled) == Committed(None)
    assert (await call(operation, Send())).replayed
    assert desk.provider.messages == ["lead-1"]


async def test_resolved_as_not_done_the_kept_receipt_is_void(
    desk: Desk, call: Caller
) -> None:
    """The next call sends; it does not commit the receipt of what was undone."""
    broken = [True]

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        if broken:
            raise RuntimeError
        return desk.commit(tx, command, receipt)

    operation = desk.operation(commit=commit)
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    broken.clear()

    assert operation.resolve("k1", NotCommitted(), scope="acme", by="ann")
    answer = await call(operation, Send())

    assert (answer.replayed, len(desk.provider.calls)) == (False, 2)


async def test_a_result_that_cannot_be_stored_keeps_the_receipt(
    desk: Desk, call: Caller
) -> None:
    """The rows are undone with it, and somebody can mend it."""

    def commit(tx: Any, command: Send, receipt: Receipt) -> Any:
        desk.commit(tx, command, receipt)
        return object()

    operation = desk.operation(commit=commit)

    with pytest.raises(OutcomeUnknown) as raised:
        await call(operation, Send())

    assert isinstance(raised.value.__cause__, ResultNotStorable)
    (unsettled,) = operation.unresolved()
    assert unsettled.has_receipt
    if isinstance(desk.engine, SqliteEngine):
        assert desk.written() == []


async def test_a_receipt_that_cannot_be_kept_is_settled_all_the_same(
    desk: Desk, call: Caller
) -> None:
    """The key is unknown at once, not held until its lease is over."""

    def send(command: Send, ctx: FencedContext) -> Any:
        return object()

    def commit(tx: Any, command: Send, receipt: Any) -> Sent:
        raise RuntimeError

    operation: Any = desk.operation(call=send, commit=commit, lookup=None)

    with pytest.raises(OutcomeUnknown, match="ask the provider"):
        await call(operation, Send())

    assert desk.state(operation) == "unknown"


async def test_a_full_disk_at_the_commit_is_outlived(
    sqlite_desk: Desk, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is offered again while there is no room; nothing is sent again."""
    desk, tries = sqlite_desk, [DiskFull("full"), DiskFull("full")]

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        if tries:
            raise tries.pop()
        return desk.commit(tx, command, receipt)

    operation = desk.operation(commit=commit)

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert (desk.written(), len(desk.provider.calls)) == ([("lead-1", 1)], 1)


async def test_a_disk_that_stays_full_leaves_it_unknown(
    sqlite_desk: Desk, call: Caller
) -> None:
    """And the receipt is found by whoever looks."""

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        raise DiskFull("full")

    operation = sqlite_desk.operation(commit=commit)

    with pytest.raises(OutcomeUnknown) as raised:
        await call(operation, Send())

    assert isinstance(raised.value.__cause__, DiskFull)
    assert len(operation.unresolved()) == 1


async def test_a_slow_commit_is_waited_for(
    sqlite_desk: Desk, monkeypatch: pytest.MonkeyPatch, way: str, call: Caller
) -> None:
    """Given up as a clean-up, it is asked again: it was written, and that is told."""
    desk = sqlite_desk
    monkeypatch.setattr(_flow, "CLEANUP_TIMEOUT", 0.05)
    slow = threading.Event()

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        slow.wait(0.2)
        return desk.commit(tx, command, receipt)

    operation = desk.operation(commit=commit)

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert desk.written() == [("lead-1", 1)]
