"""A coroutine that is closed where nothing can be awaited any more."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.events import Released, Unknown
from syncpatterns.idempotency import Context, Idempotency, Record, State
from syncpatterns.operation import FencedContext, Operation
from tests.unit.idempotency.helpers import WHERE, wait_until

PATIENCE = 120.0


@pytest.fixture(params=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Any) -> Generator[Any]:
    """Both engines: one's steps need no waiting, the other's are on a thread."""
    made: Any = (
        MemoryEngine() if request.param == "memory" else SqliteEngine(tmp_path / "a.db")
    )
    with made:
        yield made


class Waits:
    """An effect that says when it runs, and waits for what never comes."""

    def __init__(self, *, passes: bool = False) -> None:
        self.runs = asyncio.Event()
        self._passes = passes

    async def __call__(self, context: Context) -> None:
        if self._passes:
            context.point_of_no_return()
        self.runs.set()
        await anyio.sleep_forever()


@contextmanager
def a_loop() -> Generator[asyncio.AbstractEventLoop]:
    """Give a loop that is closed without a word to its tasks."""
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def begun(loop: asyncio.AbstractEventLoop, coroutine: Any, runs: asyncio.Event) -> Any:
    """Run *coroutine* as a task until its effect waits; return the task."""
    task = loop.create_task(coroutine)
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is what is tested
    loop.run_until_complete(asyncio.wait_for(runs.wait(), PATIENCE))
    return task


def until(state: State, look: Callable[[], Record | None]) -> None:
    """Wait until the record has come to *state*; a thread brings it there."""

    def there() -> bool:
        record = look()
        return record is not None and record.state is state

    wait_until(there)


@pytest.mark.parametrize("where", ["outside", "in another task"])
def test_a_closed_call_gives_its_key_back(engine: Any, where: str) -> None:
    """Not after half a minute, when its lease is over; and it raises nothing."""
    facts: list[Any] = []
    guard = Idempotency(engine, hooks=[facts.append])
    effect = Waits()
    with a_loop() as loop:
        call = guard.aexecute("k", effect, payload=1, **WHERE)
        task = begun(loop, call, effect.runs)
        if where == "outside":
            task.get_coro().close()
        else:

            async def close() -> None:
                task.get_coro().close()

            loop.run_until_complete(close())

    until(State.FREE, lambda: guard.inspect("k", **WHERE))
    assert [type(fact) for fact in facts] == [Released]
    assert guard._setup.flights._leading == {}
    assert guard.execute("k", lambda _: "next", payload=1, **WHERE) == "next"


def test_a_call_closed_after_the_point_of_no_return_is_unknown(engine: Any) -> None:
    """What left may have been done."""
    facts: list[Any] = []
    guard = Idempotency(engine, hooks=[facts.append])
    effect = Waits(passes=True)
    with a_loop() as loop:
        call = guard.aexecute("k", effect, payload=1, **WHERE)
        begun(loop, call, effect.runs).get_coro().close()

    until(State.UNKNOWN, lambda: guard.inspect("k", **WHERE))
    assert [type(fact) for fact in facts] == [Unknown]


def test_a_closed_operation_says_what_is_unknown(engine: Any) -> None:
    """The request was under way: nobody saw its end."""
    runs = asyncio.Event()

    async def send(command: str, ctx: FencedContext) -> str:
        runs.set()
        await anyio.sleep_forever()
        return command

    operation = Operation("sms.send", engine, call=send)
    with a_loop() as loop:
        call = operation.acall("hello", key="k", scope="acme")
        begun(loop, call, runs).get_coro().close()

    key = operation.storage_key("k", scope="acme")
    until(State.UNKNOWN, lambda: engine.idempotency_store().inspect(key))
    assert [each.command for each in operation.unresolved()] == ["hello"]


def test_a_commit_that_is_closed_keeps_the_receipt(tmp_path: Path) -> None:
    """The provider has said yes, and the commit waits behind somebody else's.

    First the receipt is kept and then the key is let go: the other way round it
    would be refused, and whoever finds the key might send a second time.
    """
    goes_on, busy, sent = threading.Event(), threading.Event(), asyncio.Event()

    def long(tx: Any) -> None:
        busy.set()
        assert goes_on.wait(PATIENCE)

    async def send(command: str, ctx: FencedContext) -> str:
        threading.Thread(target=database.transact, args=(long,)).start()
        await asyncio.to_thread(busy.wait)
        sent.set()
        return "receipt-1"

    def commit(tx: Any, command: str, receipt: str) -> str:
        return receipt

    with SqliteEngine(tmp_path / "a.db") as database:
        operation = Operation("sms.send", database, call=send, commit=commit)
        key = operation.storage_key("k", scope="acme")
        with a_loop() as loop:
            task = begun(loop, operation.acall("x", key="k", scope="acme"), sent)
            for _ in range(5):  # until it waits for its commit
                loop.run_until_complete(anyio.lowlevel.checkpoint())
            task.get_coro().close()
        goes_on.set()
        until(State.UNKNOWN, lambda: database.idempotency_store().inspect(key))

        assert [each.has_receipt for each in operation.unresolved()] == [True]


def test_a_waiting_call_that_is_closed_just_goes(engine: Any) -> None:
    """It holds nothing; the one it waited for goes on."""
    guard = Idempotency(engine)
    effect = Waits()
    with a_loop() as loop:
        leader = begun(
            loop, guard.aexecute("k", effect, payload=1, **WHERE), effect.runs
        )
        follower = loop.create_task(guard.aexecute("k", effect, payload=1, **WHERE))
        follower._log_destroy_pending = False  # type: ignore[attr-defined]  # as above
        for _ in range(3):
            loop.run_until_complete(anyio.lowlevel.checkpoint())
        assert guard._setup.flights.waiting == 1

        follower.get_coro().close()

        assert guard._setup.flights.waiting == 0
        record = guard.inspect("k", **WHERE)
        assert record is not None
        assert record.state is State.IN_PROGRESS
        leader.get_coro().close()
    until(State.FREE, lambda: guard.inspect("k", **WHERE))


def test_a_store_that_can_only_be_awaited_waits_for_its_lease(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody can tell it, and the log says so; the call raises nothing."""
    inner = MemoryEngine().async_idempotency_store()

    class OnlyAwaited:
        name = "awaited"

        def __getattr__(self, method: str) -> Any:
            return getattr(inner, method)

        async def claim(self, request: Any) -> Any:
            return await inner.claim(request)

    store: Any = OnlyAwaited()
    effect = Waits()
    with a_loop() as loop, caplog.at_level(logging.WARNING, "syncpatterns"):
        guard = Idempotency(store)
        call = guard.aexecute("k", effect, payload=1, **WHERE)
        begun(loop, call, effect.runs).get_coro().close()

    (said,) = [each.getMessage() for each in caplog.records]
    assert "until its lease runs out" in said
