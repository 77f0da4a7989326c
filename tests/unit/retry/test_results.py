from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tenacity

from syncpatterns.errors import ConfigurationError
from syncpatterns.events import GaveUp, Retried
from syncpatterns.retry import Retry, RetryBudget, no_jitter
from syncpatterns.testing import FakeClock


class Down(Exception):
    pass


class Answers:
    """Returns the given values, one a call; an exception among them is raised."""

    def __init__(self, *values: object) -> None:
        self.values = list(values)
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        value = self.values.pop(0)
        if isinstance(value, Exception):
            raise value
        return value

    async def acall(self) -> Any:
        return self()


def _is_busy(status: int) -> bool:
    return status == 503


def _shown_busy(state: tenacity.RetryCallState) -> bool:
    assert state.outcome is not None
    return not state.outcome.failed and _is_busy(state.outcome.result())


@pytest.fixture
def retry(clock: FakeClock) -> Retry:
    """Retry an exception and a status."""
    return Retry(on=Down, result=_is_busy, wait=no_jitter(), clock=clock)


async def test_an_unwanted_value_is_tried_again(retry: Retry, clock: FakeClock) -> None:
    """Until a wanted one comes, in between exceptions too."""
    assert retry.call(Answers(503, Down(), 503, 200)) == 200
    assert await retry.acall(Answers(Down(), 503, 503, 204).acall) == 204
    assert clock.slept == [1, 2, 4] * 2


@pytest.mark.case("RTY-33")
async def test_the_last_value_is_returned_when_attempts_end(
    retry: Retry, clock: FakeClock
) -> None:
    """Nothing is raised: the caller looks at the value as always."""
    fn, afn = Answers(*[503] * 9), Answers(*[503] * 9)

    assert retry.call(fn) == 503
    assert await retry.acall(afn.acall) == 503
    assert (fn.calls, afn.calls) == (5, 5)
    assert clock.slept == [1, 2, 4, 4] * 2


async def test_with_one_attempt_the_value_comes_at_once(clock: FakeClock) -> None:
    """There is no second, so it is the answer."""
    retry = Retry(on=Down, result=_is_busy, attempts=1, clock=clock)

    assert retry.call(Answers(503)) == 503
    assert await retry.acall(Answers(503).acall) == 503


async def test_decorated_functions_are_judged_too(retry: Retry) -> None:
    """The decorator and call() do the same."""
    answers = Answers(503, 503, 200, 503, 201)

    @retry
    def ask() -> int:
        return int(answers())

    @retry
    async def aask() -> int:
        return int(answers())

    assert ask() == 200
    assert await aask() == 201


async def test_only_results_may_be_judged(clock: FakeClock) -> None:
    """on=() names no exception; without result= it would retry nothing."""
    retry = Retry(on=(), result=_is_busy, clock=clock)

    assert retry.call(Answers(503, 200)) == 200
    with pytest.raises(Down):
        retry.call(Answers(503, Down()))


def test_an_unwanted_value_costs_and_a_wanted_one_pays(clock: FakeClock) -> None:
    """For the budget the one is a failure and the other a success."""
    budget = RetryBudget(4, 0.5)
    retry = Retry(on=Down, result=_is_busy, clock=clock, budget=budget)

    retry.call(Answers(503, 503, 200))
    assert budget.tokens == 4 - 2 + 0.5
    retry.call(Answers(200))
    assert budget.tokens == 3
    assert retry.call(Answers(*[503] * 9)) == 503
    assert budget.tokens == 0


def test_a_predicate_that_raises_is_the_callers_bug(clock: FakeClock) -> None:
    """It is neither retried nor hidden."""
    fn = Answers(1, 2)

    with pytest.raises(ZeroDivisionError):
        Retry(on=Exception, result=lambda _: 1 / 0 > 1, clock=clock).call(fn)
    assert fn.calls == 1


def test_hooks_hear_of_values_without_seeing_them(clock: FakeClock) -> None:
    """The facts are those of an exception; the value stays inside."""
    told: list[Any] = []
    retry = Retry(
        on=Down,
        result=bool,
        wait=no_jitter(),
        attempts=2,
        clock=clock,
        hooks=[told.append],
        name="crm",
    )

    retry.call(Answers("+4915112345678", "+4915112345678"))

    assert told == [
        Retried("crm", "", "", attempt=1, seconds=1.0),
        GaveUp("crm", "", "", attempts=2, reason="attempts"),
    ]


