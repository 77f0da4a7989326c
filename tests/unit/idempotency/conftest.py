"""A guard on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.idempotency import Idempotency
from syncpatterns.testing import FakeClock


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
