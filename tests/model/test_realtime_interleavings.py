"""RTM-09: events that are published while a subscriber reads its history."""

from __future__ import annotations

import random
from typing import Any

import pytest

from syncpatterns.realtime import Delivered, Gap, Hub, Position, _subscription
from syncpatterns.testing.conformance.realtime import event, numbers
from tests.unit.realtime.fake_engine import FakeEngine

RUNS = 500  # on each of two backends


class Interleaving:
    """One resume, with commits and relayed rows between all of its steps."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.engine = FakeEngine()
        self.hub = Hub(self.engine, ring=rng.randint(1, 12))
        self.relayed = 0
        self.published = 0
        self.left = rng.randint(0, 25)
        self.commit(rng.randint(0, 40))

    def commit(self, count: int) -> None:
        """Publish *count* events, some to another channel."""
        for _ in range(count):
            if self.rng.random() < 0.2:
                self.engine.commit(event(0, "other"))
                continue
            self.published += 1
            self.engine.commit(event(self.published))

    def relay(self, count: int) -> None:
        """Bring up to *count* rows to the hub, sometimes with the last again."""
        again = self.rng.randint(0, 1)
        rows = self.engine.after(max(0, self.relayed - again), count + again)
        self.hub.append(self.engine.epoch, rows)
        if rows:
            self.relayed = max(self.relayed, rows[-1].pos)

    def meddle(self) -> None:
        """Do something between two steps of the reader."""
        if self.rng.random() < 0.7 and self.left > 0:
            count = self.rng.randint(1, 4)
            self.left -= count
            self.commit(count)
        if self.rng.random() < 0.7:
            self.relay(self.rng.randint(1, 8))

    async def run(self) -> tuple[list[int | str], list[int]]:
        """Return what a resumed reader got, and what it should have."""
        begin = self.rng.randint(0, self.published)
        since = {"a": Position(self.engine.epoch, begin)}
        self.engine.before_page = self.engine.after_page = self.meddle
        got: list[Delivered | Gap] = []
        async with self.hub.subscribe("a", since=since) as subscription:
            for _ in range(8):
                self.meddle()
                got += await subscription.gather(self.rng.randint(1, 9))
            self.engine.before_page = self.engine.after_page = None
            self.relay(1000)
            while items := await subscription.gather(100):
                got += items
        return numbers(got), list(range(begin + 1, self.published + 1))


@pytest.mark.case("RTM-09")
async def test_no_interleaving_loses_or_repeats(seed: int) -> None:
    """A thousand times in all: history, then live, and every event exactly once."""
    for run in range(RUNS):
        got, expected = await Interleaving(random.Random(seed + run)).run()

        assert got == expected, f"seed {seed + run}"


real_join = _subscription.join_history  # type: ignore[attr-defined]  # what is replaced


def _to_the_top(log: Any, *rest: Any) -> Any:
    parts, after = real_join(log, *rest)
    return parts, max(after, log.tail)


def _from_the_tail(log: Any, *rest: Any) -> Any:
    parts, after = real_join(log, *rest)
    return parts, min(after, log.tail)


@pytest.mark.parametrize("bug", [_to_the_top, _from_the_tail])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_bad_join_is_found(bug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining at the ring instead of at the cursor loses or repeats."""
    monkeypatch.setattr(_subscription, "join_history", bug)
    wrong = 0
    for run in range(100):
        got, expected = await Interleaving(random.Random(run)).run()
        wrong += got != expected

    assert wrong > 0
