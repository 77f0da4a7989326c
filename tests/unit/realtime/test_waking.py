"""Waking a loop from anywhere, and cutting a connection that ASGI cannot cut."""

from __future__ import annotations

import functools
import gc
import threading
from typing import Any

import anyio
import pytest

from syncpatterns._bells import TaskBell
from syncpatterns.clock import SystemClock
from syncpatterns.realtime._abort import abort


async def test_rings_before_the_look_are_one_ring() -> None:
    """A bell says that something happened, not how often."""
    bell = TaskBell()
    bell.ring()
    bell.ring()
    await bell.wait(SystemClock())

    with anyio.move_on_after(0.01) as scope:
        await bell.wait(SystemClock())
    assert scope.cancelled_caught


async def test_a_bell_is_heard_from_other_threads() -> None:
    """Every ring after a look is heard, from whichever thread."""
    bell = TaskBell()
    for _ in range(50):
        thread = threading.Thread(target=bell.ring)
        thread.start()
        with anyio.fail_after(120):
            await bell.wait(SystemClock())
        thread.join()


def test_ringing_a_loop_that_is_gone_does_nothing() -> None:
    """An engine may announce a commit after the server has stopped."""
    bells: list[TaskBell] = []

    async def make() -> None:
        bells.append(TaskBell())

    for backend in ("asyncio", "trio"):
        anyio.run(make, backend=backend)
    gc.collect()
    threads = [threading.Thread(target=bell.ring) for bell in bells]
    for thread in threads:
        thread.start()
        thread.join()

    assert len(bells) == 2


class Transport:
    """What a server holds of a connection."""

    def __init__(self) -> None:
        self.aborted = 0

    def abort(self) -> None:
        """Cut it."""
        self.aborted += 1


class Cycle:
    """Like uvicorn's: `send` is a method, the transport an attribute."""

    def __init__(self) -> None:
        self.transport = Transport()

    async def send(self, message: object) -> None:
        """Send nothing."""


class Responder:
    """Like Starlette's gzip: keeps the inner send as an attribute."""

    def __init__(self, send: Any) -> None:
        self.send = send

    async def send_packed(self, message: object) -> None:
        """Pass it on."""
        await self.send(message)


def closure(send: Any) -> Any:
    """Like an exception middleware: a function around `send`."""

    async def sender(message: object) -> None:
        await send(message)

    return sender


@pytest.mark.parametrize(
    "wrap",
    [
        lambda send: send,
        closure,
        lambda send: Responder(send).send_packed,
        lambda send: closure(Responder(closure(send)).send_packed),
    ],
    ids=["bare", "closure", "object", "all"],
)
def test_the_connection_is_found_behind_middleware(wrap: Any) -> None:
    """However deep the server's own send is wrapped."""
    cycle = Cycle()

    assert abort(wrap(cycle.send)) is True
    assert cycle.transport.aborted == 1


class Endless:
    """A send that claims to wrap itself."""

    async def send(self, message: object) -> None:
        """Send nothing."""


@pytest.mark.parametrize(
    "send",
    [None, print, lambda message: None, Endless().send, functools.partial(print)],
    ids=range(5),
)
def test_where_nothing_is_found_nothing_happens(send: Any) -> None:
    """Another server's connection is closed politely instead."""
    assert abort(send) is False
