"""A provider called once: sent, retried, refused, given up."""

from __future__ import annotations

import math
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import (
    NotExecuted,
    OutcomeUnknown,
    ProviderUnavailable,
)
from syncpatterns.operation import Result
from syncpatterns.retry import CircuitBreaker, CircuitOpen, RetryBudget, deadline
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import (
    Desk,
    Fault,
    OptedOut,
    Receipt,
    Rejected,
    Send,
    Sent,
    dropped,
    lost,
    refused,
)


@pytest.mark.case("OPR-10")
@pytest.mark.case("OPR-31", part="same answers")
async def test_a_receipt_is_committed_and_replayed(desk: Desk, call: Caller) -> None:
    """Rows, audit, event and answer are one commit; a replay asks nobody."""
    operation = desk.operation()

    first = await call(operation, Send())
    second = await call(operation, Send())

    assert first.value == second.value == Sent("lead-1", 1)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.body == second.body
    assert len(desk.provider.calls) == 1
    assert desk.written() == [("lead-1", 1)]
    assert desk.told() == ["Executed", "Replayed"]
    if isinstance(desk.engine, SqliteEngine):
        assert (desk.counted("audit"), desk.counted("syncpatterns_outbox")) == (1, 1)


async def test_the_receipt_is_the_result_without_commit(
    desk: Desk, call: Caller
) -> None:
    """It is stored in the form that call= is annotated to return."""
    operation: Any = desk.operation(commit=None)

    answers = [await call(operation, Send()) for _ in range(2)]

    assert [answer.value for answer in answers] == [Receipt(1)] * 2
    assert [answer.replayed for answer in answers] == [False, True]


async def test_a_result_may_have_a_status_and_headers(desk: Desk, call: Caller) -> None:
    """Both are replayed."""

    def commit(tx: Any, command: Send, receipt: Receipt) -> Result[Sent]:
        sent = desk.commit(tx, command, receipt)
        return Result(sent, status=201, headers={"Location": "/sms/1"})

    operation = desk.operation(commit=commit)

    answers = [await call(operation, Send()) for _ in range(2)]

    assert [answer.status for answer in answers] == [201] * 2
    assert [answer.headers for answer in answers] == [(("Location", "/sms/1"),)] * 2
    assert [answer.value for answer in answers] == [Sent("lead-1", 1)] * 2


@pytest.mark.case("OPR-11")
async def test_refused_three_times_the_fourth_attempt_sends(
    desk: Desk, call: Caller
) -> None:
    """One message, sleeps within full jitter's bounds, one vote of the breaker."""
    breaker = CircuitBreaker(name="sms", clock=desk.clock)
    operation = desk.operation(breaker=breaker)
    desk.provider.faults = [refused(), refused(), refused()]

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert [context.attempt for context in desk.provider.calls[-1:]] == [4]
    assert len(desk.provider.calls) == 4
    assert desk.provider.messages == ["lead-1"]
    assert len(desk.clock.slept) == 3
    bounds = zip(desk.clock.slept, (1, 2, 4), strict=True)
    assert all(0 <= slept <= bound for slept, bound in bounds)
    assert breaker.snapshot().failures == 1
    assert desk.told() == ["Retried", "Retried", "Retried", "Executed"]


@pytest.mark.case("OPR-12")
async def test_refused_every_time_the_key_is_given_back(
    desk: Desk, call: Caller
) -> None:
    """The caller learns that nothing was sent; the same key tries again."""
    operation = desk.operation()
    desk.provider.faults = [refused() for _ in range(5)]

    with pytest.raises(ProviderUnavailable) as raised:
        await call(operation, Send())

    assert raised.value.retry_after is not None
    assert raised.value.retry_after > 0
    assert len(desk.provider.calls) == 5
    assert (desk.state(operation), desk.written()) == ("free", [])
    assert operation.unresolved() == []
    assert desk.told()[-2:] == ["GaveUp", "Released"]
    again = await call(operation, Send())
    assert (again.value, again.replayed) == (Sent("lead-1", 1), False)
    assert desk.provider.calls[-1].attempts == 2


