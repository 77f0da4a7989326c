"""Whoever knows whether a request left gives up before somebody who does not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from examples.critical_buttons.gateway import Gateway, ProviderStarting
from examples.critical_buttons.services.commands import SendSmsCommand
from examples.critical_buttons.services.send_sms import Limits, SendSms
from examples.critical_buttons.settings import Settings
from examples.critical_buttons.sms.provider import Receipt, SmsMessage
from examples.critical_buttons.startup import open_database
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.testing import FakeClock


@dataclass
class Provider:
    """Notes how much time it is given."""

    given: list[float] = field(default_factory=list)

    async def send(
        self,
        message: SmsMessage,
        *,
        timeout: float,  # noqa: ASYNC109 - the provider's protocol
        callback_url: str | None = None,
    ) -> Receipt:
        self.given.append(timeout)
        return Receipt("SM1", "queued", 1)

    async def find(
        self,
        message: SmsMessage,
        since: datetime,
        timeout: float,  # noqa: ASYNC109 - as above
        *,
        exclude: Collection[str] = (),
    ) -> Receipt | None:
        raise NotImplementedError


@dataclass
class Running:
    """The context of an attempt that has so many seconds left."""

    left: float
    key_hash: str = "0" * 8

    def remaining(self) -> float:
        return self.left


@pytest.fixture
def clock() -> FakeClock:
    """Stand still until the test moves it."""
    return FakeClock()


@pytest.fixture
def engine(tmp_path: Path, clock: FakeClock) -> Iterator[SqliteEngine]:
    """The app's database with its samples."""
    settings = Settings(db=f"sqlite:///{tmp_path}/app.db")
    opened = open_database(settings, lambda _: None, clock=clock)
    yield opened.engine
    opened.close()


@pytest.mark.parametrize(
    ("left", "given"), [(10.0, 9.75), (2.0, 1.8), (1.0, 0.9), (60.0, 9.75)]
)
async def test_the_client_gives_up_before_the_operation(
    engine: SqliteEngine, left: float, given: float
) -> None:
    """A connection that never came about is told as such, and not as silence."""
    provider = Provider()
    parts = SendSms(
        engine, provider, Limits(), timeout=10.0, callback_url=lambda _: None
    )
    command = SendSmsCommand("acme", "l-001", "Hi", "demo")

    await parts.call(command, Running(left))

    assert provider.given == [pytest.approx(given)]


class Waiting(Gateway):
    """A gateway whose provider is found after a while, or not at all."""

    def __init__(self, engine: SqliteEngine, clock: FakeClock, found: Any) -> None:
        super().__init__(Settings(), engine)
        self.clock, self.found = clock, found
        self.waits: list[float] = []

    async def _open(self, *, within: float) -> Any:
        self.waits.append(within)
        self.clock.advance(within)
        return self.found


async def test_a_provider_that_starts_is_not_waited_for_to_the_last_moment(
    engine: SqliteEngine, clock: FakeClock
) -> None:
    """Nothing was sent, and there is time left to say so: no breaker counts it."""
    gateway = Waiting(engine, clock, None)

    with pytest.raises(ProviderStarting) as caught:
        await gateway.send(SmsMessage("+12025550147", "Hi"), timeout=2.0)

    assert gateway.waits == [1.0]
    assert caught.value.retry_after == 1.0


async def test_what_was_waited_for_the_provider_is_no_longer_there(
    engine: SqliteEngine, clock: FakeClock
) -> None:
    """The client hears of the time that is left, not of what there was."""
    provider = Provider()
    gateway = Waiting(engine, clock, provider)

    await gateway.send(SmsMessage("+12025550147", "Hi"), timeout=2.0)

    assert provider.given == [pytest.approx(1.0)]
