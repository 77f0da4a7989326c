from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.events import GaveUp, Retried
from syncpatterns.retry import (
    Attempt,
    Retry,
    RetryBudget,
    attempt_number,
    no_jitter,
    remaining,
)
from syncpatterns.testing import FakeClock
from tests.unit.retry.leftovers import left_by


class Down(Exception):
    pass


def _loop(retry: Retry, body: Callable[[int], object]) -> None:
    """Run *body* in the rounds of a loop."""
    for attempt in retry:
        with attempt:
            body(attempt.number)


async def _aloop(retry: Retry, body: Callable[[int], object]) -> None:
    """Run *body* in the rounds of an async loop."""
    async for attempt in retry:
        with attempt:
            body(attempt.number)


def _fail(number: int) -> None:
    raise Down(number)


@pytest.fixture
def retry(clock: FakeClock) -> Retry:
    """Wait 1, 2, 4, 4 s."""
    return Retry(on=Down, wait=no_jitter(), clock=clock)


async def test_a_block_goes_round_until_it_succeeds(
    retry: Retry, clock: FakeClock
) -> None:
    """Attempts are numbered from 1; what follows the loop runs once."""
    numbers: list[int] = []

    for attempt in retry:
        with attempt:
            numbers.append(attempt.number)
            if attempt.number < 3:
                raise Down
    async for attempt in retry:
        with attempt as entered:
            numbers.append(entered.number)
            if attempt.number < 3:
                raise Down

    assert numbers == [1, 2, 3] * 2
    assert clock.slept == [1, 2] * 2


@pytest.mark.case("RTY-07", part="block")
async def test_a_block_gives_up_like_a_call(retry: Retry, clock: FakeClock) -> None:
    """Five rounds, four sleeps, the last round's own error."""
    with pytest.raises(Down) as caught:
        _loop(retry, _fail)
    assert caught.value.args == (5,)
    assert caught.value.__context__ is None
    with pytest.raises(Down) as caught:
        await _aloop(retry, _fail)
    assert caught.value.args == (5,)
    assert clock.slept == [1, 2, 4, 4] * 2


async def test_another_error_leaves_the_block_at_once(
    retry: Retry, clock: FakeClock
) -> None:
    """As an error that on= does not name leaves a call."""

    def fail(number: int) -> None:
        raise LookupError(number)

    with pytest.raises(LookupError, match="1"):
        _loop(retry, fail)
    with pytest.raises(LookupError, match="1"):
        await _aloop(retry, fail)

    assert clock.slept == []


@pytest.mark.case("RTY-27", part="block")
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_leaves_the_block(
    kind: type[BaseException], clock: FakeClock
) -> None:
    """Even where on= accepts anything."""
    rounds: list[int] = []

    def leave(number: int) -> None:
        rounds.append(number)
        raise kind

    with pytest.raises(kind):
        _loop(Retry(on=lambda _: True, clock=clock), leave)

    assert rounds == [1]


@pytest.mark.case("RTY-28", part="block")
async def test_a_cancelled_block_is_the_last(clock: FakeClock) -> None:
    """In the block or in the sleep after it, no further round begins."""
    rounds = 0
    with anyio.CancelScope() as scope:
        async for attempt in Retry(on=lambda _: True, clock=clock):
            with attempt:
                rounds += 1
                scope.cancel()
                await anyio.sleep_forever()
    assert (rounds, scope.cancelled_caught) == (1, True)

    still, budget = FakeClock(), RetryBudget(3)

    async def fail() -> None:
        nonlocal rounds
        async for attempt in Retry(on=Down, clock=still, budget=budget):
            with attempt:
                rounds += 1
                raise Down

    async with anyio.create_task_group() as group:
        group.start_soon(fail)
        await still.await_for_sleepers()
        group.cancel_scope.cancel()

    assert (rounds, budget.tokens) == (2, 3)


async def test_leaving_the_loop_from_within_is_a_success(clock: FakeClock) -> None:
    """break, continue and return end the block without an error."""
    budget = RetryBudget(2, 0.5)
    retry = Retry(on=Down, clock=clock, budget=budget)
    budget.withdraw()

    def found() -> int:
        for attempt in retry:
            with attempt:
                return attempt.number
        raise AssertionError("not reached")

    assert found() == 1
    assert budget.tokens == 1.5
    rounds = 0
    async for attempt in retry:
        with attempt:
            rounds += 1
            continue
    assert (rounds, budget.tokens) == (1, 2)


