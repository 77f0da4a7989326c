"""Operations that asyncio's own means cancel, at every suspension of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncpatterns import _landing
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import NotSent, OutcomeUnknown
from syncpatterns.idempotency import Committed, State
from syncpatterns.operation import FencedContext, Operation, Transaction
from syncpatterns.retry import Retry
from syncpatterns.testing import FakeClock
from tests.unit.idempotency.native_sweep import (
    Moment,
    Way,
    aims,
    native_sweep,
    numbers,
    scope_sweep,
)
from tests.unit.idempotency.test_cancellation import SlowStore


class SlowEngine:
    """Somebody else's engine: it takes turns of the loop, and has no transaction."""

    name = "slow"

    def __init__(self) -> None:
        self._engine = MemoryEngine()
        self._slow = SlowStore(self._engine)

    def idempotency_store(self) -> Any:
        """Return the blocking store."""
        return self._engine.idempotency_store()

    def async_idempotency_store(self) -> Any:
        """Return the store that takes its time."""
        return self._slow


@pytest.fixture(params=["memory", "slow", "sqlite"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Engines with and without a transaction, with and without waiting."""
    if request.param == "memory":
        yield MemoryEngine()
    elif request.param == "slow":
        yield SlowEngine()
    else:
        with SqliteEngine(tmp_path / "app.db") as engine:
            engine.transact(lambda tx: tx.connection.execute("CREATE TABLE sms (text)"))
            yield engine


# ------------------------------------------------------------------- mode single


@aims
def test_a_single_commit_is_there_or_not(
    tmp_path: Path, way: Way, moment: Moment
) -> None:
    """Row and record are one commit; the next call finds both, or makes them."""

    def book(tx: Transaction, command: str) -> str:
        tx.connection.execute("INSERT INTO booking VALUES (?)", (command,))
        return command

    with SqliteEngine(tmp_path / "app.db") as engine:
        engine.transact(lambda tx: tx.connection.execute("CREATE TABLE booking (name)"))
        operation: Any = Operation("bookings.confirm", engine, effect=book)

        def rows(name: str) -> int:
            count = "SELECT count(*) FROM booking WHERE name = ?"
            found: int = engine.read(lambda c: c.execute(count, (name,)).fetchone()[0])
            return found

        async def prepare() -> str:
            return f"b{next(numbers)}"

        async def main(name: str) -> None:
            await operation.acall(name, key=name, scope="acme")

        async def judge(name: str) -> None:
            answer = await operation.acall(name, key=name, scope="acme")
            assert (answer.value, rows(name)) == (name, 1)

        sweep = native_sweep(main, prepare=prepare, judge=judge, way=way, moment=moment)

    assert sweep.points >= 1


# ------------------------------------------------------------------- mode fenced


@dataclass
class World:
    """A provider over a slow line, and an operation that uses it."""

    engine: Any
    faults: list[str]
    key: str = field(default_factory=lambda: f"k{next(numbers)}")
    messages: list[str] = field(default_factory=list[str])
    rows: list[str] = field(default_factory=list[str])
    checks: int = 0
    sends: int = 0
    operation: Any = None

    def __post_init__(self) -> None:
        clock = FakeClock(auto_advance=True)
        self.operation = Operation(
            "sms.send",
            self.engine,
            call=self.send,
            lookup=self.find,
            check=self.check,
            commit=self.commit,
            retry=Retry(on=NotSent, clock=clock, budget=None),
            lookup_retry=None,
            look_pause=0.0,
        )

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

    def check(self, tx: Any, command: str) -> None:
        """Have nothing against it."""
        self.checks += 1

    def commit(self, tx: Any, command: str, receipt: str) -> str:
        """Write the row, where rows are."""
        if isinstance(self.engine, SqliteEngine):
            tx.connection.execute("INSERT INTO sms VALUES (?)", (self.key,))
        else:
            self.rows.append(self.key)
        return receipt

    def written(self) -> int:
        """Return how many rows there are."""
        if not isinstance(self.engine, SqliteEngine):
            return len(self.rows)
        count = "SELECT count(*) FROM sms WHERE text = ?"
        found: int = self.engine.read(
            lambda c: c.execute(count, (self.key,)).fetchone()[0]
        )
        return found

    async def call(self) -> Any:
        """Call it."""
        return await self.operation.acall("m", key=self.key, scope="t")

    async def recheck(self) -> Any:
        """Ask the provider."""
        return await self.operation.arecheck(self.key, scope="t")

    def state(self) -> State | None:
        """Return the state of the key."""
        key = self.operation.storage_key(self.key, scope="t")
        record = self.engine.idempotency_store().inspect(key)
        return None if record is None else record.state

    def leave_behind(self) -> None:
        """Have the key claimed by a process that died at once."""
        request = self.operation._request("m", self.key, "t")
        mode = self.operation._mode
        dead = mode.make_call("m", request, mode.guard.port())
        self.engine.idempotency_store().claim(dead.request._replace(lease=0.0))

    async def once_in_all(self) -> None:
        """Assert that it comes to one message and one row, without waiting."""
        state = self.state()
        if state is State.UNKNOWN:
            with pytest.raises(OutcomeUnknown):
                await self.call()
            verdict = await self.recheck()
            assert isinstance(verdict, Committed) == bool(self.messages)
        answer = await self.call()
        assert (answer.value, self.messages, self.written()) == ("m", ["m"], 1)
        flights = self.operation._mode.guard.setup.flights
        assert (flights.waiting, dict(flights._leading)) == (0, {})


@aims
@pytest.mark.parametrize(
    "faults",
    [(), ("refused", "refused"), ("lost",), ("dropped",), ("refused", "lost")],
    ids=lambda faults: "-".join(faults) or "ok",
)
def test_cancelled_anywhere_it_is_settled_and_sent_once(
    home: Any, faults: tuple[str, ...], way: Way, moment: Moment
) -> None:
    """Claim with check, call, lookup, commit: each is settled, or has not begun."""
    states: set[State | None] = set()

    async def prepare() -> World:
        return World(home, list(faults))

    async def judge(world: World) -> None:
        state = world.state()
        states.add(state)
        assert state in {None, State.FREE, State.UNKNOWN, State.COMPLETED}
        assert (state is State.COMPLETED) == (world.written() == 1)
        if state in {None, State.FREE}:
            assert world.messages == []
        await world.once_in_all()

    sweep = native_sweep(
        World.call, prepare=prepare, judge=judge, way=way, moment=moment
    )

    assert sweep.points >= 4
    if way in {"cancel", "twice", "again"}:
        assert State.UNKNOWN in states or faults[:1] == ("refused",)
        assert State.FREE in states  # cancelled while it claimed, it goes no further


@aims
@pytest.mark.parametrize("left", [True, False], ids=["left", "nothing left"])
def test_a_takeover_cancelled_anywhere_forgets_no_doubt(
    home: Any, way: Way, moment: Moment, *, left: bool
) -> None:
    """What the dead owner sent is adopted in the end; what it did not is sent once."""

    async def prepare() -> World:
        world = World(home, [])
        world.leave_behind()
        if left:
            world.messages.append("m")
        return world

    async def judge(world: World) -> None:
        if left:
            assert world.state() not in {None, State.FREE}
        await world.once_in_all()
        assert world.sends == 0 if left else world.sends >= 1

    sweep = native_sweep(
        World.call, prepare=prepare, judge=judge, way=way, moment=moment
    )

    assert sweep.points >= 2
    assert sweep.cancelled >= 1


@aims
def test_a_duplicate_cancelled_while_it_waits_disturbs_nobody(
    home: Any, way: Way, moment: Moment
) -> None:
    """The one who sends goes on; nothing is sent for the other."""
    senders: list[asyncio.Task[Any]] = []

    async def prepare() -> World:
        world = World(home, [])
        senders.append(asyncio.create_task(world.call()))
        for _ in range(2):
            await anyio.lowlevel.checkpoint()
        return world

    async def judge(world: World) -> None:
        answer = await senders.pop()
        assert (answer.value, world.sends) == ("m", 1)
        await world.once_in_all()

    native_sweep(World.call, prepare=prepare, judge=judge, way=way, moment=moment)


@aims
def test_a_look_at_the_unknown_cancelled_anywhere_writes_its_row_once(
    home: Any, way: Way, moment: Moment
) -> None:
    """Settled with its row, or as unknown as it was; the next look settles it."""

    async def prepare() -> World:
        world = World(home, ["lost"])
        world.operation = Operation(
            "sms.send", home, call=world.send, commit=world.commit, retry=None
        )
        with pytest.raises(OutcomeUnknown):
            await world.call()
        world.operation = World(home, [], world.key, world.messages, world.rows)
        world.operation = world.operation.operation
        return world

    async def judge(world: World) -> None:
        state = world.state()
        assert state in {State.UNKNOWN, State.COMPLETED}
        if isinstance(home, SqliteEngine):
            assert (state is State.COMPLETED) == (world.written() == 1)
        await world.recheck()
        assert (await world.call()).value == "m"
        assert world.sends == 1
        if isinstance(home, SqliteEngine):
            assert world.written() == 1

    sweep = native_sweep(
        World.recheck, prepare=prepare, judge=judge, way=way, moment=moment
    )

    assert sweep.points >= 1


# ------------------------------------------------------- scopes, and in real time


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("faults", [(), ("refused", "lost")], ids=["ok", "faults"])
def test_a_scope_that_cancels_anywhere_leaves_it_settled_too(
    home: Any, faults: tuple[str, ...], backend: str
) -> None:
    """The same promise where scopes cancel: on trio there is no other way."""

    async def prepare() -> World:
        return World(home, list(faults))

    async def judge(world: World) -> None:
        state = world.state()
        assert state in {None, State.FREE, State.UNKNOWN, State.COMPLETED}
        assert (state is State.COMPLETED) == (world.written() == 1)
        await world.once_in_all()

    sweep = scope_sweep(World.call, prepare=prepare, judge=judge, backend=backend)

    assert sweep.points >= 4
    assert sweep.cancelled >= 1


async def _plain(work: Any, name: str, limit: float, late: Any, **_: Any) -> Any:
    """Await it as before: shielded from scopes alone."""
    with anyio.move_on_after(limit, shield=True):
        return await work()
    raise TimeoutError(name)


@pytest.mark.parametrize("home", ["slow", "sqlite"], indirect=True)
def test_the_sweep_finds_a_step_that_does_not_land(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: a shield of anyio alone, as it was."""
    monkeypatch.setattr(_landing, "shielded", _plain)

    with pytest.raises(AssertionError):
        test_cancelled_anywhere_it_is_settled_and_sent_once(
            home, (), "cancel", "returning"
        )
