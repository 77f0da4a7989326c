"""A call cancelled at every step: the claim is settled, the message is one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import pytest

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import NotExecuted, NotSent, OutcomeUnknown
from syncpatterns.idempotency import Committed, State
from syncpatterns.operation import FencedContext, Operation
from syncpatterns.operation._fenced import _separate
from syncpatterns.retry import Retry
from syncpatterns.testing import LoopClock, cancel_sweep, simulate

Backend = Literal["asyncio", "trio"]


@pytest.fixture(autouse=True)
def _in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commit= take turns of the simulated loop instead of a real thread."""

    async def ado(work: _separate.Work) -> Any:
        await anyio.lowlevel.checkpoint()
        value = work.function()
        await anyio.lowlevel.checkpoint()
        return value

    monkeypatch.setattr(_separate.Work, "ado", ado)


@dataclass
class World:
    """A provider over a slow line, and an operation that uses it."""

    faults: list[str]
    messages: list[str] = field(default_factory=list[str])
    rows: list[str] = field(default_factory=list[str])
    sends: int = 0
    operation: Any = None
    engine: Any = None

    async def send(self, command: str, ctx: FencedContext) -> str:
        """Take two turns; the message is there after the first."""
        self.sends += 1
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "refused":
            raise NotSent
        await anyio.lowlevel.checkpoint()
        if fault != "dropped":
            self.messages.append(command)
        await anyio.lowlevel.checkpoint()
        if fault:
            raise TimeoutError(fault)
        return command

    async def find(self, command: str, ctx: FencedContext) -> str | None:
        """Look, over the same line."""
        await anyio.lowlevel.checkpoint()
        return command if command in self.messages else None

    def commit(self, tx: Any, command: str, receipt: str) -> str:
        """Write the row."""
        self.rows.append(receipt)
        return receipt

    async def call(self) -> Any:
        """Call it."""
        return await self.operation.acall("m", key="k", scope="t")

    def state(self) -> str:
        """Return the state of the key."""
        key = self.operation.storage_key("k", scope="t")
        record = self.engine.idempotency_store().inspect(key)
        return "absent" if record is None else str(record.state)


def make(*faults: str, **options: Any) -> World:
    """Return a fresh world, in the loop's own time."""
    world = World(list(faults))
    clock = LoopClock()
    world.engine = MemoryEngine(clock=clock)
    declared: dict[str, Any] = {
        "lookup": world.find,
        "commit": world.commit,
        "retry": Retry(on=NotSent, clock=clock, budget=None),
        "lookup_retry": None,
        **options,
    }
    world.operation = Operation("sms.send", world.engine, call=world.send, **declared)
    return world


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    "faults",
    [(), ("refused", "refused"), ("lost",), ("dropped",), ("refused", "lost")],
    ids=lambda faults: "-".join(faults) or "ok",
)
def test_cancelled_anywhere_it_is_settled_and_sent_once(
    backend: Backend, faults: tuple[str, ...]
) -> None:
    """Free, unknown or completed at once; then settled, and one message in all."""
    states: set[str] = set()

    async def prepare() -> World:
        return make(*faults)

    async def judge(world: World) -> None:
        state = world.state()
        states.add(state)
        assert state in {"absent", State.FREE, State.UNKNOWN, State.COMPLETED}
        assert (state == State.COMPLETED) == (world.rows == ["m"])
        if state == State.FREE:
            assert world.messages == []
        if state == State.UNKNOWN:
            with pytest.raises(OutcomeUnknown):
                await world.call()
            (unsettled,) = await world.operation.aunresolved()
            verdict = await world.operation.arecheck(unsettled)
            assert isinstance(verdict, Committed) == bool(world.messages)
        await world.call()
        assert (world.messages, world.rows) == (["m"], ["m"])
        assert world.operation._mode.guard.setup.flights._leading == {}

    sweep = cancel_sweep(
        lambda world: world.call(), prepare=prepare, judge=judge, backend=backend
    )

    assert sweep.points >= 4
    assert sweep.cancelled >= 1
    assert State.UNKNOWN in states
    if faults[:1] == ("refused",):
        assert State.FREE in states  # between two attempts nothing is in doubt


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_takeover_cancelled_anywhere_forgets_no_doubt(backend: Backend) -> None:
    """The dead owner's message is adopted in the end, and never sent again."""

    async def prepare() -> World:
        world = make()
        request = world.operation._request("m", "k", "t")
        mode = world.operation._mode
        dead = mode.make_call("m", request, mode.guard.aport())
        world.engine.idempotency_store().claim(dead.request._replace(lease=0.0))
        world.messages.append("m")
        return world

    async def judge(world: World) -> None:
        assert world.state() != State.FREE
        if world.state() == State.UNKNOWN:
            await world.operation.arecheck("k", scope="t")
        await world.call()
        assert (world.messages, world.rows) == (["m"], ["m"])
        assert world.sends == 0

    sweep = cancel_sweep(
        lambda world: world.call(), prepare=prepare, judge=judge, backend=backend
    )

    assert sweep.cancelled >= 1


@pytest.mark.parametrize("seed", range(30))
def test_many_callers_of_one_key_send_one_message(seed: int) -> None:
    """In any order of tasks, some of them cancelled, with a provider that fails."""

    async def main() -> None:
        world = make("refused", "lost")
        answers: list[Any] = []

        async def call() -> None:
            answers.append(await world.call())

        async def cancelled() -> None:
            with anyio.move_on_after(0.01 * seed):
                await world.call()

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(_patient(call))
                tasks.start_soon(_patient(cancelled))
        if world.state() == State.UNKNOWN:
            await world.operation.arecheck("k", scope="t")
        await world.call()
        assert (world.messages, world.rows) == (["m"], ["m"])
        assert {answer.value for answer in answers} <= {"m"}

    simulate(main, seed)


def _patient(call: Any) -> Any:
    """Return *call* that goes away when it gets none of the two answers."""

    async def patient() -> None:
        try:
            await call()
        except (NotExecuted, OutcomeUnknown):
            return  # also: no time for another attempt

    return patient
