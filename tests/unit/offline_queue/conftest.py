"""Engines, clocks and worlds for the tests of the surface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncpatterns import connect
from syncpatterns.offline_queue import OfflineQueue
from syncpatterns.retry import no_jitter
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.surface import Crm, Facts, Lead, Update, World


@pytest.fixture
def clock() -> FakeClock:
    """Time that moves by hand."""
    return FakeClock()


@pytest.fixture(params=["memory", "sqlite"])
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock
) -> Iterator[Any]:
    """Each engine that keeps queues."""
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/q.db"
    with connect(url, clock=clock) as made:
        yield made


@pytest.fixture(params=["sync", "asyncio", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    """Plain methods, and their twins on both loops."""
    return World(request.param)


@pytest.fixture
def facts() -> Facts:
    """A hook that keeps what it hears."""
    return Facts()


@pytest.fixture
def crm() -> Crm:
    """A service that does what it is told."""
    return Crm()


@pytest.fixture
def make(engine: Any, facts: Facts) -> Callable[..., OfflineQueue]:
    """Makes queues on the engine, without jitter."""

    def made(**options: Any) -> OfflineQueue:
        options.setdefault("backoff", no_jitter(1, 4))
        return OfflineQueue("field", engine, hooks=[facts], **options)

    return made


@pytest.fixture
def queue(make: Callable[..., OfflineQueue], crm: Crm) -> OfflineQueue:
    """A queue with a handler ``leads.update``, one lane a lead."""
    made = make()

    @made.handler("leads.update", lane=lambda p: f"lead:{p.lead}", target="crm")
    def update(payload: Update, ctx: Any) -> Lead:
        return crm.answer(payload, ctx)

    return made