@pytest.mark.case("OPR-13")
async def test_an_answer_that_got_lost_is_looked_up(desk: Desk, call: Caller) -> None:
    """It was taken: committed once, never sent again."""
    operation = desk.operation()
    desk.provider.faults = [lost()]

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert desk.provider.messages == ["lead-1"]
    assert (len(desk.provider.calls), len(desk.provider.looks)) == (1, 1)
    assert desk.written() == [("lead-1", 1)]
    assert (await call(operation, Send())).replayed


@pytest.mark.case("OPR-14")
async def test_twice_absent_it_is_sent_again(desk: Desk, call: Caller) -> None:
    """Once, after two looks with a pause in between."""
    operation = desk.operation(look_pause=1.5)
    desk.provider.faults = [dropped()]

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert desk.provider.messages == ["lead-1"]
    assert (len(desk.provider.calls), len(desk.provider.looks)) == (2, 2)
    assert 1.5 in desk.clock.slept
    assert desk.written() == [("lead-1", 1)]


async def test_absent_and_a_moment_later_listed(desk: Desk, call: Caller) -> None:
    """A provider that lists what it took a moment late is why there are two looks."""
    seen: list[Receipt | None] = [None, Receipt(1)]

    def find(command: Send, ctx: Any) -> Receipt | None:
        return seen.pop(0)

    operation = desk.operation(lookup=find)
    desk.provider.faults = [lost()]

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert (len(desk.provider.calls), seen) == (1, [])


@pytest.mark.case("OPR-15", part="unknown")
async def test_what_cannot_be_looked_up_is_unknown(desk: Desk, call: Caller) -> None:
    """It is listed, blocks its key, and is never sent again."""
    operation = desk.operation()
    desk.provider.faults = [lost()]
    desk.provider.down = True

    with pytest.raises(OutcomeUnknown) as raised:
        await call(operation, Send())

    assert (raised.value.status, raised.value.problem) == (409, "outcome-unknown")
    assert isinstance(raised.value.__cause__, TimeoutError)
    (unsettled,) = operation.unresolved()
    assert unsettled.command == Send()
    assert (unsettled.attempts, unsettled.has_receipt) == (1, False)
    assert unsettled.key_hash == operation.key_hash("k1", scope="acme")
    assert desk.told()[-1] == "Unknown"
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    assert len(desk.provider.calls) == 1


@pytest.mark.case("OPR-17", part="waits")
async def test_a_retry_after_is_waited_for(desk: Desk, call: Caller) -> None:
    """The next attempt is not made before."""
    operation = desk.operation()
    desk.provider.faults = [refused(retry_after=7.0)]

    await call(operation, Send())

    assert desk.provider.messages == ["lead-1"]
    (slept,) = desk.clock.slept
    assert slept >= 7.0


@pytest.mark.case("OPR-17", part="waits after looking")
async def test_a_retry_after_of_a_doubtful_answer_is_waited_for(
    desk: Desk, call: Caller
) -> None:
    """A 503 may say when to come back, although a lookup has to say what happened."""
    unavailable = ConnectionError("503")
    unavailable.retry_after = 7.0  # type: ignore[attr-defined]  # as a client's own error has it
    operation = desk.operation(look_pause=0.5)
    desk.provider.faults = [Fault(unavailable)]

    await call(operation, Send())

    assert desk.provider.messages == ["lead-1"]
    assert max(desk.clock.slept) >= 7.0


async def test_a_hint_that_cannot_be_read_is_none(desk: Desk, call: Caller) -> None:
    """What is absent may be sent again, whatever the error's properties do."""

    class Odd(ConnectionError):
        @property
        def retry_after(self) -> float:
            raise ValueError

    operation = desk.operation()
    desk.provider.faults = [Fault(Odd("503"))]

    await call(operation, Send())

    assert desk.provider.messages == ["lead-1"]