def test_a_stop_strategy_sees_the_value(clock: FakeClock) -> None:
    """The state carries it like an exception."""
    seen: list[Any] = []

    def stop(state: tenacity.RetryCallState) -> bool:
        assert state.outcome is not None
        seen.append((state.outcome.failed, state.outcome.result()))
        assert state.outcome.exception() is None
        return False

    retry = Retry(on=Down, result=_is_busy, stop=stop, clock=clock)

    assert retry.call(Answers(503, 503, 200)) == 200
    assert seen == [(False, 503), (False, 503)]


@pytest.mark.parametrize(
    "strategy",
    [
        tenacity.retry_if_result(_is_busy),
        tenacity.retry_if_not_result(lambda status: status != 503),
        tenacity.retry_if_exception_type(OSError) | tenacity.retry_if_result(_is_busy),
        tenacity.retry_if_result(_is_busy) & tenacity.retry_always,
        tenacity.retry_any(_shown_busy),
        tenacity.retry_if_exception_type(OSError)
        | (tenacity.retry_if_result(_is_busy) & tenacity.retry_any(_shown_busy)),
    ],
    ids=["if_result", "if_not_result", "or", "and", "function", "nested"],
)
async def test_a_tenacity_strategy_may_judge_results(
    strategy: Any, clock: FakeClock
) -> None:
    """What judges values in tenacity judges them here."""
    retry = Retry(on=strategy, wait=no_jitter(), clock=clock)

    assert retry.call(Answers(503, 503, 200)) == 200
    assert await retry.acall(Answers(503, 503, 200).acall) == 200
    assert retry.call(Answers(*[503] * 5)) == 503
    with pytest.raises(Down):
        retry.call(Answers(503, Down()))
    assert clock.slept == [1, 2] * 2 + [1, 2, 4, 4] + [1]


def test_retry_always_has_no_value_again_beside_a_judge_of_values(
    clock: FakeClock,
) -> None:
    """It means every exception, alone and in an `|`: a good answer is one."""
    strategy = tenacity.retry_always | tenacity.retry_if_result(_is_busy)

    assert Retry(on=strategy, clock=clock).call(Answers(Down(), 503, 200, 201)) == 200


async def test_a_strategy_of_ones_own_may_judge_results(clock: FakeClock) -> None:
    """A class that we do not know is shown everything."""

    class Busy(tenacity.retry_base):
        def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
            outcome = retry_state.outcome
            assert outcome is not None
            return outcome.failed or outcome.result() == 503

    retry = Retry(on=Busy(), clock=clock)

    assert retry.call(Answers(503, Down(), 200)) == 200
    assert await retry.acall(Answers(Down(), 503, 200).acall) == 200


def test_until_an_exception_comes(clock: FakeClock) -> None:
    """retry_unless_exception_type polls until the function raises that."""
    retry = Retry(on=tenacity.retry_unless_exception_type(Down), clock=clock)

    with pytest.raises(Down):
        retry.call(Answers(1, 2, OSError(), Down()))


def test_an_exception_part_of_an_and_is_never_shown_values(clock: FakeClock) -> None:
    """All must agree, so a part for exceptions alone settles it, unasked."""

    def unasked(value: object) -> bool:
        raise AssertionError("asked about a value")

    strategy = tenacity.retry_if_exception_type(Down) & tenacity.retry_if_result(
        unasked
    )

    assert Retry(on=strategy, clock=clock).call(Answers(7)) == 7


@pytest.mark.parametrize("make", [Retry.__iter__, Retry.__aiter__])
def test_a_block_has_no_value_to_judge(make: Callable[[Retry], object]) -> None:
    """It would never be asked, so it is refused."""
    for retry in (
        Retry(on=Down, result=bool),
        Retry(on=tenacity.retry_if_result(bool)),
    ):
        with pytest.raises(ConfigurationError, match="no returned value"):
            make(retry)


async def _judge(value: object) -> bool:
    return bool(value)


@pytest.mark.parametrize("result", [503, _judge], ids=["number", "async"])
def test_what_cannot_judge_is_refused(result: Any) -> None:
    """A coroutine would count as true for every value."""
    with pytest.raises(ConfigurationError, match="result"):
        Retry(on=Down, result=result)
