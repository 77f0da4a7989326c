"""What is certainly not there is sent again, if the retry names what happened."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.errors import NotSent, OutcomeUnknown, ProviderUnavailable
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import Desk, Fault, Send, Sent, dropped, refused


@pytest.mark.case("OPR-14", part="named by its own class")
@pytest.mark.parametrize(
    "on", [TimeoutError, (OSError, KeyError), lambda e: isinstance(e, TimeoutError)]
)
async def test_what_the_retry_names_is_sent_again_once_it_is_certainly_absent(
    desk: Desk, call: Caller, on: Any
) -> None:
    """A retry that names the time-out, and not what a lookup makes of it, goes on."""
    operation = desk.operation(retry=desk.retry(on))
    desk.provider.faults = [dropped(), dropped()]

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert (desk.provider.messages, len(desk.provider.calls)) == (["lead-1"], 3)


async def test_what_the_retry_does_not_name_is_given_up(
    desk: Desk, call: Caller
) -> None:
    """Absent, but neither the time-out nor NotSent is named: nothing was sent."""
    operation = desk.operation(retry=desk.retry(KeyError))
    desk.provider.faults = [dropped()]

    with pytest.raises(ProviderUnavailable) as caught:
        await call(operation, Send())

    assert isinstance(caught.value.__cause__, NotSent)
    assert (desk.state(operation), len(desk.provider.calls)) == ("free", 1)


async def test_given_up_while_absent_it_is_unavailable(
    desk: Desk, call: Caller
) -> None:
    """Whatever the retry was shown: the caller hears that nothing was sent."""
    error = TimeoutError("read timed out")
    operation = desk.operation(retry=desk.retry(TimeoutError, attempts=3))
    desk.provider.faults = [Fault(error) for _ in range(3)]

    with pytest.raises(ProviderUnavailable) as caught:
        await call(operation, Send())

    cause = caught.value.__cause__
    assert isinstance(cause, NotSent)
    assert isinstance(cause.__cause__, TimeoutError)
    assert (desk.state(operation), len(desk.provider.calls)) == ("free", 3)
    assert (await call(operation, Send())).value == Sent("lead-1", 1)


async def test_a_lost_answer_after_an_absent_one_is_unknown(
    desk: Desk, call: Caller
) -> None:
    """Each attempt is judged by what was looked up after it."""
    error = TimeoutError("read timed out")
    operation = desk.operation(retry=desk.retry(TimeoutError, attempts=3))
    desk.provider.faults = [Fault(error), Fault(error, taken=True)]
    desk.provider.blind = [None, None, ConnectionError("unreachable")]

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert desk.state(operation) == "unknown"
    assert (desk.provider.messages, len(desk.provider.calls)) == (["lead-1"], 2)


@pytest.mark.parametrize(
    ("named", "asked"),
    [
        (NotSent, ["NotSent"]),
        (Exception, ["NotSent"]),
        (TimeoutError, ["NotSent", "TimeoutError"]),
    ],
)
async def test_a_function_is_asked_for_each_yes_once(
    desk: Desk, call: Caller, named: type[Exception], asked: list[str]
) -> None:
    """It may count or log: first of what is known, then of what happened."""
    heard: list[Exception] = []

    def counting(error: Exception) -> bool:
        heard.append(error)
        return isinstance(error, named)

    operation = desk.operation(retry=desk.retry(counting))
    desk.provider.faults = [dropped(), dropped()]

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert [type(each).__name__ for each in heard] == asked * 2
    assert {str(each.__cause__ or each) for each in heard} == {"read timed out"}


async def test_a_function_that_counts_to_two_allows_two(
    desk: Desk, call: Caller
) -> None:
    """Asked three times for one lost answer it would have given up after the first."""
    budget = iter([True, True])
    operation = desk.operation(retry=desk.retry(lambda _: next(budget, False)))
    desk.provider.faults = [dropped() for _ in range(9)]

    with pytest.raises(ProviderUnavailable):
        await call(operation, Send())

    assert (len(desk.provider.calls), desk.state(operation)) == (3, "free")


async def test_a_function_is_asked_once_where_nobody_looks(
    desk: Desk, call: Caller
) -> None:
    """What certainly did not happen is shown as it is."""
    heard: list[str] = []

    def counting(error: Exception) -> bool:
        heard.append(type(error).__name__)
        return isinstance(error, NotSent)

    operation = desk.operation(retry=desk.retry(counting))
    desk.provider.faults = [refused(), refused()]

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert heard == ["NotSent"] * 2
