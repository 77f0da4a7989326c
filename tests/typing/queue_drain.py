"""How a queue is emptied, and what looks at its targets; for checkers, never run."""

from __future__ import annotations

import threading
from typing import assert_type

import anyio
import httpx2

from syncpatterns import CircuitBreaker, connect
from syncpatterns.adapters.fastapi import lifespan
from syncpatterns.offline_queue import (
    BreakerProbe,
    CallbackProbe,
    DrainFinished,
    DrainProgress,
    DrainReport,
    DrainStarted,
    HTTPProbe,
    OfflineQueue,
    Probe,
    TargetOffline,
    TargetOnline,
    TCPProbe,
    all_of,
    any_of,
)

engine = connect("sqlite:///app.db")
breaker = CircuitBreaker(name="sms")


async def there() -> bool:
    """Look."""
    return True


probe = any_of(
    HTTPProbe("http://127.0.0.1/health", client=httpx2.Client(), timeout=2),
    all_of(TCPProbe("127.0.0.1", 80), BreakerProbe(breaker)),
    CallbackProbe(there),
    CallbackProbe(lambda: True, timeout=0.5),
)
assert_type(probe, Probe)
assert_type(probe.probe(), bool)
CallbackProbe(lambda: "yes")  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]
any_of(lambda: True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

queue = OfflineQueue("field", engine, probe=probe, breaker={"sms": breaker})
app_life = lifespan(engine, queue.adrain)


def on_threads(stop: threading.Event) -> None:
    """Blocking."""
    assert_type(queue.work(stop=stop), DrainReport)
    assert_type(queue.flush(), DrainReport)
    assert_type(queue.sync().offline, tuple[str, ...])
    assert_type(queue.drain(once=True, concurrency=4, grace=1.0), DrainReport)
    queue.work(True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def on_a_loop() -> None:
    """Awaiting."""
    assert_type(await queue.adrain(once=True), DrainReport)
    assert_type(await queue.aflush(concurrency=2), DrainReport)
    assert_type(await probe.aprobe(), bool)
    async with anyio.create_task_group() as tasks:
        await tasks.start(lambda task_status: queue.adrain(task_status=task_status))


def hear(fact: object) -> None:
    """Tell facts apart."""
    match fact:
        case DrainStarted(total=total):
            assert_type(total, int)
        case DrainProgress():
            assert_type(fact.percent, float)
            assert_type(fact.eta, float | None)
        case DrainFinished(report=report):
            assert_type(report.left, int)
        case TargetOffline(target=target, seconds=seconds):
            assert_type(target, str)
            assert_type(seconds, float)
        case TargetOnline():
            assert_type(fact.target, str)
        case _:
            pass
