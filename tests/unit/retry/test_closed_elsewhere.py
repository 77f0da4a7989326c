"""A task that is destroyed while it waits: closed, and in a context not its own."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import pytest

from syncpatterns.retry import (
    CircuitBreaker,
    Retry,
    attempt_number,
    deadline,
    no_jitter,
)
from syncpatterns.testing import FakeClock


@types.coroutine
def to_whoever_drives() -> Generator[str]:
    """Give the control back."""
    yield "waits"


class Service:
    """Fails once, then hangs."""

    def __init__(self, hang: Callable[[], Awaitable[Any]] = to_whoever_drives) -> None:
        self.hang = hang
        self.calls = 0
        self.closed = False

    async def __call__(self) -> None:
        self.calls += 1
        if self.calls == 1:
            raise ConnectionError
        try:
            await self.hang()
        except GeneratorExit:
            self.closed = True
            raise

    async def items(self) -> AsyncIterator[int]:
        await self()
        yield 1


class Still(FakeClock):
    """Sleeps on no loop at all."""

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


def retrying(**options: Any) -> Retry:
    """Try again at once."""
    clock = Still(auto_advance=True)
    return Retry(on=ConnectionError, wait=no_jitter(0, 0), clock=clock, **options)


async def decorated(service: Service) -> None:
    """Wait in a second attempt."""
    await retrying()(service)()


async def timed(service: Service) -> None:
    """Wait in a second attempt, with a deadline for all of them."""
    await retrying(timeout=5)(service)()


async def in_a_deadline(service: Service) -> None:
    """Wait in a block that has a deadline."""
    with deadline(5):
        await retrying()(service)()


async def in_a_block(service: Service) -> None:
    """Wait in a block of attempts."""
    async for attempt in retrying():
        with attempt:
            await service()


async def in_items(service: Service) -> None:
    """Wait for a first item."""
    async for _ in retrying(timeout=5)(service.items)():
        pass


EVERY = [decorated, timed, in_a_deadline, in_a_block, in_items]


@pytest.mark.case("RTY-27", part="closed elsewhere")
@pytest.mark.parametrize("wait", EVERY)
def test_a_coroutine_may_be_closed_in_another_context(
    wait: Callable[[Service], Awaitable[None]],
) -> None:
    """The GeneratorExit passes as it came, and an outer breaker counts nothing."""
    service, breaker = Service(), CircuitBreaker(name="outer")
    made: Any = breaker(wait)(service)
    assert contextvars.Context().run(made.send, None) == "waits"

    made.close()

    assert (service.calls, service.closed) == (2, True)
    assert breaker.fail_counter == 0
    assert attempt_number.get() == 1


def test_a_loop_may_be_closed_while_a_task_waits() -> None:
    """The collector closes the task without a word; a warning would fail this test."""
    destroyed: list[str] = []
    services: list[Service] = []
    tasks: list[asyncio.Task[None]] = []

    async def begin() -> None:
        waits = asyncio.Event()

        async def hang() -> None:
            waits.set()
            await asyncio.Event().wait()

        services.append(Service(hang))
        tasks.append(asyncio.create_task(in_a_deadline(services[0])))
        await waits.wait()

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, told: destroyed.append(told["message"]))
    loop.run_until_complete(begin())
    loop.close()
    tasks.clear()
    gc.collect()

    assert services[0].closed is True
    assert destroyed == ["Task was destroyed but it is pending!"]
