"""Steps of an execution: run once for a key, however often it is executed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import (
    ConfigurationError,
    KeyReused,
    LeaseLost,
    NotExecuted,
    ResultNotStorable,
)
from syncpatterns.idempotency import Context, Idempotency
from syncpatterns.testing import EffectsLedger, FakeClock
from tests.unit.idempotency.helpers import KEY, WHERE

ROOT = Path(__file__).resolve().parents[3]


class Failing:
    """An effect of two steps that fails after the first, once."""

    def __init__(self, error: Exception | None = None) -> None:
        self.ran: list[str] = []
        self.error = error

    def run(self, name: str) -> list[str]:
        """Do a step."""
        self.ran.append(name)
        return [name]

    async def arun(self, name: str) -> list[str]:
        """Do it, to be awaited."""
        return self.run(name)

    def fail(self) -> None:
        """Fail the first time."""
        error, self.error = self.error, None
        if error is not None:
            raise error

    def __call__(self, context: Context) -> list[str]:
        first = context.step("reserve", lambda: self.run("reserve"))
        self.fail()
        return first + context.step("charge", lambda: self.run("charge"))

    async def later(self, context: Context) -> list[str]:
        """Do the same, to be awaited."""
        first = await context.astep("reserve", lambda: self.arun("reserve"))
        self.fail()
        return first + await context.astep("charge", lambda: self.arun("charge"))


@pytest.mark.case("IDM-70", part="sync")
def test_a_step_that_is_done_is_not_run_again(guard: Idempotency) -> None:
    """An error further on gives the key back; the next execution goes on there."""
    effect = Failing(NotExecuted("later"))
    with pytest.raises(NotExecuted):
        guard.execute("k", effect, payload=1, **WHERE)

    value = guard.execute("k", effect, payload=1, **WHERE)

    assert value == ["reserve", "charge"]
    assert effect.ran == ["reserve", "charge"]


@pytest.mark.case("IDM-70", part="async")
async def test_an_awaited_step_is_not_run_again(guard: Idempotency) -> None:
    """The same on asyncio and trio."""
    effect = Failing(NotExecuted("later"))
    with pytest.raises(NotExecuted):
        await guard.aexecute("k", effect.later, payload=1, **WHERE)

    value = await guard.aexecute("k", effect.later, payload=1, **WHERE)

    assert value == ["reserve", "charge"]
    assert effect.ran == ["reserve", "charge"]


def test_a_step_asked_for_twice_runs_once(guard: Idempotency) -> None:
    """Also within one execution; the first result is given as JSON gives it back."""
    ran: list[int] = []

    def step() -> tuple[int, int]:
        ran.append(1)
        return (1, 2)

    def effect(context: Context) -> list[Any]:
        return [context.step("pair", step), context.step("pair", step)]

    assert guard.execute("k", effect, payload=1, **WHERE) == [[1, 2], [1, 2]]
    assert ran == [1]


def test_steps_bind_their_key(guard: Idempotency) -> None:
    """Given back with a step done, the key refuses another payload."""
    effect = Failing(NotExecuted("later"))
    with pytest.raises(NotExecuted):
        guard.execute("k", effect, payload=1, **WHERE)

    with pytest.raises(KeyReused):
        guard.execute("k", effect, payload=2, **WHERE)

    assert effect.ran == ["reserve"]


def test_a_step_that_fails_is_run_again(guard: Idempotency) -> None:
    """Nothing is kept of it."""
    ran: list[int] = []

    def step() -> int:
        ran.append(1)
        if len(ran) == 1:
            raise NotExecuted("not yet")
        return 7

    def effect(context: Context) -> int:
        return context.step("s", step)

    with pytest.raises(NotExecuted):
        guard.execute("k", effect, payload=1, **WHERE)

    assert guard.execute("k", effect, payload=1, **WHERE) == 7


def test_a_stale_owner_keeps_no_step(engine: MemoryEngine, clock: FakeClock) -> None:
    """Who was replaced is told so; the new owner runs the step itself."""
    guard = Idempotency(engine)

    def effect(context: Context) -> int:
        engine.idempotency_store().release(KEY, context.token)
        return context.step("s", lambda: 1)

    with pytest.raises(LeaseLost):
        guard.execute("k", effect, payload=None, **WHERE)

    record = engine.idempotency_store().inspect(KEY)
    assert record is not None
    assert record.notes == ()


@pytest.mark.parametrize(("name", "message"), [("", "name"), (3, "name")])
def test_a_step_needs_a_name(guard: Idempotency, name: Any, message: str) -> None:
    """Text that tells it from the others."""
    with pytest.raises(ConfigurationError, match=message):
        guard.execute("k", lambda ctx: ctx.step(name, int), payload=1, **WHERE)


def test_a_result_without_json_form_is_refused(guard: Idempotency) -> None:
    """And the step is not taken for done."""
    with pytest.raises(ResultNotStorable):
        guard.execute("k", lambda ctx: ctx.step("s", object), payload=1, **WHERE)


async def test_a_blocking_step_in_a_loop_is_refused(guard: Idempotency) -> None:
    """It would stop the loop; the message names the method to use."""

    async def effect(context: Context) -> int:
        return context.step("s", lambda: 1)

    with pytest.raises(ConfigurationError, match="astep"):
        await guard.aexecute("k", effect, payload=1, **WHERE)


PROGRAM = """
import os, sys
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.idempotency import Idempotency
from syncpatterns.testing import EffectsLedger
folder, die = sys.argv[1], sys.argv[2]
ledger = EffectsLedger(folder + "/ledger")
def effect(ctx):
    def reserve():
        ledger.record("reserve", ctx.token)
        if die == "in the step":
            os.kill(os.getpid(), 9)
        return 1
    ctx.step("reserve", reserve)
    if die == "between":
        os.kill(os.getpid(), 9)
    ctx.step("charge", lambda: ledger.record("charge", ctx.token))
    return "done"
with SqliteEngine(folder + "/app.db") as engine:
    Idempotency(engine).execute(
        "k", effect, scope="acme", operation="orders.reserve", payload=1)
"""


@pytest.mark.case("IDM-70", part="kill -9")
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(
    ("die", "effects"),
    [
        ("between", ["reserve", "charge"]),
        ("in the step", ["reserve", "reserve", "charge"]),
    ],
)
def test_killed_between_two_steps_the_first_is_not_repeated(
    tmp_path: Path, die: str, effects: list[str]
) -> None:
    """Killed inside a step, that one is: it is at least once, as its page says."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), die]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=False, timeout=200, env=env)
    assert done.returncode == -signal.SIGKILL

    clock = FakeClock(time.time() + 31)
    ledger = EffectsLedger(tmp_path / "ledger")
    told: list[bool] = []

    def effect(context: Context) -> str:
        told.append(context.abandoned)
        context.step("reserve", lambda: ledger.record("reserve", context.token))
        context.step("charge", lambda: ledger.record("charge", context.token))
        return "done"

    with SqliteEngine(tmp_path / "app.db", clock=clock) as engine:
        value = Idempotency(engine).execute("k", effect, payload=1, **WHERE)

    assert (value, told) == ("done", [True])
    assert [each.key for each in ledger.effects()] == effects