@pytest.mark.case("OPR-17", part="gives up")
async def test_a_retry_after_past_the_deadline_is_handed_on(
    desk: Desk, call: Caller
) -> None:
    """Given up at once: who has 5 seconds gains nothing from a try in 7."""
    operation = desk.operation()
    desk.provider.faults = [refused(retry_after=7.0)]

    with deadline(5.0, clock=desk.clock), pytest.raises(ProviderUnavailable) as raised:
        await call(operation, Send())

    assert raised.value.retry_after == 7.0
    assert (desk.clock.slept, len(desk.provider.calls)) == ([], 1)
    assert desk.state(operation) == "free"


@pytest.mark.case("OPR-18")
async def test_a_rejection_is_the_answer(desk: Desk, call: Caller) -> None:
    """Stored and replayed; not tried again, and no failure of the provider."""
    breaker = CircuitBreaker(name="sms", clock=desk.clock)
    operation = desk.operation(breaker=breaker, retry=desk.retry(on=Exception))
    desk.provider.faults = [Fault(Rejected("No such number.", code=21211))]

    replayed = []
    for _ in range(2):
        with pytest.raises(Rejected, match="No such number") as raised:
            await call(operation, Send())
        assert raised.value.facts == {"code": 21211}
        replayed.append(raised.value.replayed)

    assert replayed == [False, True]
    assert (len(desk.provider.calls), desk.provider.looks) == (1, [])
    assert breaker.snapshot().failures == 0
    assert (desk.written(), desk.told()) == ([], ["Refused", "Replayed"])


@pytest.mark.case("OPR-22")
async def test_a_check_refuses_before_anything_leaves(desk: Desk, call: Caller) -> None:
    """The refusal is stored in the claim's commit; the breaker never hears of it."""
    breaker = CircuitBreaker(name="sms", clock=desk.clock)
    asked: list[Send] = []

    def check(tx: Any, command: Send) -> None:
        asked.append(command)
        raise OptedOut("They said STOP.")

    operation = desk.operation(check=check, breaker=breaker)

    replayed = []
    for _ in range(2):
        with pytest.raises(OptedOut, match="STOP") as raised:
            await call(operation, Send())
        replayed.append(raised.value.replayed)

    assert replayed == [False, True]
    assert (asked, desk.provider.calls) == ([Send()], [])
    snapshot = breaker.snapshot()
    assert (snapshot.failures, snapshot.state) == (0, "closed")
    assert desk.told() == ["Refused", "Replayed"]


async def test_a_check_that_says_not_now_leaves_no_record(
    desk: Desk, call: Caller
) -> None:
    """Quiet hours are no answer: the same key is sent in the morning."""
    quiet = [True]

    def check(tx: Any, command: Send) -> None:
        if quiet:
            raise NotExecuted("Not at night.", retry_after=3600)

    operation = desk.operation(check=check)

    with pytest.raises(NotExecuted, match="night") as raised:
        await call(operation, Send())

    assert raised.value.retry_after == 3600
    assert desk.state(operation) in ("absent", "free")
    assert desk.provider.calls == []
    quiet.clear()
    assert (await call(operation, Send())).value == Sent("lead-1", 1)


async def test_what_a_refusing_check_wrote_is_undone(
    sqlite_desk: Desk, call: Caller
) -> None:
    """And what an allowing one wrote is in the claim's commit."""
    desk = sqlite_desk

    def check(tx: Any, command: Send) -> None:
        tx.connection.execute("INSERT INTO audit VALUES ('checked')")
        if command.body == "no":
            raise OptedOut("no")

    operation = desk.operation(check=check)
    with pytest.raises(OptedOut):
        await call(operation, Send(body="no"), key="k2")
    assert desk.counted("audit") == 0
    desk.provider.faults = [Fault(before=lambda: seen.append(desk.counted("audit")))]
    seen: list[int] = []

    await call(operation, Send())

    assert seen == [1]


