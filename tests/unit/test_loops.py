"""Waking the tasks of a loop from another thread."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable

import anyio
import anyio.to_thread
import pytest

from syncpatterns import _loops
from syncpatterns._loops import Loop, current_loop, in_event_loop


async def test_one_loop_is_one_object() -> None:
    """So that a commit shared by 32 tasks wakes their loop once."""
    assert current_loop() is current_loop()


async def test_callbacks_run_on_the_loop_in_order() -> None:
    """Each once, whatever thread they come from."""
    loop = current_loop()
    seen: list[tuple[int, threading.Thread]] = []
    done = anyio.Event()

    def note(n: int) -> Callable[[], None]:
        return lambda: seen.append((n, threading.current_thread()))

    def wake() -> None:
        for n in range(100):
            loop.later(note(n))
        loop.later(done.set)

    thread = threading.Thread(target=wake)
    thread.start()
    with anyio.fail_after(120):
        await done.wait()
    thread.join()

    assert seen == [(n, threading.current_thread()) for n in range(100)]


def test_many_callbacks_are_one_call_of_the_loop() -> None:
    """Until the loop comes round, all of them wait together."""
    calls: list[Callable[[], None]] = []
    loop = Loop(anyio.Event, calls.append)
    seen: list[int] = []

    for n in range(5):
        loop.later(lambda n=n: seen.append(n))  # type: ignore[misc]  # a default binds n
    first = list(calls)
    calls.pop()()
    loop.later(lambda: seen.append(5))
    calls.pop()()

    assert len(first) == 1
    assert seen == [0, 1, 2, 3, 4, 5]


def test_a_closed_loop_is_ignored() -> None:
    """Its tasks are gone; the writer must not fail because of them."""
    loops: list[Loop] = []

    async def main() -> None:
        loops.append(current_loop())

    for backend in ("asyncio", "trio"):
        anyio.run(main, backend=backend)
    for loop in loops:
        loop.later(lambda: None)
        loop.later(lambda: None)

    assert [loop._waiting for loop in loops] == [[], []]


def test_a_loop_that_is_gone_is_forgotten() -> None:
    """A program that runs many loops does not collect them."""

    async def main() -> weakref.ref[asyncio.AbstractEventLoop]:
        current_loop()
        return weakref.ref(asyncio.get_running_loop())

    before = len(_loops._loops)
    references = [asyncio.run(main()) for _ in range(5)]
    gc.collect()

    assert [reference() for reference in references] == [None] * 5
    assert len(_loops._loops) <= before


def test_there_is_no_loop_outside_of_one() -> None:
    """The error is Python's usual one."""
    with pytest.raises(RuntimeError):
        current_loop()


async def test_a_thread_that_runs_a_loop_is_told_apart() -> None:
    """Blocking there would stop the loop; elsewhere it would not."""
    there = in_event_loop()
    elsewhere = await anyio.to_thread.run_sync(in_event_loop)

    assert (there, elsewhere) == (True, False)