def test_a_loop_left_after_a_failure_gives_the_token_back(clock: FakeClock) -> None:
    """The round that was paid for is not made."""
    budget = RetryBudget(3)

    def leave() -> None:
        for attempt in Retry(on=Down, clock=clock, budget=budget):
            with attempt:
                raise Down
            assert budget.tokens == 2
            break

    leave()

    assert (budget.tokens, clock.slept) == (3, [])


async def test_number_and_deadline_hold_in_the_block(clock: FakeClock) -> None:
    """For a breaker or a client below; outside of it they are the caller's."""
    retry = Retry(on=Down, wait=no_jitter(), timeout=10, attempts=3, clock=clock)
    seen: list[Any] = []

    def look(number: int) -> None:
        seen.append((attempt_number.get(), remaining()))
        if number < 3:
            raise Down

    for attempt in retry:
        with attempt:
            look(attempt.number)
        assert (attempt_number.get(), remaining()) == (1, float("inf"))
    await _aloop(retry, look)

    assert seen == [(1, 10), (2, 9), (3, 7)] * 2
    assert (attempt_number.get(), remaining()) == (1, float("inf"))


async def test_the_timeout_covers_all_rounds(clock: FakeClock) -> None:
    """A sleep that would end past it is not begun."""
    retry = Retry(on=Down, wait=no_jitter(), timeout=2.5, clock=clock)

    with pytest.raises(Down, match="2"):
        _loop(retry, _fail)
    with pytest.raises(Down, match="2"):
        await _aloop(retry, _fail)

    assert clock.slept == [1, 1]


@pytest.mark.case("RTY-16", part="block")
async def test_a_block_is_not_slept_past_an_enclosing_scope() -> None:
    """Its own error comes before the scope fires."""
    with anyio.move_on_after(50) as scope:
        with pytest.raises(Down):
            await _aloop(Retry(on=Down, wait=no_jitter(100, 100)), _fail)
        assert not scope.cancel_called


async def test_a_round_that_was_not_entered_is_a_mistake(retry: Retry) -> None:
    """Nobody can say whether it failed, and the loop would never end."""
    rounds, arounds = iter(retry), aiter(retry)
    next(rounds)
    await anext(arounds)

    with pytest.raises(ConfigurationError, match="with attempt:"):
        next(rounds)
    with pytest.raises(ConfigurationError, match="with attempt:"):
        await anext(arounds)


def test_an_attempt_is_entered_once(retry: Retry) -> None:
    """Kept for later or entered twice it says what is wrong."""
    rounds: list[Attempt] = []
    for attempt in retry:
        rounds.append(attempt)
        with attempt:
            if attempt.number == 1:
                raise Down

    for attempt in rounds:
        with pytest.raises(ConfigurationError, match="is over"), attempt:
            pass


def test_a_loop_that_ended_stays_ended(retry: Retry) -> None:
    """As any iterator."""
    rounds = iter(retry)
    with next(rounds):
        pass

    assert [next(rounds, None) for _ in range(2)] == [None, None]


def test_two_loops_over_one_object_count_apart(retry: Retry) -> None:
    """All state belongs to the loop."""
    count = 0
    for outer in retry:
        with outer:
            for inner in retry:
                with inner:
                    count += 1
                    if inner.number < 3:
                        raise Down
            if outer.number < 2:
                raise Down

    assert count == 6


@pytest.mark.parametrize(
    ("name", "told_as"), [("leads.sync", "leads.sync"), (None, "block")]
)
def test_hooks_hear_of_blocks_by_the_name_given(
    name: str | None, told_as: str, clock: FakeClock
) -> None:
    """There is no function whose name could be used."""
    told: list[Any] = []
    retry = Retry(
        on=Down,
        wait=no_jitter(),
        attempts=2,
        clock=clock,
        hooks=[told.append],
        name=name,
    )

    with pytest.raises(Down):
        _loop(retry, _fail)

    assert told == [
        Retried(told_as, "", "", attempt=1, seconds=1.0),
        GaveUp(told_as, "", "", attempts=2, reason="attempts"),
    ]


@pytest.mark.case("RTY-32", part="block")
def test_a_block_that_gave_up_leaves_no_cycle(clock: FakeClock) -> None:
    """Neither the loop nor an attempt keeps the error."""
    retry = Retry(on=Down, clock=clock, budget=None)

    def exhaust() -> None:
        try:
            _loop(retry, _fail)
        except Down:
            return
        raise AssertionError("it should have given up")

    assert left_by(exhaust) == []


def test_an_attempt_shows_its_number(retry: Retry) -> None:
    """For a log."""
    assert repr(next(iter(retry))) == "<attempt 1>"
