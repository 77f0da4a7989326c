"""Cancelled by asyncio's own means, a call leaves nothing that only time frees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import FastAPI

from syncpatterns import _landing
from syncpatterns.adapters.fastapi import IdempotencyKey, install_problems
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import InProgress, NotExecuted
from syncpatterns.idempotency import (
    Committed,
    Context,
    Idempotency,
    NotCommitted,
    State,
    idempotent,
)
from syncpatterns.idempotency._guard import arun_call
from syncpatterns.idempotency._ports import waits_in_place
from syncpatterns.testing import LoopClock, SimLoop
from tests.unit.idempotency.helpers import WHERE, claim_as
from tests.unit.idempotency.native_sweep import (
    Aim,
    Moment,
    Way,
    aims,
    moments,
    native_sweep,
    numbers,
    scope_sweep,
)
from tests.unit.idempotency.test_cancellation import SlowStore


@pytest.fixture(params=["memory", "slow", "sqlite"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """One that never waits, one that takes turns of the loop, one with a thread."""
    if request.param == "memory":
        yield MemoryEngine()
    elif request.param == "slow":
        yield SlowStore()
    else:
        with SqliteEngine(tmp_path / "app.db") as engine:
            yield engine


@dataclass
class Trial:
    """A guard, a key of its own, and what its effect did."""

    guard: Idempotency
    passes: bool = False
    turns: int = 1
    key: str = field(default_factory=lambda: f"k{next(numbers)}")
    begun: int = 0
    done: int = 0
    ran: asyncio.Event = field(default_factory=asyncio.Event)

    async def effect(self, context: Context) -> int:
        """Take turns of the loop; it is done with the first."""
        self.begun += 1
        self.ran.set()
        if self.passes:
            context.point_of_no_return()
        await anyio.lowlevel.checkpoint()
        self.done += 1
        for _ in range(self.turns):
            await anyio.lowlevel.checkpoint()
        return self.done

    async def call(self) -> int:
        """Call it."""
        return await self.guard.aexecute(self.key, self.effect, payload=1, **WHERE)

    async def state(self) -> State | None:
        """Look what the store says."""
        record = await self.guard.ainspect(self.key, **WHERE)
        return None if record is None else record.state

    def idle(self) -> bool:
        """Whether nobody leads, follows or renews for it."""
        flights = self.guard._setup.flights
        hearts: list[Any] = [
            self.guard._thread_heart and self.guard._thread_heart._beats.leases,
            *(heart._leases for heart in self.guard._loop_hearts.values()),
        ]
        held = [lease for heart in hearts for lease in heart or () if not lease.lost]
        mine = [lease for lease in held if lease.token and lease.key in self._keys()]
        return (flights.waiting, dict(flights._leading), mine) == (0, {}, [])

    def _keys(self) -> set[str]:
        scope, operation = WHERE["scope"], WHERE["operation"]
        return {self.guard._storage_key(scope, operation, self.key)}


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


# ------------------------------------------------------------------------ a route


def application(guard: Idempotency, trials: dict[str, Trial]) -> FastAPI:
    """Return an application with one guarded route."""
    app = FastAPI()
    install_problems(app)

    @app.post("/reserve")
    async def reserve(key: IdempotencyKey) -> dict[str, int]:
        trial = trials[key.key]
        value = await guard.aexecute(key, trial.effect, **WHERE)
        return {"value": value}

    return app


async def post(app: FastAPI, key: str) -> tuple[int, Any]:
    """Send one request the way a server does; return status and body."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/reserve",
        "raw_path": b"/reserve",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"idempotency-key", key.encode()),
            (b"content-length", b"2"),
            (b"content-type", b"application/json"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(each.get("body", b"") for each in sent)
    return sent[0]["status"], json.loads(body)


@pytest.mark.parametrize("way", ["cancel", "timeout"])
@moments
def test_a_request_that_the_server_cancels_can_be_sent_again(
    home: Any, way: Way, moment: Moment
) -> None:
    """A server cancels the task of a request; the next one is answered at once."""
    guard = Idempotency(home)
    trials: dict[str, Trial] = {}
    app = application(guard, trials)

    async def prepare() -> Trial:
        trial = Trial(guard)
        trials[trial.key] = trial
        return trial

    async def judge(trial: Trial) -> None:
        before = trial.done
        assert await trial.state() in {None, State.FREE, State.COMPLETED}
        assert trial.idle()
        status, body = await post(app, trial.key)
        assert (status, body["value"]) == (200, trial.done)
        assert trial.done - before in {0, 1}

    sweep = native_sweep(
        lambda trial: post(app, trial.key),
        prepare=prepare,
        judge=judge,
        way=way,
        moment=moment,
    )

    assert sweep.points >= 2


# ---------------------------------------------------------------- the end of a loop


def test_a_program_that_ends_leaves_no_key_held(home: Any) -> None:
    """asyncio.run cancels all tasks that are left, where each of them stands."""
    guard = Idempotency(home)
    trials = [Trial(guard) for _ in range(12)]
    left: list[asyncio.Task[int]] = []

    async def main() -> None:
        for turns, trial in enumerate(trials):
            left.append(asyncio.create_task(trial.call()))
            for _ in range(turns % 4):
                await asyncio.sleep(0)

    asyncio.run(main())

    async def look() -> list[Any]:
        return [await trial.state() for trial in trials]

    assert all(task.done() for task in left)
    assert set(asyncio.run(look())) <= {None, State.FREE, State.COMPLETED}
    assert all(trial.idle() for trial in trials)


@moments
def test_a_first_call_cancelled_while_the_file_is_opened_holds_nothing(
    tmp_path: Path, moment: Moment
) -> None:
    """An engine is opened on a thread by whoever needs it first."""
    engines: list[SqliteEngine] = []

    async def prepare() -> Trial:
        engines.append(SqliteEngine(tmp_path / f"{next(numbers)}.db"))
        return Trial(Idempotency(engines[-1]))

    async def judge(trial: Trial) -> None:
        assert await trial.state() in {None, State.FREE, State.COMPLETED}
        assert trial.idle()
        assert await trial.call() == trial.done
        await engines[-1].aclose()

    sweep = native_sweep(Trial.call, prepare=prepare, judge=judge, moment=moment)

    assert sweep.points >= 4


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


class Hanging(SlowStore):
    """A store whose named method never answers."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self._hangs = method
        self.asked = asyncio.Event()

    def __getattr__(self, method: str) -> Any:
        if method == self._hangs:
            return self._hang
        return super().__getattr__(method)

    async def claim(self, request: Any) -> Any:
        """Hang here, or answer."""
        return await self.__getattr__("claim")(request)

    async def _hang(self, *_: Any) -> Any:
        self.asked.set()
        await anyio.sleep_forever()


@pytest.mark.parametrize("method", ["claim", "complete", "release"])
def test_a_store_that_hangs_holds_up_a_cancellation_for_seconds_only(
    method: str,
) -> None:
    """It is heard once the clean-up has had its time, and what failed is not said."""

    async def main() -> tuple[bool, float]:
        store: Any = Hanging(method)
        guard = Idempotency(store, clock=LoopClock())
        began = asyncio.get_running_loop().time()

        async def effect(_: Context) -> int:
            if method == "release":
                raise NotExecuted("not now")
            return 1

        task = asyncio.create_task(guard.aexecute("k", effect, payload=1, **WHERE))
        await store.asked.wait()
        task.cancel()
        await asyncio.wait((task,))
        return task.cancelled(), asyncio.get_running_loop().time() - began

    with asyncio.Runner(loop_factory=lambda: SimLoop(0)) as runner:
        cancelled, seconds = runner.run(main())

    assert cancelled
    assert 5.0 <= seconds <= 30.0


def test_only_a_class_itself_says_that_it_sets_no_time_out(tmp_path: Path) -> None:
    """What inherits from it, or wraps it, may well set one."""
    ours = MemoryEngine().async_idempotency_store()
    with SqliteEngine(tmp_path / "app.db") as engine:
        sqlite = engine.async_idempotency_store()

    class Patient(type(ours)):  # type: ignore[misc]  # a class that is found at run time
        """Gives up after a while."""

    class Wrapper:
        """Passes everything on."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ours, name)

    said = [waits_in_place(each) for each in (ours, sqlite, Patient(ours), Wrapper())]

    assert said == [True, True, False, False]
