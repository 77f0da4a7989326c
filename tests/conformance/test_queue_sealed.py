"""A store behind a seal keeps the queue's contract like any other."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.engines import connect
from syncpatterns.offline_queue._core import LIVE, Filter, QueueStats
from syncpatterns.offline_queue._sealing._seals import Seals
from syncpatterns.offline_queue._sealing._stores import AsyncOpenStore, OpenStore
from syncpatterns.sealing import Keyring
from syncpatterns.testing import FakeClock
from syncpatterns.testing.conformance.queue import CHECKS, Check

RING = Keyring({"2026-11": Keyring.new_key()}, index=Keyring.new_key())

#: What is not as it was given, and why that is right.
APART = {
    "outcome_is_kept": "nobody reads a result off a settlement: there it stays sealed",
    "bytes_are_limited_too": "what counts is what is stored, and that is longer",
    "coalescing_needs_no_room": "as above",
}

every_check = pytest.mark.parametrize(
    "check", [each for each in CHECKS if str(each) not in APART], ids=str
)
#: Taking nothing that lies open; and open for both, which looks at lanes twice.
both = pytest.mark.parametrize("require", [True, False], ids=["strict", "both"])


class Counted(OpenStore):
    """Counts the bytes that were given, where the store counts the sealed ones."""

    def stats(self, queue: str) -> QueueStats:
        """Return how much is in it, opened."""
        live, after = 0, 0
        while page := self.items(queue, Filter(states=LIVE), after, 500):
            live, after = live + sum(len(each.payload) for each in page), page[-1].seq
        stats: QueueStats = self.kept.stats(queue)
        return stats._replace(bytes=live)


class AsyncCounted(AsyncOpenStore):
    """The same, awaited."""

    async def stats(self, queue: str) -> QueueStats:
        """Return how much is in it, opened."""
        live, after = 0, 0
        while page := await self.items(queue, Filter(states=LIVE), after, 500):
            live, after = live + sum(len(each.payload) for each in page), page[-1].seq
        stats: QueueStats = await self.kept.stats(queue)
        return stats._replace(bytes=live)


@pytest.fixture
def clock() -> FakeClock:
    """The time that the store goes by."""
    return FakeClock()


@pytest.fixture
def seals(*, require: bool) -> Seals:
    """Seals everything, and compresses what is not short."""
    return Seals("q", RING, require=require, compress=64)


@both
@every_check
def test_a_blocking_store_keeps_the_contract(
    check: Check, seals: Seals, clock: FakeClock
) -> None:
    """The rule is the check's own docstring."""
    engine: Any = connect("memory://", clock=clock)
    store: Any = Counted(engine.queue_store(), seals, "continue")

    check.run(store, clock)


@pytest.mark.parametrize("require", [True], ids=["strict"])
@every_check
async def test_an_awaited_store_keeps_the_contract(
    check: Check, seals: Seals, clock: FakeClock
) -> None:
    """The same, awaited."""
    engine: Any = connect("memory://", clock=clock)
    store: Any = AsyncCounted(engine.async_queue_store(), seals, "continue")

    await check.arun(store, clock)


def test_what_is_apart_is_there() -> None:
    """A check that was renamed is looked at again."""
    assert set(APART) <= {str(each) for each in CHECKS}
