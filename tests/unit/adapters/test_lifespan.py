from __future__ import annotations

import contextlib
import logging
from typing import Any

import anyio
import pytest

from syncpatterns.adapters import _lifespan
from syncpatterns.adapters.asgi import lifespan
from syncpatterns.errors import ConfigurationError, DatabaseCorrupt
from syncpatterns.testing import FakeClock


class Engine:
    def __init__(self, log: list[str], failure: Exception | None = None) -> None:
        self.log = log
        self.failure = failure

    async def aopen(self) -> None:
        self.log.append("open")
        if self.failure is not None:
            raise self.failure

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.log.append("close")


class Hub:
    def __init__(self, log: list[str]) -> None:
        self.log = log

    def close(self) -> None:
        self.log.append("hub")


class AsyncHub(Hub):
    async def close(self) -> None:  # type: ignore[override]  # either is accepted
        await anyio.lowlevel.checkpoint()
        self.log.append("async hub")


@pytest.fixture
def log() -> list[str]:
    """Collect what happens, in order."""
    return []


async def test_it_opens_runs_and_closes_in_order(log: list[str]) -> None:
    """Hubs end first, so that streams close in order; the engine goes last."""
    running = anyio.Event()

    async def relay() -> None:
        log.append("relay")
        running.set()
        try:
            await anyio.sleep_forever()
        finally:
            log.append("relay ends")

    async with lifespan(Engine(log), relay, hubs=[Hub(log), AsyncHub(log)])(None):
        await running.wait()
        log.append("serving")

    assert log == [
        "open",
        "relay",
        "serving",
        "hub",
        "async hub",
        "relay ends",
        "close",
    ]


async def test_a_database_that_cannot_be_opened_stops_the_start(
    log: list[str],
) -> None:
    """Before the first request, with its own error."""
    error = DatabaseCorrupt("broken")

    with pytest.raises(DatabaseCorrupt) as caught:
        async with lifespan(Engine(log, error))(None):
            log.append("serving")
    assert caught.value is error
    assert "serving" not in log


async def test_an_error_while_serving_comes_out_as_it_is(log: list[str]) -> None:
    """Not as a group, and only after everything was closed."""
    with pytest.raises(LookupError, match="mine"):
        async with lifespan(Engine(log), hubs=[Hub(log)])(None):
            raise LookupError("mine")
    assert log == ["open", "hub", "close"]


async def test_a_task_that_fails_is_logged_and_started_again(
    log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The requests go on; the pause is at most a second after the first failure."""
    clock = FakeClock(auto_advance=True)
    again = anyio.Event()
    starts = 0

    async def relay() -> None:
        nonlocal starts
        starts += 1
        if starts < 4:
            raise OSError("no")
        again.set()
        await anyio.sleep_forever()

    with caplog.at_level(logging.ERROR, "syncpatterns"):
        life = lifespan(Engine(log), relay, clock=clock)
        async with life(None):
            await again.wait()

    assert starts == 4
    assert len(caplog.records) == 3
    assert all("relay" in record.getMessage() for record in caplog.records)
    assert clock.slept[0] <= 1
    assert max(clock.slept) <= 4


async def test_a_task_that_ends_by_itself_is_left_alone(log: list[str]) -> None:
    """Coming to an end is not failing."""
    ended = anyio.Event()

    async def once() -> None:
        log.append("once")
        ended.set()

    async with lifespan(Engine(log), once)(None):
        await ended.wait()
        await anyio.lowlevel.checkpoint()

    assert log.count("once") == 1


async def test_the_engine_is_swept(log: list[str]) -> None:
    """Every sweep_every seconds, if it can be swept."""
    clock = FakeClock()
    swept = anyio.Event()

    class Sweeping(Engine):
        async def asweep(self) -> None:
            log.append("sweep")
            swept.set()

    async with lifespan(Sweeping(log), sweep_every=60, clock=clock)(None):
        await clock.await_for_sleepers()
        clock.advance(59.9)
        assert "sweep" not in log
        clock.advance(0.1)
        await swept.wait()

    async with lifespan(Sweeping(log), sweep_every=None, clock=clock)(None):
        await anyio.lowlevel.checkpoint()
        assert clock.sleepers == 0


async def test_a_cancelled_server_still_closes_everything(log: list[str]) -> None:
    """Cancellation does not leave a connection open."""
    with anyio.CancelScope() as scope:
        async with lifespan(Engine(log), hubs=[AsyncHub(log)])(None):
            scope.cancel()
            await anyio.sleep_forever()

    assert log == ["open", "async hub", "close"]


async def test_a_hub_that_fails_to_close_does_not_keep_the_rest_open(
    log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the next one is closed."""

    class Broken:
        def close(self) -> None:
            raise RuntimeError("stuck")

    async with lifespan(Engine(log), hubs=[Broken(), Hub(log)])(None):
        pass

    assert log == ["open", "hub", "close"]
    assert "Broken.close" in caplog.text


async def test_a_hub_that_hangs_is_given_up(
    log: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A shutdown ends, whatever a component does."""
    monkeypatch.setattr(_lifespan, "CLOSE_TIMEOUT", 0.01)

    class Hanging:
        async def close(self) -> None:
            await anyio.sleep_forever()

    async with lifespan(Engine(log), hubs=[Hanging()])(None):
        pass

    assert log == ["open", "close"]
    assert "did not end within" in caplog.text


@pytest.mark.parametrize("wrong", [object(), "relay", Hub([])])
def test_what_cannot_be_run_is_refused(wrong: Any) -> None:
    """A hub passed as a task gets the hint where it belongs."""
    with pytest.raises(ConfigurationError, match="hubs="):
        lifespan(Engine([]), wrong)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_sweep_without_a_pause_is_refused(seconds: float) -> None:
    """It would do nothing else."""
    with pytest.raises(ConfigurationError, match="sweep_every"):
        lifespan(Engine([]), sweep_every=seconds)


async def test_it_can_be_entered_again(log: list[str]) -> None:
    """A test client starts an application many times."""
    life = lifespan(Engine(log))
    for _ in range(2):
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(life(None))

    assert log == ["open", "close"] * 2
