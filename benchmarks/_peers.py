"""What the suites that compare with other packages share."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from time import thread_time
from typing import Any

from benchmarks._harness import Paired, apaired, calibrate, paired


def package(name: str) -> Any:
    """Return the module *name* of the group ``bench``.

    By name, since only that group has it and type checkers do not.

    Raises:
        RuntimeError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise RuntimeError(
            f"This suite compares with the package {name.partition('.')[0]}: install "
            "the dependency group bench (make bench does)."
        ) from error


def paired_ready(
    ours: Callable[[], object], reference: Callable[[], object], *, pairs: int = 50
) -> Paired:
    """Time two functions that never wait for anything, in processor time."""
    return paired(ours, reference, pairs=pairs, clock=thread_time)


async def apaired_ready(
    ours: Callable[[], Awaitable[object]],
    reference: Callable[[], Awaitable[object]],
    *,
    pairs: int = 50,
) -> Paired:
    """Time two async functions that never wait for anything, as `paired_ready`.

    They can be stepped without the loop, so the number of calls in a sample is
    found as it is for plain functions.
    """
    number = calibrate(_stepped(ours), _stepped(reference), clock=thread_time)
    return await apaired(ours, reference, pairs=pairs, number=number, clock=thread_time)


def _stepped(function: Callable[[], Awaitable[object]]) -> Callable[[], object]:
    def step() -> None:
        coroutine: Any = function()
        try:
            coroutine.send(None)
        except StopIteration:
            return
        coroutine.close()
        raise AssertionError(f"{function!r} waits for something")

    return step
