"""A guard on a clock that the test moves."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.idempotency import SINGLE_TENANT, Idempotency, idempotent
from syncpatterns.testing import FakeClock
from tests.unit.idempotency.decorated import Decorate, calls


@pytest.fixture
def clock() -> FakeClock:
    """Time stands still until the test moves it."""
    return FakeClock()


@pytest.fixture
def engine(clock: FakeClock) -> MemoryEngine:
    """An engine on that clock."""
    return MemoryEngine(clock=clock)


@pytest.fixture
def heard() -> list[Any]:
    """What the guard's hooks were told."""
    return []


@pytest.fixture
def guard(engine: MemoryEngine, heard: list[Any]) -> Idempotency:
    """A guard with default settings."""
    return Idempotency(engine, hooks=[heard.append])


@pytest.fixture(params=["memory", "slow", "sqlite"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """One that never waits, one that takes turns of the loop, one with a thread."""
    if request.param == "memory":
        yield MemoryEngine()
    elif request.param == "slow":
        from tests.unit.idempotency.test_cancellation import SlowStore

        yield SlowStore()
    else:
        with SqliteEngine(tmp_path / "app.db") as engine:
            yield engine


@pytest.fixture(autouse=True)
def nothing_called() -> None:
    """Every test counts from zero."""
    calls.clear()


@pytest.fixture
def decorate(engine: MemoryEngine) -> Decorate:
    """`idempotent` with what most tests share."""
    return functools.partial(idempotent, engine, scope=SINGLE_TENANT)
