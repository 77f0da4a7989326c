"""Cancelled by asyncio's own means, a call leaves nothing that only time frees."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import anyio
import pytest

from syncpatterns import _landing
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import InProgress
from syncpatterns.idempotency import (
    Committed,
    Context,
    Idempotency,
    NotCommitted,
    State,
    idempotent,
)
from syncpatterns.idempotency._guard import arun_call
from syncpatterns.testing import LoopClock, SimLoop
from tests.unit.idempotency.helpers import WHERE, claim_as
from tests.unit.idempotency.native_sweep import (
    Aim,
    Moment,
    Way,
    aims,
    native_sweep,
    numbers,
    scope_sweep,
)
from tests.unit.idempotency.native_trial import Trial


@aims
def test_an_owner_cancelled_anywhere_holds_nothing(
    home: Any, way: Way, moment: Moment
) -> None:
    """Its key is free at once, or done; the next call runs it or replays it."""
    guard = Idempotency(home)

    async def prepare() -> Trial:
        return Trial(guard)

    async def judge(trial: Trial) -> None:
        state, done = await trial.state(), trial.done
        assert state in {None, State.FREE, State.COMPLETED}
        assert trial.idle()
        if state is State.COMPLETED:
            assert done == 1
        assert await trial.call() == (done if state is State.COMPLETED else done + 1)

    sweep = native_sweep(
        Trial.call, prepare=prepare, judge=judge, way=way, moment=moment
    )

    assert sweep.points >= 2
    assert sweep.cancelled >= 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_owner_whose_scope_is_cancelled_anywhere_holds_nothing(
    home: Any, backend: str
) -> None:
    """The same with a cancel scope, in real time: SQLite answers from a thread."""
    guard = Idempotency(home)

    async def prepare() -> Trial:
        return Trial(guard)

    async def judge(trial: Trial) -> None:
        state, done = await trial.state(), trial.done
        assert state in {None, State.FREE, State.COMPLETED}
        assert await trial.call() == (done if state is State.COMPLETED else done + 1)
        assert trial.idle()

    sweep = scope_sweep(Trial.call, prepare=prepare, judge=judge, backend=backend)

    assert sweep.points >= 2
    assert sweep.cancelled >= 1


@aims
def test_after_the_point_of_no_return_it_is_unknown(
    home: Any, way: Way, moment: Moment
) -> None:
    """Nothing that may have left is given back, and nothing that has not is kept."""
    guard = Idempotency(home)

    async def prepare() -> Trial:
        return Trial(guard, passes=True)

    async def judge(trial: Trial) -> None:
        state = await trial.state()
        left = {State.UNKNOWN, State.COMPLETED}
        assert state in (left if trial.begun else {None, State.FREE})
        assert trial.idle()
        if state is State.UNKNOWN:
            verdict = Committed(1) if trial.done else NotCommitted()
            assert await trial.guard.aresolve(trial.key, verdict, **WHERE)
        assert await trial.call() == 1
        assert trial.done == 1

    sweep = native_sweep(
        Trial.call, prepare=prepare, judge=judge, way=way, moment=moment
    )

    assert sweep.points >= 2


@aims
def test_a_follower_cancelled_anywhere_disturbs_nobody(
    home: Any, way: Way, moment: Moment
) -> None:
    """Whom it waits for ends as if it had been alone, and its place is free."""
    guard = Idempotency(home)
    owners: list[asyncio.Task[int]] = []

    async def prepare() -> Trial:
        trial = Trial(guard, turns=10)
        owners.append(asyncio.create_task(trial.call()))
        await trial.ran.wait()
        return trial

    async def judge(trial: Trial) -> None:
        assert await owners.pop() == 1
        assert await trial.state() is State.COMPLETED
        assert trial.idle()
        assert (trial.begun, await trial.call()) == (1, 1)

    sweep = native_sweep(
        Trial.call, prepare=prepare, judge=judge, way=way, moment=moment
    )

    assert sweep.points >= 1


@aims
def test_a_leader_cancelled_anywhere_leaves_its_followers_to_themselves(
    home: Any, way: Way, moment: Moment
) -> None:
    """One of them takes over, or all replay: the effect is done once in all."""
    guard = Idempotency(home)
    followers: list[asyncio.Task[int]] = []

    async def prepare() -> Trial:
        return Trial(guard)

    async def main(trial: Trial) -> None:
        followers.extend(asyncio.create_task(trial.call()) for _ in range(3))
        await trial.call()

    async def judge(trial: Trial) -> None:
        answers = await asyncio.gather(*followers)
        followers.clear()
        assert (len(answers), set(answers)) == (3, {trial.done})
        assert await trial.state() is State.COMPLETED
        assert trial.idle()

    sweep = native_sweep(main, prepare=prepare, judge=judge, way=way, moment=moment)

    assert sweep.points >= 2


@aims
def test_one_who_waits_for_another_process_just_goes(way: Way, moment: Moment) -> None:
    """It has taken nothing; time passes by itself in here."""
    stores: list[Any] = []

    async def prepare() -> Trial:
        engine = MemoryEngine(clock=LoopClock())
        trial = Trial(Idempotency(engine, clock=engine.clock, wait_timeout=0.2))
        stores.append(engine.idempotency_store())
        (key,) = trial._keys()
        stores[-1].claim(claim_as("another process", key=key, fingerprint=b""))
        return trial

    async def main(trial: Trial) -> None:
        call = trial.guard.make_call(
            trial.key,
            b"",
            WHERE["scope"],
            trial.guard._plan(WHERE["operation"], None, None, ()),
            trial.effect,
            trial.guard.aport(),
        )
        with pytest.raises(InProgress):
            await arun_call(call)

    async def judge(trial: Trial) -> None:
        assert await trial.state() is State.IN_PROGRESS
        assert trial.idle()
        assert trial.begun == 0

    sweep = native_sweep(
        main,
        prepare=prepare,
        judge=judge,
        way=way,
        moment=moment,
        loop=lambda: SimLoop(0),
    )

    assert sweep.points >= 3


@aims
def test_a_decorated_function_cancelled_anywhere_can_be_called_again(
    home: Any, way: Way, moment: Moment
) -> None:
    """The same for `@idempotent` around an ``async def``."""
    made: list[str] = []

    @idempotent(home, key="order", scope="acme")
    async def reserve(order: str) -> str:
        await asyncio.sleep(0)
        made.append(order)
        await asyncio.sleep(0)
        return order

    async def prepare() -> str:
        made.clear()
        return f"order-{next(numbers)}"

    async def judge(order: str) -> None:
        before = len(made)
        answered = await asyncio.wait_for(reserve(order), 20)
        assert answered == order
        assert len(made) in {before, before + 1}
        assert await reserve(order) == order
        assert len(made) <= before + 1

    sweep = native_sweep(reserve, prepare=prepare, judge=judge, way=way, moment=moment)

    assert sweep.points >= 2


@aims
def test_a_step_that_has_run_is_kept(home: Any, way: Way, moment: Moment) -> None:
    """Cancelled before it is noted down, it would run again with the next try."""
    guard = Idempotency(home)
    ran: dict[str, int] = {}

    @dataclass
    class Stepping(Trial):
        async def effect(self, context: Context) -> int:
            async def step() -> int:
                ran[self.key] = ran.get(self.key, 0) + 1
                return 7

            return await context.astep("one", step)

    async def prepare() -> Trial:
        return Stepping(guard)

    async def judge(trial: Trial) -> None:
        assert await trial.state() in {None, State.FREE, State.COMPLETED}
        assert await trial.call() == 7
        assert ran[trial.key] == 1

    native_sweep(Trial.call, prepare=prepare, judge=judge, way=way, moment=moment)


# -------------------------------------------------------------------- planted bugs


async def _plain(work: Any, name: str, limit: float, late: Any, **_: Any) -> Any:
    """Await it as before: shielded from scopes alone."""
    with anyio.move_on_after(limit, shield=True):
        return await work()
    raise TimeoutError(name)


@pytest.mark.parametrize(
    ("home", "way"),
    [("slow", "cancel"), ("slow", "timeout"), ("sqlite", "cancel")],
    indirect=["home"],
)
def test_the_sweep_finds_a_step_that_does_not_land(
    home: Any, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: a shield of anyio alone, as it was."""
    monkeypatch.setattr(_landing, "shielded", _plain)

    with pytest.raises(AssertionError, match="IN_PROGRESS"):
        test_an_owner_cancelled_anywhere_holds_nothing(home, way, "returning")


def test_the_sweep_finds_a_cancellation_that_is_swallowed() -> None:
    """A planted bug: who cancelled it is told that all is well."""

    async def main(_: None) -> None:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return

    async def nothing(*_: object) -> None:
        """Prepare, or judge, nothing."""

    for way in ("cancel", "twice"):
        with pytest.raises(AssertionError):
            native_sweep(main, prepare=nothing, judge=nothing, way=way)


def test_the_sweep_finds_a_task_that_is_left_running() -> None:
    """A planted bug: a task that nobody waits for."""
    gate: list[asyncio.Event] = []

    async def prepare() -> None:
        gate.append(asyncio.Event())

    async def main(_: None) -> None:
        left.append(asyncio.create_task(gate[-1].wait()))
        await asyncio.sleep(0)

    async def judge(_: None) -> None:
        """Find nothing."""

    left: list[asyncio.Task[Any]] = []
    with pytest.raises(AssertionError):
        native_sweep(main, prepare=prepare, judge=judge)


def test_an_aim_is_at_one_suspension() -> None:
    """It fires once, however often that is seen."""
    aim = Aim(2, "leaving", "cancel")
    for _ in range(5):
        aim.suspended(None)

    assert (aim.seen, aim.fired) == (5, 1)
