"""Waking the tasks of a loop from another thread."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable

import anyio
import anyio.lowlevel

from syncpatterns.engines import _wake


async def test_a_loop_has_one_waker() -> None:
    """So that a commit shared by 32 tasks wakes their loop once."""
    assert _wake.current_waker() is _wake.current_waker()


async def test_callbacks_run_on_the_loop_in_order() -> None:
    """Each once, whatever thread they come from."""
    waker = _wake.current_waker()
    seen: list[tuple[int, threading.Thread]] = []
    done = anyio.Event()

    def note(n: int) -> Callable[[], None]:
        return lambda: seen.append((n, threading.current_thread()))

    def wake() -> None:
        for n in range(100):
            waker.wake(note(n))
        waker.wake(done.set)

    thread = threading.Thread(target=wake)
    thread.start()
    with anyio.fail_after(30):
        await done.wait()
    thread.join()

    assert seen == [(n, threading.current_thread()) for n in range(100)]


def test_many_callbacks_are_one_call_of_the_loop() -> None:
    """Until the loop comes round, all of them wait together."""
    calls: list[Callable[[], None]] = []
    waker = _wake.LoopWaker(calls.append)
    seen: list[int] = []

    for n in range(5):
        waker.wake(lambda n=n: seen.append(n))  # type: ignore[misc]  # a default binds n
    first = list(calls)
    calls.pop()()
    waker.wake(lambda: seen.append(5))
    calls.pop()()

    assert len(first) == 1
    assert seen == [0, 1, 2, 3, 4, 5]


def test_a_closed_loop_is_ignored() -> None:
    """Its tasks are gone; the writer must not fail because of them."""
    wakers: list[_wake.LoopWaker] = []

    async def main() -> None:
        wakers.append(_wake.current_waker())

    for backend in ("asyncio", "trio"):
        anyio.run(main, backend=backend)
    for waker in wakers:
        waker.wake(lambda: None)
        waker.wake(lambda: None)

    assert [list(waker._pending) for waker in wakers] == [[], []]


def test_a_loop_that_is_gone_is_forgotten() -> None:
    """A program that runs many loops does not collect them."""

    async def main() -> weakref.ref[asyncio.AbstractEventLoop]:
        _wake.current_waker()
        return weakref.ref(asyncio.get_running_loop())

    before = len(_wake._wakers)
    references = [asyncio.run(main()) for _ in range(5)]
    gc.collect()

    assert [reference() for reference in references] == [None] * 5
    assert len(_wake._wakers) <= before
