"""A queue with a breaker, drained: the whole of it together, in virtual time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import anyio
import pytest

from syncpatterns import CircuitBreaker, connect
from syncpatterns.offline_queue import (
    ItemState,
    OfflineQueue,
    TargetOffline,
    TargetOnline,
)
from syncpatterns.testing import LoopClock
from tests.unit.offline_queue.virtual import BACKENDS, virtually

backends = pytest.mark.parametrize("backend", BACKENDS)
HOUR = 3600.0


@dataclass
class Sms:
    """The command."""

    number: int


class Provider:
    """Takes messages, or does not; counts who asks, and how many at once."""

    def __init__(self, clock: LoopClock) -> None:
        self.clock = clock
        self.up = True
        self.asked: list[float] = []
        self.inside = 0
        self.most: list[int] = []
        self.taken: list[int] = []

    async def send(self, payload: Sms) -> str:
        """Take a message, in a second."""
        self.asked.append(self.clock.monotonic())
        self.inside += 1
        self.most.append(self.inside)
        try:
            await self.clock.asleep(1.0)
            if not self.up:
                raise OSError("500")
            self.taken.append(payload.number)
        finally:
            self.inside -= 1
        return f"SM-{payload.number}"


def made(clock: LoopClock, hooks: list[Any], **options: Any) -> OfflineQueue:
    """Return a queue in memory."""
    return OfflineQueue(
        "sms",
        connect("memory://", clock=clock),
        clock=clock,
        rng=random.Random(5),
        hooks=[hooks.append],
        **options,
    )


@pytest.mark.case("QUE-34", part="whole queue")
@backends
def test_an_open_breaker_rests_the_target_and_one_call_looks_again(
    backend: str,
) -> None:
    """Open: no call and no attempt. Half-open: one. Closed: the ramp."""

    async def main() -> None:
        clock, facts = LoopClock(), list[Any]()
        provider = Provider(clock)
        breaker = CircuitBreaker(name="sms", failures=3, recovery=300.0, clock=clock)
        queue = made(clock, facts, breaker=breaker)
        handler = queue.handler("send")(provider.send)
        provider.up = False
        for n in range(40):
            await queue.aenqueue(handler, Sms(n), scope="acme")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: queue.adrain(concurrency=8))
            await clock.asleep(250.0)
            opening = len(provider.asked)
            attempts = [each.attempts for each in await queue.aitems(limit=100)]
            await clock.asleep(60.0)
            half_open = len(provider.asked) - opening
            provider.up = True
            provider.most.clear()
            await clock.asleep(400.0)
            tasks.cancel_scope.cancel()

        assert opening == 8  # those under way when it opened
        assert sum(attempts) == 8
        assert half_open == 1
        assert sorted(provider.taken) == list(range(40))
        assert provider.most[:1] == [1]
        assert max(provider.most[1:3]) <= 2
        assert max(provider.most[3:7]) <= 4
        assert len([fact for fact in facts if isinstance(fact, TargetOffline)]) == 1
        assert len([fact for fact in facts if isinstance(fact, TargetOnline)]) == 1

    virtually(main, backend)


@pytest.mark.case("QUE-28", part="whole queue")
@backends
def test_two_hours_of_refused_connections_use_no_attempt(backend: str) -> None:
    """On return everything is delivered, once, in the order of its lane."""

    async def main() -> None:
        clock, facts = LoopClock(), list[Any]()
        queue = made(clock, facts)
        up, got = [False], list[int]()

        @queue.handler("send", lane=lambda _: "one")
        async def send(payload: Sms) -> None:
            if not up[0]:
                raise ConnectionRefusedError
            got.append(payload.number)

        for n in range(5):
            await queue.aenqueue(send, Sms(n), scope="acme")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(queue.adrain)
            await clock.asleep(2 * HOUR)
            waiting = await queue.aitems()
            up[0] = True
            await clock.asleep(60.0)
            tasks.cancel_scope.cancel()

        assert [each.attempts for each in waiting] == [0] * 5
        assert [each.sent_at for each in waiting] == [None] * 5
        assert waiting[0].state is ItemState.READY
        assert got == list(range(5))

    virtually(main, backend)
