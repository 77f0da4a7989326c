"""A call cancelled at every step leaves nothing that only time would free."""

from __future__ import annotations

from typing import Any, Literal

import anyio
import pytest

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.idempotency import Context, Idempotency, State
from syncpatterns.idempotency._steps import Claim, Complete, Release
from syncpatterns.testing import LoopClock, cancel_sweep
from tests.unit.idempotency.helpers import WHERE

BACKENDS = ("asyncio", "trio")


class SlowStore:
    """An awaitable store that takes two turns of the loop for every command."""

    name = "slow"

    def __init__(self, engine: MemoryEngine | None = None) -> None:
        engine = engine or MemoryEngine(clock=LoopClock())
        self._store = engine.async_idempotency_store()

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._store, method)

        async def call(*args: Any, **options: Any) -> Any:
            await anyio.lowlevel.checkpoint()
            answer = await real(*args, **options)
            await anyio.lowlevel.checkpoint()
            return answer

        return call

    async def claim(self, request: Any) -> Any:
        """Tell the guard that this store is to be awaited."""
        return await self.__getattr__("claim")(request)


async def a_guard() -> Idempotency:
    """Return a guard over a fresh store, in the loop's own time."""
    store: Any = SlowStore()
    return Idempotency(store, clock=LoopClock())


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_owner_cancelled_anywhere_holds_nothing(
    backend: Literal["asyncio", "trio"],
) -> None:
    """Its key is free, or done; never held until the lease runs out."""

    async def effect(_: Context) -> int:
        await anyio.lowlevel.checkpoint()
        return 1

    async def main(guard: Idempotency) -> None:
        await guard.aexecute("k", effect, payload=1, **WHERE)

    async def judge(guard: Idempotency) -> None:
        record = await guard.ainspect("k", **WHERE)

        assert record is None or record.state in (State.FREE, State.COMPLETED)
        assert guard._setup.flights._leading == {}

    sweep = cancel_sweep(main, prepare=a_guard, judge=judge, backend=backend)

    assert sweep.points >= 4
    assert sweep.cancelled >= 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_after_the_point_of_no_return_nothing_is_given_back(
    backend: Literal["asyncio", "trio"],
) -> None:
    """Cancelled while a request is under way, the outcome is unknown."""
    passed: list[int] = []

    async def effect(context: Context) -> int:
        context.point_of_no_return()
        passed.append(1)
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        return 1

    async def main(guard: Idempotency) -> None:
        await guard.aexecute("k", effect, payload=1, **WHERE)

    async def judge(guard: Idempotency) -> None:
        record = await guard.ainspect("k", **WHERE)
        expected = (State.UNKNOWN, State.COMPLETED) if passed else (None, State.FREE)
        passed.clear()

        assert (record.state if record else None) in expected

    sweep = cancel_sweep(main, prepare=a_guard, judge=judge, backend=backend)

    assert sweep.points >= 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_waiter_cancelled_anywhere_disturbs_nobody(
    backend: Literal["asyncio", "trio"],
) -> None:
    """The owner ends as if nobody had waited, and no place stays taken."""
    answers: list[int] = []

    async def effect(_: Context) -> int:
        for _turn in range(6):
            await anyio.lowlevel.checkpoint()
        return 7

    async def prepare() -> tuple[Idempotency, anyio.abc.TaskGroup]:
        answers.clear()
        guard = await a_guard()
        tasks = await anyio.create_task_group().__aenter__()

        async def own() -> None:
            answers.append(await guard.aexecute("k", effect, payload=1, **WHERE))

        tasks.start_soon(own)
        await anyio.lowlevel.checkpoint()
        return guard, tasks

    async def main(state: tuple[Idempotency, anyio.abc.TaskGroup]) -> None:
        await state[0].aexecute("k", effect, payload=1, **WHERE)

    async def judge(state: tuple[Idempotency, anyio.abc.TaskGroup]) -> None:
        await state[1].__aexit__(None, None, None)
        flights = state[0]._setup.flights

        assert answers == [7]
        assert (flights.waiting, flights._leading) == (0, {})

    sweep = cancel_sweep(main, prepare=prepare, judge=judge, backend=backend)

    assert sweep.points >= 4


@pytest.mark.parametrize("step", [Claim, Release, Complete])
def test_the_sweep_finds_a_step_that_is_not_shielded(
    step: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: cancelled inside the store, the key stays held."""
    monkeypatch.setattr(step, "shield", False)

    with pytest.raises(AssertionError):
        test_an_owner_cancelled_anywhere_holds_nothing("asyncio")
