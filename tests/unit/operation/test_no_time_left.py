"""A caller whose deadline is over before the request leaves."""

from __future__ import annotations

import pytest

from syncpatterns.errors import CallRejected
from syncpatterns.retry import CircuitBreaker, deadline
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import Desk, Send, Sent


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
