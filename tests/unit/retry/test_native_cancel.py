"""What a breaker lends and a budget sells comes back when asyncio itself cancels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from syncpatterns.retry import CircuitBreaker, Retry, RetryBudget
from syncpatterns.testing import LoopClock, SimLoop
from tests.unit.idempotency.native_sweep import (
    Moment,
    Way,
    aims,
    native_sweep,
)
from tests.unit.retry.breaker_kit import make, outcome, trip


async def answer() -> None:
    """Take three turns of the loop."""
    for _ in range(3):
        await asyncio.sleep(0)


@aims
@pytest.mark.parametrize("how", ["acall", "decorated", "block", "generator"])
def test_a_probe_that_is_cancelled_gives_its_place_back(
    how: str, way: Way, moment: Moment
) -> None:
    """The next caller is let in at once, and closes the circuit."""

    async def prepare() -> CircuitBreaker:
        breaker, clock = make()
        trip(breaker)
        clock.advance(300)
        return breaker

    async def main(breaker: CircuitBreaker) -> None:
        @breaker
        async def stream() -> AsyncGenerator[int, None]:
            await answer()
            yield 1

        match how:
            case "acall":
                await breaker.acall(answer)
            case "decorated":
                await breaker(answer)()
            case "block":
                async with breaker.acalling():
                    await answer()
            case _:
                async with aclosing(stream()) as items:
                    async for _ in items:
                        await asyncio.sleep(0)

    async def judge(breaker: CircuitBreaker) -> None:
        assert outcome(breaker) == "answer"
        assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)

    sweep = native_sweep(main, prepare=prepare, judge=judge, way=way, moment=moment)

    assert sweep.points >= 3
    assert sweep.cancelled >= 2


@aims
def test_a_retry_that_is_not_made_costs_nothing(way: Way, moment: Moment) -> None:
    """Cancelled while it sleeps, its token is back; each attempt that began is paid."""

    class Series:
        def __init__(self) -> None:
            self.attempts = 0
            self.budget = RetryBudget(10, ratio=0.0)
            self.retry = Retry(
                on=ConnectionError, clock=LoopClock(), budget=self.budget
            )

        async def attempt(self) -> None:
            self.attempts += 1
            await asyncio.sleep(0)
            if self.attempts < 4:
                raise ConnectionError

        async def run(self) -> None:
            await self.retry.acall(self.attempt)

    async def prepare() -> Series:
        return Series()

    async def judge(series: Series) -> None:
        paid = max(0, series.attempts - 1)
        assert series.budget.tokens == 10 - paid

    sweep = native_sweep(
        Series.run,
        prepare=prepare,
        judge=judge,
        way=way,
        moment=moment,
        loop=lambda: SimLoop(0),
    )

    assert sweep.points >= 4 + 3  # attempts, and the sleeps between them
