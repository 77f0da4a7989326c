"""Cancel scopes on asyncio in a process that never heard of trio, and then does.

Every test process has imported trio, so these are programs of their own.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

_BEGINNING = """
import asyncio, math, sys, threading
import anyio
from syncpatterns.retry import Retry, no_jitter, remaining

class Down(Exception): pass

class Still:
    monotonic = time = sleep = None
    async def asleep(self, seconds): slept.append(seconds)

slept, calls = [], []
retry = Retry(on=Down, attempts=2, wait=no_jitter(100, 100), clock=Still(), budget=None)

async def fail():
    calls.append(1)
    raise Down

async def made():
    calls.clear(), slept.clear()
    try:
        await retry.acall(fail)
    except Down:
        return len(calls), len(slept)
"""

_ASYNCIO = """
async def main():
    yield "no scope", await made() == (2, 1) and remaining() == math.inf
    with anyio.move_on_after(50) as scope:
        yield "a scope", await made() == (1, 0) and 0 < remaining() <= 50
        with anyio.move_on_after(1000):
            yield "inside a scope", await made() == (1, 0)
        with anyio.CancelScope(shield=True):
            yield "inside a shield", await made() == (2, 1)
        found = []
        async def child(): found.append(await made())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child)
        yield "a child of the scope", found == [(1, 0)]
    with anyio.CancelScope() as scope:
        scope.cancel()
        yield "a cancelled scope", await made() == (1, 0) and remaining() == 0
        with anyio.CancelScope(shield=True):
            yield "a shield in a cancelled scope", await made() == (2, 1)
    with anyio.move_on_after(1000):
        yield "a distant scope", await made() == (2, 1)
    found = []
    thread = threading.Thread(target=lambda: found.append(remaining()))
    thread.start()
    thread.join()
    yield "a thread without a loop", found == [math.inf]

async def show():
    async for name, right in main():
        print(name, "right" if right else "WRONG")

asyncio.run(show())
asyncio.run(show())
print("trio" in sys.modules)
"""

_TRIO = """
import trio

async def on_trio():
    with trio.move_on_after(50):
        return await made() == (1, 0)

print(trio.run(on_trio))

async def host():
    done = asyncio.get_running_loop().create_future()
    trio.lowlevel.start_guest_run(
        on_trio,
        run_sync_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
        done_callback=done.set_result,
    )
    print((await done).unwrap())

asyncio.run(host())
"""

_CASES = [
    "no scope",
    "a scope",
    "inside a scope",
    "inside a shield",
    "a child of the scope",
    "a cancelled scope",
    "a shield in a cancelled scope",
    "a distant scope",
    "a thread without a loop",
]


def run(program: str) -> list[str]:
    """Return what *program* says, line by line."""
    done = subprocess.run(
        [sys.executable, "-c", _BEGINNING + program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.case("RTY-16", part="asyncio alone")
def test_scopes_count_on_asyncio_alone() -> None:
    """Where nobody imported trio, the loop is not asked for; the scopes are."""
    expected = [f"{name} right" for name in _CASES]

    assert run(_ASYNCIO) == [*expected, *expected, "False"]


@pytest.mark.case("RTY-16", part="trio after asyncio")
def test_scopes_count_on_trio_that_comes_later() -> None:
    """Also as a guest of asyncio, where both loops run in one thread."""
    said = run(_ASYNCIO + _TRIO)

    assert said[-3:] == ["False", "True", "True"]
