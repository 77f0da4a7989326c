# hygiene for this file: sleep - the time is virtual, no test waits
"""Races between tasks, and clean-ups that cancellation cuts short."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import anyio
import pytest

from syncpatterns.testing import Deadlock, cancel_sweep, simulate

SEEDS = range(100)


async def most_runs(*, check_then_act: bool) -> int:
    """Press one button four times, and count how often it did something."""
    claimed: set[str] = set()
    runs = 0

    async def press() -> None:
        nonlocal runs
        await anyio.sleep(1)
        if "key" in claimed:
            return
        if check_then_act:
            await anyio.lowlevel.checkpoint()
        claimed.add("key")
        runs += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(press)
    return runs


def test_a_check_then_act_across_an_await_is_caught() -> None:
    """Some schedule runs it twice."""

    async def racy() -> int:
        return await most_runs(check_then_act=True)

    assert max(simulate(racy, seed) for seed in SEEDS) > 1


def test_an_atomic_claim_is_clean_under_every_seed() -> None:
    """No schedule runs it twice, so the checker does not cry wolf."""

    async def atomic() -> int:
        return await most_runs(check_then_act=False)

    assert {simulate(atomic, seed) for seed in SEEDS} == {1}


async def a_rare_order() -> None:
    """Fail only if the task started last is the first to run."""
    order: list[int] = []

    async def note(i: int) -> None:
        await anyio.sleep(1)
        order.append(i)

    async with anyio.create_task_group() as tasks:
        for i in range(3):
            tasks.start_soon(note, i)
    if order == [2, 1, 0]:
        raise AssertionError("the rare order")


def test_a_bug_that_needs_a_rare_order_is_caught() -> None:
    """First in, first out would never show it."""
    caught = 0
    for seed in SEEDS:
        try:
            simulate(a_rare_order, seed)
        except AssertionError:
            caught += 1

    assert 0 < caught < len(SEEDS) / 2


def test_locks_taken_in_two_orders_are_caught() -> None:
    """The deadlock shows in some schedule, and ends the run."""

    async def both(first: anyio.Lock, second: anyio.Lock) -> None:
        async with first:
            await anyio.lowlevel.checkpoint()
            async with second:
                await anyio.lowlevel.checkpoint()

    async def main() -> None:
        one, two = anyio.Lock(), anyio.Lock()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(both, one, two)
            tasks.start_soon(both, two, one)

    def deadlocks(seed: int) -> bool:
        try:
            simulate(main, seed)
        except Deadlock:
            return True
        return False

    assert any(deadlocks(seed) for seed in SEEDS)


@dataclass
class Store:
    """A store whose every call takes a second."""

    held: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    async def claim(self, key: str) -> None:
        await anyio.sleep(1)
        self.held.add(key)

    async def complete(self, key: str) -> None:
        await anyio.sleep(1)
        self.done.add(key)
        self.held.discard(key)

    async def release(self, key: str) -> None:
        await anyio.sleep(1)
        self.held.discard(key)


async def new_store() -> Store:
    """Give an empty store."""
    return Store()


async def nothing_held(store: Store) -> None:
    """Judge: no key is held by a task that has ended."""
    assert store.held == set()


async def guarded(store: Store, *, shielded: bool, before_the_claim: bool) -> None:
    """Claim, work, complete; give the key back on any error."""
    if not before_the_claim:
        await store.claim("key")
    try:
        if before_the_claim:
            await store.claim("key")
        await anyio.sleep(10)
        await store.complete("key")
    except BaseException:
        with anyio.CancelScope(shield=shielded):
            await store.release("key")
        raise


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_unshielded_clean_up_is_caught(backend: Literal["asyncio", "trio"]) -> None:
    """Its first await is cancelled again, and the key stays held."""

    async def main(store: Store) -> None:
        await guarded(store, shielded=False, before_the_claim=True)

    with pytest.raises(AssertionError) as caught:
        cancel_sweep(main, prepare=new_store, judge=nothing_held, backend=backend)

    assert "cancelled at step" in caught.value.__notes__[0]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_shielded_clean_up_is_clean(backend: Literal["asyncio", "trio"]) -> None:
    """Wherever it is cancelled, the key is given back."""

    async def main(store: Store) -> None:
        await guarded(store, shielded=True, before_the_claim=True)

    sweep = cancel_sweep(main, prepare=new_store, judge=nothing_held, backend=backend)

    assert sweep.cancelled > 2
