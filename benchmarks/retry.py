"""P-RTY-1 and P-RTY-2: what `Retry` costs when nothing fails, and when one call does.

Every row has its own reference and runs in turn with it, so a row is fair in
itself; the figures of ours differ a little from row to row. A target against
"the fastest peer" is a target against each of them.

Ours has its budget, which nobody else has by default. The async rows run under
anyio, as a web application does: then a failed call is asked how much time its
cancel scopes leave, which nobody else does either.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import tenacity

from benchmarks._harness import Paired, Row, row
from benchmarks._peers import apaired_ready, paired_ready
from benchmarks._retry_peers import ON, no_asleep, no_sleep, peers, still, strategies
from syncpatterns.retry import Retry, RetryBudget

_PAIRS = 100
_HAND = "a loop by hand"
#: The most that a call may cost, to: the loop by hand, each peer.
_FLAWLESS = {_HAND: 1.1, "peers": 1.0}
_ONE_FAILURE = 1.0
_ONE_FAILURE_TENACITY = 2.0

Plain = Callable[[], object]
Async = Callable[[], Awaitable[object]]


class Still:
    """A clock whose sleeps take no time."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
    sleep = staticmethod(no_sleep)
    asleep = staticmethod(no_asleep)


def flawless() -> tuple[Plain, Async]:
    """Return a function that never fails, plain and async."""

    def work() -> int:
        return 1

    async def awork() -> int:
        return 1

    return work, awork


def failing_once() -> tuple[Plain, Async]:
    """Return a function whose every other call fails, plain and async."""
    well = True

    def work() -> int:
        nonlocal well
        well = not well
        if not well:
            raise ON("refused")
        return 1

    async def awork() -> int:
        return work()

    return work, awork


def by_hand(fn: Plain) -> Plain:
    """Return *fn* in the loop that one would write for it alone."""

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> object:
        attempt = 0
        while True:
            attempt += 1
            try:
                return fn(*args, **kwargs)
            except ON:
                if attempt >= 5:
                    raise
                delay = random.random() * min(4.0, 2.0 ** (attempt - 1))
            no_sleep(delay)

    return call


def by_hand_async(fn: Async) -> Async:
    """Return the same for an async function."""

    @functools.wraps(fn)
    async def call(*args: Any, **kwargs: Any) -> object:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await fn(*args, **kwargs)
            except ON:
                if attempt >= 5:
                    raise
                delay = random.random() * min(4.0, 2.0 ** (attempt - 1))
            await no_asleep(delay)

    return call


def ours() -> Retry:
    """Return our `Retry` as it comes, but for the sleep."""
    return Retry(on=ON, clock=Still())


def ours_lasting() -> Retry:
    """Return it with a budget that a failure in each call does not exhaust."""
    return Retry(on=ON, clock=Still(), budget=RetryBudget(10, 1.0))


def ours_with_tenacity() -> Retry:
    """Return it with tenacity's strategies instead of ours."""
    return Retry(
        on=tenacity.retry_if_exception_type(ON),
        clock=Still(),
        budget=RetryBudget(10, 1.0),
        **strategies(),
    )


def rows() -> Iterator[Row]:
    """Measure all of them."""
    with still():
        yield from _sync_rows()
        yield from anyio.run(_async_rows)


def _sync_rows() -> Iterator[Row]:
    work, _ = flawless()
    mine = ours()(work)
    yield _row("1.sync", _HAND, paired_ready(mine, by_hand(work), pairs=_PAIRS))
    for peer in peers():
        yield _row(
            "1.sync", peer.name, paired_ready(mine, peer.sync(work), pairs=_PAIRS)
        )
    for make, key in ((ours_lasting, "2.sync"), (ours_with_tenacity, "2.tenacity")):
        for peer in peers():
            first, second = failing_once()[0], failing_once()[0]
            yield _row(key, peer.name, paired_ready(make()(first), peer.sync(second)))


async def _async_rows() -> list[Row]:
    _, work = flawless()
    mine = ours()(work)
    found = [_row("1.async", _HAND, await apaired_ready(mine, by_hand_async(work)))]
    found += [
        _row("1.async", peer.name, await apaired_ready(mine, peer.aio(work)))
        for peer in peers()
    ]
    for make, key in ((ours_lasting, "2.async"), (ours_with_tenacity, "2.atenacity")):
        for peer in peers():
            first, second = failing_once()[1], failing_once()[1]
            pair = await apaired_ready(make()(first), peer.aio(second))
            found.append(_row(key, peer.name, pair))
    return found


_WHAT = {
    "1.sync": "nothing fails",
    "1.async": "nothing fails, async",
    "2.sync": "one failure, then well",
    "2.tenacity": "the same with tenacity's strategies",
    "2.async": "one failure, then well, async",
    "2.atenacity": "the same with tenacity's strategies, async",
}


def _row(key: str, reference: str, figures: Paired) -> Row:
    target = {
        "1.sync": _FLAWLESS.get(reference, _FLAWLESS["peers"]),
        "1.async": _FLAWLESS.get(reference, _FLAWLESS["peers"]),
        "2.sync": _ONE_FAILURE,
        "2.async": _ONE_FAILURE,
    }.get(key, _ONE_FAILURE_TENACITY)
    suffix = "hand" if reference == _HAND else reference
    return row(
        f"P-RTY-{key}.{suffix}", f"us: {_WHAT[key]}, to {reference}", figures, target
    )
