"""P-BRK-1 to P-BRK-3: what a breaker costs a call, a rejection, a thread, a byte.

Ours is as it comes: rate guard on, no listener. A target against "the fastest
peer" is a target against each of them; every row runs in turn with its own
reference.
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from benchmarks._breaker_peers import Async, Peer, Plain, peers
from benchmarks._harness import Paired, Row, row, summary
from benchmarks._peers import apaired_ready, paired_ready
from syncpatterns.retry import CircuitBreaker

_PAIRS = 100
_THREADS, _CALLS, _WAIT = 8, 20, 0.005
_BREAKERS = 1000
_BYTES = 1600

#: The most that ours may cost, to pybreaker, to every other peer.
_CLOSED = {"pybreaker": 0.12}
_CLOSED_PEERS = 0.4
_REJECTION = 0.7
_SHARED = 1.1


def work() -> int:
    """Succeed."""
    return 1


async def awork() -> int:
    """Succeed."""
    return 1


def refuse() -> int:
    """Fail as a server does that cannot be reached."""
    raise TimeoutError


async def arefuse() -> int:
    """Fail as a server does that cannot be reached."""
    raise TimeoutError


def _guard(fn: Plain) -> Plain:
    guarded: Plain = CircuitBreaker()(fn)
    return guarded


def _aguard(fn: Async) -> Async:
    guarded: Async = CircuitBreaker()(fn)
    return guarded


OURS = Peer("ours", _guard, _aguard)


def rows() -> Iterator[Row]:
    """Measure all of them."""
    others = list(peers())
    for peer in others:
        figures = paired_ready(OURS.sync(work), peer.sync(work), pairs=_PAIRS)
        yield _row("1.sync", "closed", peer, figures, _closed(peer))
    yield from asyncio.run(_closed_async(others))
    for peer in others:
        figures = paired_ready(rejection(OURS), rejection(peer), pairs=_PAIRS)
        yield _row("2.sync", "a rejection", peer, figures, _REJECTION)
    yield from asyncio.run(_rejections_async(others))
    yield from shared_rows()
    yield from memory_rows()


def _closed(peer: Peer) -> float:
    return _CLOSED.get(peer.name, _CLOSED_PEERS)


async def _closed_async(others: list[Peer]) -> list[Row]:
    found: list[Row] = []
    for peer in others:
        if peer.aio is not None:
            figures = await apaired_ready(_aguard(awork), peer.aio(awork))
            found.append(_row("1.async", "closed, async", peer, figures, _closed(peer)))
    return found


async def _rejections_async(others: list[Peer]) -> list[Row]:
    mine = await arejection(_aguard)
    found: list[Row] = []
    for peer in others:
        if peer.aio is not None:
            figures = await apaired_ready(mine, await arejection(peer.aio))
            found.append(
                _row("2.async", "a rejection, async", peer, figures, _REJECTION)
            )
    return found


def rejection(peer: Peer) -> Plain:
    """Return a function that is rejected, and catches that."""
    guarded = peer.sync(refuse)
    for _ in range(100):
        try:
            guarded()
        except TimeoutError:
            continue
        except Exception as error:  # noqa: BLE001 - each package has its own class
            return _caught(guarded, type(error))
    raise AssertionError(f"{peer.name} never opened")


def _caught(guarded: Plain, kind: type[Exception]) -> Plain:
    def call() -> None:
        try:
            guarded()
        except kind:
            return
        raise AssertionError("the breaker is not open")

    return call


async def arejection(guard: Callable[[Async], Async]) -> Async:
    """Return an async function that is rejected, and catches that."""
    guarded = guard(arefuse)
    for _ in range(100):
        try:
            await guarded()
        except TimeoutError:
            continue
        except Exception as error:  # noqa: BLE001 - each package has its own class
            return _acaught(guarded, type(error))
    raise AssertionError("it never opened")


def _acaught(guarded: Async, kind: type[Exception]) -> Async:
    async def call() -> None:
        try:
            await guarded()
        except kind:
            return
        raise AssertionError("the breaker is not open")

    return call


def shared_rows() -> Iterator[Row]:
    """Return P-BRK-3: threads that wait for a server behind one breaker."""
    pybreaker = next(peer for peer in peers() if peer.name == "pybreaker")
    what = f"ms: {_THREADS} threads, {_CALLS} calls of 5 ms each, one breaker"
    with ThreadPoolExecutor(_THREADS) as pool:

        def bare() -> float:
            return together(pool, wait)

        def behind(guard: Callable[[Plain], Plain]) -> Callable[[], float]:
            guarded = guard(wait)
            return lambda: together(pool, guarded)

        mine, theirs = behind(_guard), behind(pybreaker.sync)
        together(pool, wait)  # starts the threads
        yield row(
            "P-BRK-3.ideal",
            f"{what}, to none",
            _turns(mine, bare, 8),
            _SHARED,
            unit=1e3,
        )
        yield row(
            "P-BRK-3.pybreaker",
            f"{what}, to pybreaker",
            _turns(mine, theirs, 2),
            _SHARED / _THREADS,
            unit=1e3,
        )


def wait() -> None:
    """Wait as for an answer from the network, without the interpreter's lock."""
    Event().wait(_WAIT)


def together(pool: ThreadPoolExecutor, call: Plain) -> float:
    """Return the seconds in which every thread has made its calls."""

    def calls() -> None:
        for _ in range(_CALLS):
            call()

    start = time.perf_counter()
    for future in [pool.submit(calls) for _ in range(_THREADS)]:
        future.result()
    return time.perf_counter() - start


def _turns(
    mine: Callable[[], float], theirs: Callable[[], float], pairs: int
) -> Paired:
    samples: list[tuple[float, float]] = []
    for turn in range(pairs):
        if turn % 2:
            second = theirs()
            samples.append((mine(), second))
        else:
            samples.append((mine(), theirs()))
    return summary(samples)


def memory_rows() -> Iterator[Row]:
    """Return the bytes that one breaker takes, before and after a failure."""
    for suffix, what, prepare in (
        ("well", "after a success", _succeed),
        ("failed", "after a failure", _fail),
    ):
        found = bytes_of(lambda: CircuitBreaker("dependency"), prepare)
        yield row(
            f"P-BRK-M.{suffix}",
            f"bytes a breaker, {what}",
            Paired(found, _BYTES, found / _BYTES),
            1.0,
            unit=1,
        )


def _succeed(breaker: CircuitBreaker) -> None:
    breaker.call(work)


def _fail(breaker: CircuitBreaker) -> None:
    try:
        breaker.call(refuse)
    except TimeoutError:
        return


def bytes_of(
    make: Callable[[], CircuitBreaker], prepare: Callable[[CircuitBreaker], None]
) -> float:
    """Return the bytes that one breaker keeps, by the allocator's count."""
    prepare(make())  # what is made once for all of them is not counted
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [make() for _ in range(_BREAKERS)]
        for breaker in kept:
            prepare(breaker)
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / len(kept)
    finally:
        tracemalloc.stop()


def _row(key: str, what: str, peer: Peer, figures: Paired, target: float) -> Row:
    return row(
        f"P-BRK-{key}.{peer.name}", f"us: {what}, to {peer.name}", figures, target
    )
