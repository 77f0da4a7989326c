"""A reader that asyncio itself cancels leaves no place taken in a hub."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.realtime import Event, Hub
from tests.unit.idempotency.native_sweep import (
    Moment,
    Way,
    aims,
    native_sweep,
)


@pytest.fixture(params=["memory", "sqlite"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A hub alone, and one before an outbox that it asks on a thread."""
    if request.param == "memory":
        yield None
    else:
        with SqliteEngine(tmp_path / "app.db") as engine:
            for number in range(3):
                event = Event("bookings", "booked", {"number": number})
                engine.transact(lambda tx, event=event: tx.publish(event))  # type: ignore[misc]  # a default binds it
            yield engine


@aims
def test_a_reader_cancelled_anywhere_has_left(
    source: Any, way: Way, moment: Moment
) -> None:
    """Nobody is counted, parked or waited for, and the next reader gets everything."""

    async def read(hub: Hub) -> list[Any]:
        seen: list[Any] = []
        async with hub.subscribe("bookings", since="earliest") as items:
            while len(seen) < 3:
                seen += [item.event.data for item in await items.batch()]  # type: ignore[union-attr]  # no gap
        return seen

    async def prepare() -> Hub:
        hub = Hub(source)
        if source is None:
            async with hub.subscribe("bookings"):
                for number in range(3):
                    hub.publish(Event("bookings", "booked", {"number": number}))
        return hub

    async def judge(hub: Hub) -> None:
        channel = hub.channels.find("bookings")
        if channel is not None:
            assert (channel.readers, dict(channel.parked)) == (0, {})
        seen = await asyncio.wait_for(read(hub), 60)
        assert [data["number"] for data in seen] == [0, 1, 2]

    sweep = native_sweep(read, prepare=prepare, judge=judge, way=way, moment=moment)

    assert sweep.points >= 2
