from __future__ import annotations

import asyncio
import importlib
import itertools
import sys
from collections.abc import Awaitable, Callable, Generator

import pytest

from benchmarks import _breaker_peers, _peers, _retry_peers


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


async def test_calls_that_wait_cannot_be_stepped() -> None:
    """The number of calls in a sample is found without the loop."""

    class Turn:
        def __await__(self) -> Generator[None]:
            yield

    async def waiting() -> None:
        await Turn()

    with pytest.raises(AssertionError, match="waits for something"):
        await _peers.apaired_ready(waiting, waiting)
