"""The first reader of a channel, while events are being committed and relayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import anyio
import pytest

from syncpatterns import connect
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import ConfigurationError
from syncpatterns.realtime import Delivered, Event, Hub, Outbox, Position
from syncpatterns.realtime._core import Bounds
from syncpatterns.realtime._offload import History


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    """Give an engine with one committed event."""
    with connect(f"sqlite:///{tmp_path}/app.db") as engine:
        commit(engine, 1)
        yield engine


def commit(engine: SqliteEngine, number: int) -> None:
    """Commit one event on channel a."""
    event = Event("a", "n", {"n": number})
    engine.transact(lambda tx: tx.publish(event))


class Meddling(History):
    """Calls *meddle* right after the first look at the outbox."""

    __slots__ = ("_looked", "_meddle")

    def __init__(self, outbox: Outbox, meddle: Callable[[], None]) -> None:
        super().__init__(outbox)
        self._meddle = meddle
        self._looked = False

    async def bounds(self, channels: Sequence[str]) -> tuple[str, dict[str, Bounds]]:
        """Look, and let something happen."""
        found = await super().bounds(channels)
        if not self._looked:
            self._looked = True
            self._meddle()
        return found


@pytest.mark.case("RTM-09", part="first reader")
@pytest.mark.parametrize("since", ["live", "position"])
async def test_an_event_relayed_before_the_channel_is_known_is_not_missed(
    engine: SqliteEngine, since: str
) -> None:
    """It came after the reader asked, so the reader gets it, at once."""
    hub = Hub(engine)

    def commit_and_relay() -> None:
        commit(engine, 2)
        hub.append(engine.epoch, engine.outbox().after(1, 10))

    hub.history = Meddling(engine.outbox(), commit_and_relay)
    begin = {"a": Position(engine.epoch, 1)}
    async with hub.subscribe("a", since="live" if since == "live" else begin) as reader:
        with anyio.fail_after(120):
            (delivered,) = await reader.batch()

    assert isinstance(delivered, Delivered)
    assert delivered.event.data == {"n": 2}
    assert delivered.position == Position(engine.epoch, 2)


def test_one_type_as_text_is_refused() -> None:
    """Read as its letters, it would match no event for ever."""
    with pytest.raises(ConfigurationError, match="types="):
        Hub().subscribe("a", types="booking.changed")
