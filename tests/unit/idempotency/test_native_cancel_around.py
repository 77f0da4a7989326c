# hygiene for this file: sleep - the loop's time is virtual, no test waits
"""What surrounds a call that asyncio cancels: a server, the loop, its store."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import FastAPI

from syncpatterns.adapters.fastapi import IdempotencyKey, install_problems
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import NotExecuted
from syncpatterns.idempotency import (
    Context,
    Idempotency,
    State,
    Windows,
)
from syncpatterns.idempotency._heart import LoopHeart
from syncpatterns.idempotency._lease import Lease
from syncpatterns.idempotency._ports import waits_in_place
from syncpatterns.testing import LoopClock, SimLoop
from tests.unit.idempotency.helpers import WHERE
from tests.unit.idempotency.native_sweep import (
    Moment,
    Way,
    moments,
    native_sweep,
    numbers,
)
from tests.unit.idempotency.native_trial import Trial
from tests.unit.idempotency.test_cancellation import SlowStore

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

    kind: Any = type(ours)

    class Patient(kind):  # type: ignore[misc]  # a class that is found at run time
        """Gives up after a while."""

    class Wrapper:
        """Passes everything on."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ours, name)

    said = [waits_in_place(each) for each in (ours, sqlite, Patient(ours), Wrapper())]

    assert said == [True, True, False, False]


def test_a_heart_that_somebody_cancels_beats_again_with_the_next_call() -> None:
    """Who cancels all tasks of a loop, and goes on, has leases that are renewed."""
    renewed: list[str] = []

    class Store(SlowStore):
        async def renew(self, key: str, *_: Any) -> bool:
            renewed.append(key)
            return True

    async def main() -> None:
        store: Any = Store()
        clock = LoopClock()
        heart = LoopHeart(store, clock)
        heart.watch(Lease("first", 1, 3.0, Windows(), clock.monotonic()))
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.5)
        heart.watch(Lease("second", 2, 3.0, Windows(), clock.monotonic()))
        await clock.asleep(4.0)

    with asyncio.Runner(loop_factory=lambda: SimLoop(0)) as runner:
        runner.run(main())

    assert set(renewed) == {"first", "second"}


def test_a_call_that_wait_for_gives_up_gives_its_key_back() -> None:
    """In the middle of its effect, and in the middle of a commit that takes a while."""

    class Sluggish(SlowStore):
        async def claim(self, request: Any) -> Any:
            """Take a second of the loop, whose time is virtual."""
            await anyio.sleep(1.0)
            return await self.__getattr__("claim")(request)

    async def main(patience: float) -> tuple[State | None, float]:
        store: Any = Sluggish()
        trial = Trial(Idempotency(store, clock=LoopClock()))
        began = asyncio.get_running_loop().time()

        async def effect(_: Context) -> int:
            await anyio.sleep_forever()
            return 1

        call = trial.guard.aexecute(trial.key, effect, payload=1, **WHERE)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, patience)
        took = asyncio.get_running_loop().time() - began
        return await trial.state(), took

    for patience, expected in ((0.5, 1.0), (3.0, 3.0)):
        with asyncio.Runner(loop_factory=lambda: SimLoop(0)) as runner:
            state, took = runner.run(main(patience))

        assert state in {None, State.FREE}
        assert took == pytest.approx(expected)
