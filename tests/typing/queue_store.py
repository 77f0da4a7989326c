"""How an author of an engine checks its queues; read by mypy and pyright, never run."""

from __future__ import annotations

from typing import assert_type

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.testing import FakeClock
from syncpatterns.testing.conformance.queue import CHECKS, Check, Time


def checks_a_store() -> None:
    """A blocking store, and the clock that it goes by."""
    clock = FakeClock()
    assert_type(CHECKS, tuple[Check, ...])
    time: Time = clock
    for check in CHECKS:
        assert_type(check.rule, str)
        check.run(MemoryEngine(clock=clock).queue_store(), time)


async def checks_an_async_store() -> None:
    """A store for event loops."""
    clock = FakeClock()
    for check in CHECKS:
        await check.arun(MemoryEngine(clock=clock).async_queue_store(), clock)