@pytest.mark.case("OPR-23")
async def test_an_open_circuit_gives_the_key_back(desk: Desk, call: Caller) -> None:
    """503 with Retry-After, nobody is asked, and the key is as before."""
    breaker = CircuitBreaker(name="sms", clock=desk.clock)
    breaker.open()
    operation = desk.operation(breaker=breaker)

    with pytest.raises(CircuitOpen) as raised:
        await call(operation, Send())

    assert (raised.value.status, raised.value.problem) == (503, "circuit-open")
    assert raised.value.retry_after == pytest.approx(300.0)
    assert (desk.provider.calls, desk.provider.looks) == ([], [])
    assert desk.state(operation) == "free"
    breaker.close()
    assert (await call(operation, Send())).value == Sent("lead-1", 1)


@pytest.mark.case("OPR-25", part="operation")
async def test_five_failing_calls_open_the_circuit_and_one_probe_closes_it(
    desk: Desk, call: Caller
) -> None:
    """Each call votes once, whatever its attempts; the first try later is a probe."""
    breaker = CircuitBreaker(name="sms", clock=desk.clock)
    operation = desk.operation(breaker=breaker, retry=desk.retry(attempts=2))
    desk.provider.faults = [refused() for _ in range(10)]

    for number in range(4):
        with pytest.raises(ProviderUnavailable):
            await call(operation, Send(), key=f"k{number}")
    for key in ("k4", "k5"):  # the fifth finds it open at its second attempt
        with pytest.raises(CircuitOpen):
            await call(operation, Send(), key=key)
    opened = len(desk.provider.calls)
    desk.clock.advance(300)
    with pytest.raises(CircuitOpen):  # the probe fails, and so does its retry
        await call(operation, Send(), key="k5")
    desk.clock.advance(300)
    answer = await call(operation, Send(), key="k5")

    assert (opened, len(desk.provider.calls)) == (9, 9 + 1 + 1)
    assert answer.value == Sent("lead-1", 1)
    assert breaker.current_state == "closed"


@pytest.mark.case("OPR-26")
async def test_an_empty_budget_means_one_attempt_a_call(
    desk: Desk, call: Caller
) -> None:
    """Twenty calls of five attempts each are never a hundred requests."""
    budget = RetryBudget(3, 0.0)
    operation = desk.operation(retry=desk.retry(budget=budget))
    desk.provider.faults = [refused() for _ in range(100)]

    for number in range(20):
        with pytest.raises(ProviderUnavailable):
            await call(operation, Send(), key=f"k{number}")

    assert len(desk.provider.calls) == 20 + 3


@pytest.mark.case("OPR-27")
async def test_a_deadline_of_three_seconds_is_kept(desk: Desk, call: Caller) -> None:
    """Attempts take a second; the sleep that would end past it is not begun."""
    operation = desk.operation()
    began = desk.clock.monotonic()
    left: list[float] = []

    def slow() -> None:
        left.append(desk.provider.calls[-1].remaining())
        desk.clock.advance(min(1.0, left[-1]))  # as a client does with a time-out

    desk.provider.faults = [Fault(refused().error, before=slow) for _ in range(5)]

    with deadline(3.0, clock=desk.clock), pytest.raises(ProviderUnavailable):
        await call(operation, Send())

    took = desk.clock.monotonic() - began
    assert took <= 3.0
    assert 1 <= len(desk.provider.calls) <= 3
    assert left[0] == pytest.approx(3.0, abs=0.5)
    assert left == sorted(left, reverse=True)
    assert desk.state(operation) == "free"


async def test_without_any_limit_the_time_left_is_infinite(
    desk: Desk, call: Caller
) -> None:
    """And with ``timeout=`` it is that of one attempt."""
    await call(desk.operation(), Send())
    endless = desk.provider.calls[-1].remaining()
    limits: list[float] = []

    def ask() -> None:
        limits.append(desk.provider.calls[-1].remaining())

    desk.provider.faults = [Fault(refused().error, before=ask), Fault(before=ask)]
    await call(desk.operation(timeout=4.0), Send(), key="k2")

    assert endless == math.inf
    assert limits == [pytest.approx(4.0, abs=1.0)] * 2
