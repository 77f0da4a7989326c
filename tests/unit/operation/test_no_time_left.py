"""A caller whose deadline is over before the request leaves."""

from __future__ import annotations

import functools
from typing import Any

import anyio.to_thread
import pytest

from syncpatterns.errors import (
    CallRejected,
    InProgress,
    OutcomeUnknown,
    ProviderUnavailable,
)
from syncpatterns.idempotency import NotCommitted
from syncpatterns.operation import FencedContext
from syncpatterns.retry import CircuitBreaker, deadline
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import Desk, Fault, Receipt, Send, Sent


async def test_without_time_nothing_leaves(desk: Desk, call: Caller) -> None:
    """Sent without time for an answer, it could only be unknown."""
    operation = desk.operation()

    with deadline(0), pytest.raises(CallRejected, match="deadline was over"):
        await call(operation, Send())

    assert desk.provider.calls == []
    assert operation.unresolved() == []


async def test_the_key_is_free_again(desk: Desk, call: Caller) -> None:
    """The next call with time does it."""
    operation = desk.operation()
    with deadline(0), pytest.raises(CallRejected):
        await call(operation, Send())

    answer = await call(operation, Send())

    assert (answer.value, answer.replayed) == (Sent("lead-1", 1), False)


async def test_it_says_nothing_about_the_provider(desk: Desk, call: Caller) -> None:
    """No vote of the breaker, and no second attempt."""
    breaker = CircuitBreaker(failures=1, clock=desk.clock)
    operation = desk.operation(breaker=breaker, retry=desk.retry(on=Exception))

    with deadline(0), pytest.raises(CallRejected):
        await call(operation, Send())

    assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)
    assert desk.provider.calls == []


@pytest.mark.case("OPR-27", part="while somebody else has the key")
async def test_nobody_waits_for_another_past_its_deadline(
    desk: Desk, call: Caller
) -> None:
    """Another call has the key: who has one second waits for it no longer."""
    operation = desk.operation()
    mode: Any = operation._mode
    request = operation._request(Send(), "k1", "acme")
    other = mode.make_call(Send(), request, mode.guard.port())
    assert desk.engine.idempotency_store().claim(other.request).token
    began = desk.clock.monotonic()

    async def ask() -> None:
        if call.how == "acall":
            await call(operation, Send())
        else:  # on a thread that may wait: the loop's must not
            command = functools.partial(operation.call, Send(), key="k1", scope="acme")
            await anyio.to_thread.run_sync(command)

    with deadline(1.0, clock=desk.clock), pytest.raises(InProgress):
        await ask()
    waited = desk.clock.monotonic() - began
    with pytest.raises(InProgress):
        await ask()

    assert waited == pytest.approx(1.0, abs=0.01)
    assert desk.clock.monotonic() - began >= 5.0
    assert desk.provider.calls == []


@pytest.mark.case("OPR-27", part="between two looks")
async def test_nobody_sleeps_between_two_looks_past_its_deadline(
    desk: Desk, call: Caller
) -> None:
    """One absence is no proof, and there is no time for the next: unknown, at once."""
    operation = desk.operation()
    desk.provider.faults = [
        Fault(TimeoutError(), before=lambda: desk.clock.advance(2.5))
    ]
    began = desk.clock.monotonic()

    with deadline(3.0, clock=desk.clock), pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    took = desk.clock.monotonic() - began
    found = await operation.arecheck("k1", scope="acme")

    assert took == pytest.approx(2.5, abs=0.01)
    assert found == NotCommitted()
    assert (await call(operation, Send())).value == Sent("lead-1", 1)


@pytest.mark.case("OPR-27", part="the retry's own time is not the caller's")
async def test_the_time_of_the_retry_ends_no_look(desk: Desk, call: Caller) -> None:
    """Over before the second look, it keeps from sending again, not from looking."""
    operation = desk.operation(retry=desk.retry(attempts=2, timeout=0.5))
    desk.provider.faults = [
        Fault(TimeoutError(), before=lambda: desk.clock.advance(0.3))
    ]

    with pytest.raises(ProviderUnavailable, match="nothing was sent"):
        await call(operation, Send())

    assert (len(desk.provider.calls), len(desk.provider.looks)) == (1, 2)


async def test_a_look_has_the_time_of_its_caller(desk: Desk, call: Caller) -> None:
    """A client told that nothing is left could not ask, and nobody would know."""
    left: list[float] = []
    find = desk.provider.find

    def measured(command: Send, ctx: FencedContext) -> Receipt | None:
        left.append(ctx.remaining())
        return find(command, ctx)

    desk.provider.find = measured  # type: ignore[method-assign]  # asks what is left first
    operation = desk.operation(retry=desk.retry(attempts=2, timeout=0.5))
    desk.provider.faults = [Fault(TimeoutError())]

    with deadline(10.0, clock=desk.clock), pytest.raises(ProviderUnavailable):
        await call(operation, Send())

    assert left == pytest.approx([10.0, 9.0], abs=0.01)


async def test_a_look_left_out_is_not_called_a_failure(
    desk: Desk, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """The lookup answered; it was the caller who had no time for the second."""
    operation = desk.operation()
    desk.provider.faults = [Fault(TimeoutError())]

    with deadline(0.5, clock=desk.clock), pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    (line,) = [each.getMessage() for each in caplog.records]
    assert "deadline comes before the second look" in line
    assert "failed" not in line
