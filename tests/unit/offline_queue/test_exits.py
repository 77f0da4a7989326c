"""Handlers that ask for the end of the program, as libraries do that are programs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns.offline_queue import ItemState, OfflineQueue, Queued
from tests.unit.offline_queue.surface import World


def _queue(make: Callable[..., OfflineQueue], kind: str, error: BaseException) -> Any:
    """Return a queue with one handler that raises *error*, and one that is well."""
    queue = make()
    if kind == "plain":

        @queue.handler("n.exit", target="program")
        def plain(payload: int) -> int:
            raise error

    else:

        @queue.handler("n.exit", target="program")
        async def awaited(payload: int) -> int:
            raise error

    @queue.handler("n.well")
    async def well(payload: int) -> int:
        return payload + 1

    return queue


def _on_a_thread(work: Callable[[], Any]) -> Any:
    """Return what *work* does on another thread than the main one."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(work()))
    thread.start()
    thread.join(120)
    (answer,) = answers
    return answer


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_handler_that_exits_has_failed(
    make: Callable[..., OfflineQueue], kind: str, world: World
) -> None:
    """It ends no drain: the others are delivered, and it has used an attempt."""
    queue = _queue(make, kind, SystemExit(3))
    bad, good = queue.enqueue("n.exit", 1), queue.enqueue("n.well", 1)
    report = _on_a_thread(lambda: world.flush(queue))
    item = queue.get(bad.id)

    assert (report.sent, report.failed) == (1, 1)
    assert good.wait(0).value == 2
    assert (item.state, item.attempts) == (ItemState.SCHEDULED, 1)


def test_a_plain_handler_on_a_thread_hears_no_signal(
    make: Callable[..., OfflineQueue], world: World
) -> None:
    """A KeyboardInterrupt there is the handler's own, and no Ctrl-C."""
    queue = _queue(make, "plain", KeyboardInterrupt())
    bad = queue.enqueue("n.exit", 1)
    _on_a_thread(lambda: world.flush(queue))

    assert queue.get(bad.id).attempts == 1


def test_the_main_thread_is_interrupted_but_not_at_the_same_item_again(
    make: Callable[..., OfflineQueue],
) -> None:
    """There it may be a signal, so no attempt is used; the next pass does the rest."""
    queue = _queue(make, "plain", SystemExit(3))
    bad, good = queue.enqueue("n.exit", 1), queue.enqueue("n.well", 1)
    with pytest.raises(SystemExit):
        queue.flush()
    report = queue.flush()
    item = queue.get(bad.id)

    assert (report.sent, report.left) == (1, 1)
    assert good.wait(0).value == 2
    assert (item.state, item.attempts) == (ItemState.SCHEDULED, 0)


def test_what_exits_again_and_again_waits_longer_each_time(
    make: Callable[..., OfflineQueue], clock: Any
) -> None:
    """1, 2, 4 and up to 60 seconds; a minute costs a supervisor one start."""
    queue = _queue(make, "plain", SystemExit(3))
    bad = queue.enqueue("n.exit", 1)
    waits: list[float] = []
    for _ in range(8):
        with pytest.raises(SystemExit):
            queue.flush()
        waits.append(queue.get(bad.id).due_at - clock.time())
        clock.advance(waits[-1])

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_an_async_handler_ends_no_loop_for_the_others(
    make: Callable[..., OfflineQueue], error: BaseException
) -> None:
    """Blocking callers share a loop; it serves the next one."""
    queue = _queue(make, "async", error)
    if isinstance(error, SystemExit):
        assert isinstance(queue.call("n.exit", 1), Queued)
    else:
        with pytest.raises(KeyboardInterrupt):
            queue.call("n.exit", 1)

    assert queue.call("n.well", 1).value == 2


class Panic(BaseException):
    """What a library written in Rust raises."""


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_handler_that_panics_has_failed(
    make: Callable[..., OfflineQueue], kind: str, world: World
) -> None:
    """It is no `Exception`, and no reason to end a drain at the same item each time."""
    queue = _queue(make, kind, Panic())
    bad, good = queue.enqueue("n.exit", 1), queue.enqueue("n.well", 1)
    report = _on_a_thread(lambda: world.flush(queue))
    item = queue.get(bad.id)

    assert (report.sent, report.failed) == (1, 1)
    assert good.wait(0).value == 2
    assert (item.state, item.attempts) == (ItemState.SCHEDULED, 1)


@pytest.mark.parametrize("main", [True, False])
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_what_is_cancelled_in_a_handler_cancels_no_drain(
    make: Callable[..., OfflineQueue], kind: str, world: World, *, main: bool
) -> None:
    """A loop of its own, or a client that closes: nobody knows whether it was done."""
    if world.name == "trio" and kind == "async":
        pytest.skip("a coroutine on trio raises nothing of asyncio's")
    queue = _queue(make, kind, asyncio.CancelledError())
    bad = queue.enqueue("n.exit", 1)
    goods = [queue.enqueue("n.well", n) for n in range(20)]
    report = world.flush(queue) if main else _on_a_thread(lambda: world.flush(queue))
    item = queue.get(bad.id)

    assert report.sent == 20
    assert report.released >= 1
    assert [good.wait(0).value for good in goods] == list(range(1, 21))
    assert (item.state, item.attempts) == (ItemState.READY, 0)
    assert item.error == "NoAnswer: no-answer"


async def test_a_cancelled_drain_is_cancelled(
    make: Callable[..., OfflineQueue],
) -> None:
    """While its handlers run, plain and awaited: they do not answer for it."""
    queue = make()
    begun, over = anyio.Event(), threading.Event()

    @queue.handler("n.awaits")
    async def awaits(payload: int) -> None:
        begun.set()
        await anyio.sleep_forever()

    @queue.handler("n.blocks", target="other")
    def blocks(payload: int) -> None:
        over.wait(300)

    queue.enqueue("n.blocks", 1)
    queue.enqueue("n.awaits", 1)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(queue.aflush)
            await begun.wait()
            tasks.cancel_scope.cancel()
    finally:
        over.set()

    assert {item.attempts for item in await queue.aitems()} == {0}
