"""Runs that take hours of virtual time and no real second, on both kinds of loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import trio.testing

from syncpatterns.testing import simulate

T = TypeVar("T")

BACKENDS = ("asyncio", "trio")


def virtually(main: Callable[[], Awaitable[T]], backend: str, seed: int = 0) -> T:
    """Run *main* in the loop's own time; a clock in it is a `LoopClock`."""
    if backend == "asyncio":
        return simulate(main, seed)
    clock = trio.testing.MockClock(autojump_threshold=0)
    return anyio.run(main, backend="trio", backend_options={"clock": clock})
