"""Cancellation says nothing about the service, wherever it strikes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

import anyio
import pytest

from syncpatterns.retry import CircuitBreaker, CircuitOpen
from syncpatterns.testing import cancel_sweep
from tests.unit.retry.breaker_kit import Down, agood, make, outcome, trip

Backend = Literal["asyncio", "trio"]


async def forever() -> None:
    """Never return."""
    await anyio.sleep_forever()


@pytest.mark.case("RTY-45")
async def test_a_cancelled_probe_gives_its_place_back() -> None:
    """Still half open, and the next caller is let in at once."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(300)
    async with anyio.create_task_group() as group:
        group.start_soon(breaker.acall, forever)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(CircuitOpen):
            await breaker.acall(agood)
        group.cancel_scope.cancel()
    assert breaker.current_state == "half-open"

    assert await breaker.acall(agood) == "answer"
    assert breaker.current_state == "closed"


@pytest.mark.parametrize("how", ["acall", "decorated", "block", "generator"])
async def test_a_cancelled_call_counts_nothing(how: str) -> None:
    """Neither as a failure nor as a success, in any form."""
    breaker, _ = make(failures=1)

    @breaker
    async def stream() -> AsyncGenerator[int, None]:
        await forever()
        yield 1

    async def run() -> None:
        match how:
            case "acall":
                await breaker.acall(forever)
            case "decorated":
                await breaker(forever)()
            case "block":
                async with breaker.acalling():
                    await forever()
            case _:
                await anext(stream())

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("how", ["acall", "block", "generator"])
def test_a_cancel_at_every_step_of_a_probe_leaves_no_place_taken(
    backend: Backend, how: str
) -> None:
    """Whatever the step, the next caller is let in at once."""

    async def prepare() -> CircuitBreaker:
        breaker, clock = make()
        trip(breaker)
        clock.advance(300)
        return breaker

    async def answer() -> None:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()

    async def main(breaker: CircuitBreaker) -> None:
        @breaker
        async def stream() -> AsyncGenerator[int, None]:
            await answer()
            yield 1

        if how == "acall":
            await breaker.acall(answer)
        elif how == "block":
            async with breaker.acalling():
                await answer()
        else:
            async with aclosing(stream()) as items:
                async for _ in items:
                    await anyio.lowlevel.checkpoint()

    async def judge(breaker: CircuitBreaker) -> None:
        assert breaker.current_state in {"open", "half-open", "closed"}
        assert outcome(breaker) == "answer"
        assert breaker.current_state == "closed"

    sweep = cancel_sweep(main, prepare=prepare, judge=judge, backend=backend)

    assert sweep.points >= 3
    assert sweep.cancelled >= 2


@pytest.mark.parametrize("seed", range(20))
def test_cancels_among_many_tasks_neither_open_nor_wedge(seed: int) -> None:
    """Ten tasks at a half-open breaker, cancelled at every step: it closes."""

    async def prepare() -> CircuitBreaker:
        breaker, clock = make()
        trip(breaker)
        clock.advance(300)
        return breaker

    async def once(breaker: CircuitBreaker) -> None:
        async def answer() -> None:
            await anyio.lowlevel.checkpoint()

        try:
            await breaker.acall(answer)
        except CircuitOpen:
            await anyio.lowlevel.checkpoint()

    async def main(breaker: CircuitBreaker) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(once, breaker)

    async def judge(breaker: CircuitBreaker) -> None:
        assert breaker.fail_counter in {0, 5}
        assert outcome(breaker) == "answer"
        assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)

    sweep = cancel_sweep(main, prepare=prepare, judge=judge, seed=seed)

    assert sweep.points > 1


def test_the_sweep_finds_a_breaker_that_keeps_the_place() -> None:
    """Planted: a probe whose place is not given back when it is cancelled."""

    class Wedged(CircuitBreaker):
        def _cancelled(self, ticket: Any) -> None:
            pass

    async def prepare() -> Wedged:
        _, clock = make()
        breaker = Wedged(clock=clock)
        trip(breaker)
        clock.advance(300)
        return breaker

    async def main(breaker: Wedged) -> None:
        await breaker.acall(anyio.lowlevel.checkpoint)

    async def judge(breaker: Wedged) -> None:
        assert outcome(breaker) == "answer"

    with pytest.raises(AssertionError):
        cancel_sweep(main, prepare=prepare, judge=judge)


async def test_a_timeout_inside_the_call_is_a_failure() -> None:
    """TimeoutError is the service's doing; it counts."""
    breaker, _ = make(failures=1)

    async def slow() -> None:
        with anyio.fail_after(0):
            await anyio.lowlevel.checkpoint()
            await forever()

    with pytest.raises(TimeoutError):
        await breaker.acall(slow)

    assert breaker.current_state == "open"
    assert not isinstance(TimeoutError(), Down)
