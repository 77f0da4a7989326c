from __future__ import annotations

import asyncio
import importlib
import itertools
import sys
import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from benchmarks import _breaker_peers, _peers, _retry_peers
from benchmarks._harness import Paired, paired
from syncpatterns.retry import CircuitBreaker


def _bench_group() -> bool:
    try:
        for name in ("stamina", "nopanic", "redress", "interlock", "purgatory"):
            importlib.import_module(name)
    except ImportError:
        return False
    return True


peers_installed = pytest.mark.skipif(
    not _bench_group(), reason="the packages compared with are in the group bench"
)


def test_a_missing_package_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who runs a suite without the group ``bench`` is told to install it."""
    monkeypatch.setitem(sys.modules, "stamina", None)

    with pytest.raises(RuntimeError, match=r"stamina: install .* group bench"):
        _retry_peers.peers()


def test_suites_can_be_imported_without_the_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Listing the suites needs nothing but the library."""
    for name in ("aiobreaker", "backoff", "circuitbreaker", "interlock", "nopanic"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("_peers", "_retry_peers", "_breaker_peers", "retry", "breaker"):
        monkeypatch.delitem(sys.modules, f"benchmarks.{name}", raising=False)

    assert importlib.import_module("benchmarks.retry").rows
    assert importlib.import_module("benchmarks.breaker").rows


@peers_installed
@pytest.mark.parametrize("name", ["sync", "aio"])
def test_every_retry_package_tries_again_and_sleeps_no_time(name: str) -> None:
    """A row must not compare with a package that gave up, or that slept."""
    tries = dict[str, int]()

    def failing(peer: str) -> Callable[[], int]:
        numbers = itertools.count(1)

        def work() -> int:
            tries[peer] = next(numbers)
            if tries[peer] < 5:
                raise _retry_peers.ON
            return 1

        return work

    def wrapped(work: Callable[[], int]) -> Callable[[], Awaitable[int]]:
        async def awork() -> int:
            return work()

        return awork

    with _retry_peers.still():
        found = list[int]()
        for peer in _retry_peers.peers():
            work = failing(peer.name)
            if name == "sync":
                found.append(peer.sync(work)())
            else:
                found.append(asyncio.run(peer.aio(wrapped(work))()))

    assert found == [1] * 6
    assert set(tries.values()) == {5}


@peers_installed
def test_every_breaker_package_lets_calls_through_and_opens() -> None:
    """A row must not compare with a breaker that never opens."""
    breaker = importlib.import_module("benchmarks.breaker")
    found = list[str]()
    for peer in _breaker_peers.peers():
        assert peer.sync(breaker.work)() == 1
        assert breaker.rejection(peer)() is None
        found.append(peer.name)

    assert len(found) == 7


def _fake(monkeypatch: pytest.MonkeyPatch, suite: types.ModuleType) -> None:
    """Run both sides of every row once, instead of timing them."""

    def once(ours: Any, reference: Any, **_: object) -> Paired:
        ours()
        reference()
        return Paired(1.0, 1.0, 1.0)

    async def aonce(ours: Any, reference: Any, **_: object) -> Paired:
        await ours()
        await reference()
        return Paired(1.0, 1.0, 1.0)

    monkeypatch.setattr(suite, "paired_ready", once)
    monkeypatch.setattr(suite, "apaired_ready", aonce)


@peers_installed
def test_retry_has_a_row_for_each_peer_and_the_loop_by_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fastest peer differs from row to row, so each is held to the target."""
    suite = importlib.import_module("benchmarks.retry")
    _fake(monkeypatch, suite)
    targets = {item["id"]: item["target"] for item in suite.rows()}
    names = [peer.name for peer in _retry_peers.peers()]

    assert targets == {
        **{f"P-RTY-1.{kind}.hand": 1.1 for kind in ("sync", "async")},
        **{f"P-RTY-1.{kind}.{n}": 1.0 for kind in ("sync", "async") for n in names},
        **{f"P-RTY-2.{kind}.{n}": 1.0 for kind in ("sync", "async") for n in names},
        **{
            f"P-RTY-2.{kind}.{n}": 2.0
            for kind in ("tenacity", "atenacity")
            for n in names
        },
    }


@peers_installed
def test_breaker_has_a_row_for_each_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package pybreaker cannot guard an async function: no async row."""
    suite = importlib.import_module("benchmarks.breaker")
    _fake(monkeypatch, suite)
    monkeypatch.setattr(suite, "shared_rows", lambda: iter(()))
    targets = {item["id"]: item["target"] for item in suite.rows()}
    names = [peer.name for peer in _breaker_peers.peers()]
    rest = [name for name in names if name != "pybreaker"]

    assert targets == {
        "P-BRK-1.sync.pybreaker": 0.12,
        **{f"P-BRK-1.{kind}.{n}": 0.4 for kind in ("sync", "async") for n in rest},
        **{f"P-BRK-2.sync.{n}": 0.7 for n in names},
        **{f"P-BRK-2.async.{n}": 0.7 for n in rest},
        "P-BRK-M.well": 1.0,
        "P-BRK-M.failed": 1.0,
    }


def test_memory_is_that_of_the_breakers_alone() -> None:
    """Planted: a breaker that drags 4 kB along is seen to do so."""
    suite = importlib.import_module("benchmarks.breaker")
    kept = list[bytes]()

    def heavy(breaker: CircuitBreaker) -> None:
        breaker.call(suite.work)
        kept.append(bytes(4096))

    def plain() -> float:
        return float(
            suite.bytes_of(CircuitBreaker, lambda breaker: breaker.call(suite.work))
        )

    light = min(plain() for _ in range(3))  # other threads take memory too

    assert 200 < light < 1600
    assert suite.bytes_of(CircuitBreaker, heavy) > light + 4000


async def test_calls_that_wait_cannot_be_stepped() -> None:
    """The number of calls in a sample is found without the loop."""

    class Turn:
        def __await__(self) -> Generator[None]:
            yield

    async def waiting() -> None:
        await Turn()

    with pytest.raises(AssertionError, match="waits for something"):
        await _peers.apaired_ready(waiting, waiting)


def test_a_sample_is_timed_by_the_clock_that_was_asked_for() -> None:
    """In processor time a sample does not grow by what the system ran in it."""
    now = 0.0

    def work(seconds: float) -> None:
        nonlocal now
        now += seconds

    found = paired(
        lambda: work(3.0), lambda: work(2.0), pairs=4, number=2, clock=lambda: now
    )

    assert found == Paired(3.0, 2.0, 1.5)
