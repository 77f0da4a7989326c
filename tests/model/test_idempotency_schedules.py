"""Guarded calls in many orders of one event loop, in virtual time.

Callers of one key come, are cancelled, fail and take over, in an order that a
seed decides. Whatever the order: executions never overlap, each caller gets
exactly one answer, and no one runs the effect after it has succeeded.
"""
# hygiene for this file: sleep - the loop's time is virtual

from __future__ import annotations

import random
from typing import Any

import anyio
import pytest

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import InProgress, LeaseLost, OutcomeUnknown
from syncpatterns.idempotency import Context, Idempotency, Windows, _steps
from syncpatterns.testing import LoopClock, simulate

SEEDS = range(120)
CALLERS = 12


class Slow:
    """An awaitable store that lets others run before and after each command."""

    name = "slow"

    def __init__(self, chance: random.Random) -> None:
        self._store = MemoryEngine(clock=LoopClock()).async_idempotency_store()
        self._chance = chance

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._store, method)

        async def call(*args: Any) -> Any:
            await anyio.sleep(self._chance.choice([0, 0, 0.001, 0.05]))
            answer = await real(*args)
            await anyio.sleep(self._chance.choice([0, 0, 0.001, 0.05]))
            return answer

        return call

    async def claim(self, request: Any) -> Any:
        """Tell the guard that this store is to be awaited."""
        return await self.__getattr__("claim")(request)


class Run:
    """One schedule: what happened in it."""

    def __init__(self, seed: int, guard_class: type[Idempotency]) -> None:
        self.chance = random.Random(seed)
        self.running = 0
        self.most = 0
        self.succeeded = 0
        self.late = 0
        self.outcomes: list[str] = []
        store: Any = Slow(self.chance)
        # Two guards over stores of one engine are two processes to each other.
        self.guards = [
            guard_class(store, clock=LoopClock(), wait_timeout=3.0) for _ in range(2)
        ]
        self.guards[1]._setup.flights = type(self.guards[1]._setup.flights)()

    async def effect(self, context: Context) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        self.late += self.succeeded
        try:
            await anyio.sleep(self.chance.choice([0, 0.01, 0.5, 2.0]))
            if self.chance.random() < 0.4:
                raise ValueError(context.attempts)
            self.succeeded += 1
            return self.succeeded
        finally:
            self.running -= 1

    async def caller(self, guard: Idempotency) -> None:
        await anyio.sleep(self.chance.choice([0, 0, 0.02, 0.7]))
        patience = self.chance.choice([None, None, 0.03, 0.6])
        with anyio.move_on_after(patience) as scope:
            self.outcomes.append(await self._outcome(guard))
        if scope.cancelled_caught:
            self.outcomes.append("cancelled")

    async def _outcome(self, guard: Idempotency) -> str:
        try:
            value = await guard.aexecute(
                "k",
                self.effect,
                scope="t",
                operation="op",
                payload=None,
                windows=Windows(1000, 1000),
            )
        except (ValueError, InProgress, LeaseLost, OutcomeUnknown) as error:
            return type(error).__name__
        return f"value {value}"

    async def main(self) -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(CALLERS):
                tasks.start_soon(self.caller, self.guards[number % 2])
        for guard in self.guards:
            flights = guard._setup.flights

            assert (flights.waiting, flights._leading) == (0, {})


def judged(seed: int, guard_class: type[Idempotency] = Idempotency) -> Run:
    """Return a run in which every promise was kept.

    Raises:
        AssertionError: One was broken.
    """
    run: list[Run] = []

    async def main() -> None:
        run.append(Run(seed, guard_class))
        await run[0].main()

    simulate(main, seed)
    (done,) = run

    assert done.most <= 1, "two executions overlap"
    assert done.late == 0, "an execution began after another had succeeded"
    assert len(done.outcomes) == CALLERS
    assert {o for o in done.outcomes if o.startswith("value")} <= {"value 1"}
    return done


def test_every_schedule_keeps_the_promises() -> None:
    """P2, P7, P12 over many seeds; together they meet every kind of outcome."""
    seen: set[str] = set()
    for seed in SEEDS:
        seen.update(judged(seed).outcomes)

    assert {"value 1", "ValueError", "cancelled"} <= seen


def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim given back while its effect still runs lets another in."""
    real = _steps.Run.ado

    async def gives_back_first(step: Any) -> Any:
        await step.call.port.release(step.call.key, step.lease.token)
        return await real(step)

    monkeypatch.setattr(_steps.Run, "ado", gives_back_first)

    with pytest.raises(AssertionError):
        _ = [judged(seed) for seed in SEEDS]
