"""Engines, a service, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from syncpatterns import connect
from syncpatterns.adapters.httpx import OfflineClient
from syncpatterns.offline_queue import OfflineQueue
from syncpatterns.retry import no_jitter
from syncpatterns.testing import FakeClock
from tests.unit.adapters.offline_client.service import Service
from tests.unit.offline_queue.surface import Facts, World

MakeClient = Callable[..., OfflineClient]


@pytest.fixture
def clock() -> FakeClock:
    """Time that moves by hand."""
    return FakeClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the queue's file is, on SQLite."""
    return tmp_path / "field.db"


@pytest.fixture(params=["memory", "sqlite"])
def engine(
    request: pytest.FixtureRequest, file: Path, clock: FakeClock
) -> Iterator[Any]:
    """Each engine that keeps queues."""
    url = "memory://" if request.param == "memory" else f"sqlite:///{file}"
    with connect(url, clock=clock) as made:
        yield made


@pytest.fixture(params=["sync", "asyncio", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    """Plain methods, and their twins on both loops, around a blocking client."""
    return World(request.param)


@pytest.fixture
def facts() -> Facts:
    """A hook that keeps what it hears."""
    return Facts()


@pytest.fixture
def queue(engine: Any, facts: Facts) -> OfflineQueue:
    """A queue without jitter."""
    return OfflineQueue("field", engine, hooks=[facts], backoff=no_jitter(1, 4))


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that is up."""
    with Service() as running:
        yield running


@pytest.fixture
def wrapped(service: Service) -> Iterator[httpx2.Client]:
    """A plain client of the service."""
    with httpx2.Client(base_url=service.url, verify=False) as client:
        yield client


@pytest.fixture
def make(queue: OfflineQueue, wrapped: httpx2.Client, clock: FakeClock) -> MakeClient:
    """Makes offline clients; by default of the service."""

    def made(client: Any = None, **options: Any) -> OfflineClient:
        options.setdefault("name", "crm")
        return OfflineClient(queue, client or wrapped, clock=clock, **options)

    return made


@pytest.fixture
def crm(make: MakeClient) -> OfflineClient:
    """An offline client of the service, without options."""
    return make()
