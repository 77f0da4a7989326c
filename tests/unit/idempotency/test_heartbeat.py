"""Leases that are kept alive, and owners who find out that they lost theirs."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from syncpatterns.clock import SystemClock
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import InProgress, LeaseLost
from syncpatterns.events import Fenced, Released
from syncpatterns.idempotency import Context, Idempotency, State, StoredOutcome, Windows
from syncpatterns.idempotency._core import Owned
from syncpatterns.idempotency._heart import LoopHeart, ThreadHeart, _Beats
from syncpatterns.idempotency._lease import Lease
from syncpatterns.testing import FakeClock, LoopClock, simulate
from tests.unit.idempotency.helpers import (
    KEY,
    WHERE,
    BrokenStore,
    Effect,
    claim_as,
    wait_until,
)

THEIRS = StoredOutcome("value", b'"theirs"')


@pytest.mark.case("IDM-18", part="sync")
def test_an_effect_may_take_many_leases(engine: MemoryEngine, clock: FakeClock) -> None:
    """The lease moves on while it runs, so nobody takes over."""
    guard = Idempotency(engine, on_busy="reject")
    refused = []

    def effect(context: Context) -> int:
        for _ in range(9):
            clock.advance(10)
            try:
                engine_call(guard)
            except InProgress:
                refused.append(clock.monotonic())
        context.check()
        return 7

    answer = guard.execute("k", effect, payload=None, **WHERE)

    assert answer == 7
    assert len(refused) == 9


def engine_call(guard: Idempotency) -> object:
    """Call with the same key, as from another process."""
    result = guard.require_blocking().claim(claim_as("another process"))
    if isinstance(result, Owned):
        return result
    raise InProgress


@pytest.mark.case("IDM-50")
async def test_in_progress_longer_than_the_replay_window(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """The window counts from completion; a long execution does not use it up."""
    guard = Idempotency(engine)
    store = engine.idempotency_store()
    answers = []

    async def effect(context: Context) -> int:
        for _ in range(9):
            clock.advance(10)
            await anyio.lowlevel.checkpoint()
            answers.append(type(store.claim(claim_as("other"))).__name__)
        context.check()
        return 7

    answer = await guard.aexecute("k", effect, payload=None, **WHERE)

    assert answer == 7
    assert answers == ["Busy"] * 9


@pytest.mark.case("IDM-19", part="sync")
def test_a_zombie_is_fenced(
    engine: MemoryEngine, clock: FakeClock, heard: list[Any]
) -> None:
    """Another took over and completed; the late result changes nothing."""
    broken = BrokenStore(engine)
    guard = Idempotency(broken, clock=clock, hooks=[heard.append])
    store = engine.idempotency_store()
    seen = []

    def effect(context: Context) -> str:
        broken.down = {"renew"}
        clock.advance(31)
        owned: Any = store.claim(claim_as("another process"))
        store.complete(KEY, owned.token, THEIRS, Windows())
        seen.append((context.lost, owned.attempts))
        return "mine"

    with pytest.raises(LeaseLost, match="Call again with the same key"):
        guard.execute("k", effect, payload=None, **WHERE)

    assert seen == [(True, 2)]
    answer: Any = guard.execute("k", Effect(), payload=None, **WHERE)
    assert answer == "theirs"
    assert [type(fact) for fact in heard][:1] == [Fenced]


@pytest.mark.case("IDM-21", part="sync")
def test_a_blocking_effect_is_told_by_check(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """A thread cannot be stopped from outside, so it asks."""
    guard = Idempotency(engine)
    store = engine.idempotency_store()

    def effect(context: Context) -> None:
        store.evict(KEY)
        store.claim(claim_as("another process"))
        clock.advance(10)
        context.check()

    with pytest.raises(LeaseLost):
        guard.execute("k", effect, payload=None, **WHERE)
    record = guard.inspect("k", **WHERE)
    assert record is not None
    assert record.nonce == "another process"


def test_the_point_of_no_return_is_not_passed_without_a_lease(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """A request that has not left yet must not leave any more."""
    broken = BrokenStore(engine)
    broken.down = {"renew"}
    guard = Idempotency(broken, clock=clock)
    sent = []

    def effect(context: Context) -> None:
        clock.advance(29)
        context.point_of_no_return()
        sent.append(1)

    with pytest.raises(LeaseLost):
        guard.execute("k", effect, payload=None, **WHERE)
    assert sent == []


@pytest.mark.case("IDM-21", part="async")
async def test_an_async_effect_is_cancelled_when_its_lease_is_lost(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """It stops at its next await, and its caller gets LeaseLost."""
    guard = Idempotency(engine)
    store = engine.idempotency_store()
    ended = []

    async def effect(context: Context) -> None:
        store.evict(KEY)
        store.claim(claim_as("another process"))
        clock.advance(10)
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(context.lost)

    with pytest.raises(LeaseLost):
        await guard.aexecute("k", effect, payload=None, **WHERE)
    assert ended == [True]


@pytest.mark.case("IDM-23")
async def test_an_owner_gives_up_before_the_store_does(
    engine: MemoryEngine, clock: FakeClock, heard: list[Any]
) -> None:
    """Renewals fail three times; the effect is cancelled while it still owns."""
    broken = BrokenStore(engine)
    both = TwoFaced(broken, engine)
    guard = Idempotency(both, clock=clock, hooks=[heard.append])
    ended: list[float] = []

    async def effect(_: Context) -> None:
        broken.down = {"renew"}
        try:
            while True:
                clock.advance(0.5)
                await anyio.lowlevel.checkpoint()
        finally:
            ended.append(clock.monotonic())

    with pytest.raises(LeaseLost):
        await guard.aexecute("k", effect, payload=None, **WHERE)
    record = guard.inspect("k", **WHERE)

    assert broken.calls.count("renew") >= 3
    assert record is not None
    assert ended[0] < 30
    assert record.state is State.FREE
    assert [type(fact) for fact in heard] == [Released]


class TwoFaced:
    """An engine whose blocking store breaks and whose awaitable one does not."""

    name = "two-faced"

    def __init__(self, broken: BrokenStore, engine: MemoryEngine) -> None:
        self._broken = broken
        self._engine = engine

    def idempotency_store(self) -> Any:
        """Return the store that breaks."""
        return self._broken

    def async_idempotency_store(self) -> Any:
        """Return the one that works."""
        return self._engine.async_idempotency_store()


@pytest.mark.case("IDM-22", part="function")
def test_a_late_result_is_accepted_if_nobody_took_over(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """The effect did happen, and nobody repeated it."""
    broken = BrokenStore(engine)
    broken.down = {"renew"}
    guard = Idempotency(broken, clock=clock)

    def effect(_: Context) -> int:
        clock.advance(500)
        return 7

    answers = [guard.execute("k", effect, payload=None, **WHERE) for _ in range(2)]

    assert answers == [7, 7]


def test_followers_go_on_when_their_leader_lost_its_lease(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """They must not wait for a zombie in their own process."""
    guard = Idempotency(engine)
    store = engine.idempotency_store()

    def effect(_: Context) -> None:
        store.evict(KEY)
        owned: Any = store.claim(claim_as("another process"))
        store.complete(KEY, owned.token, THEIRS, Windows())
        clock.advance(10)
        others.append(guard.execute("k", Effect(), payload=None, **WHERE))

    others: list[Any] = []
    with pytest.raises(LeaseLost):
        guard.execute("k", effect, payload=None, **WHERE)

    assert others == ["theirs"]


def test_a_short_call_costs_no_renewal(engine: MemoryEngine, clock: FakeClock) -> None:
    """Watched and left alone: the store hears of claim and completion only."""
    broken = BrokenStore(engine)
    guard = Idempotency(broken, clock=clock)
    for number in range(20):
        guard.execute(str(number), Effect(), payload=None, **WHERE)
        clock.advance(9)

    assert set(broken.calls) == {"claim", "complete"}


class SleepingClock(SystemClock):
    """A clock that moves by what is slept on it, and takes a moment for that.

    Leases of milliseconds in real time are lost on a machine that is busy.

    Args:
        held: Sleeps of at least as many seconds last until `go_on` is set.
    """

    __slots__ = ("__weakref__", "_held", "_now", "go_on")

    def __init__(self, held: float) -> None:
        self._held = held
        self._now = 0.0
        self.go_on = threading.Event()

    def monotonic(self) -> float:
        """Return what was slept so far."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move on."""
        if seconds >= self._held:
            assert self.go_on.wait(120)
        threading.Event().wait(0.001)
        self._now += max(0.0, seconds)


def test_one_thread_beats_for_all_and_ends_when_idle(engine: MemoryEngine) -> None:
    """On a thread of its own; time goes by while that sleeps, and never else."""
    renewed: list[str] = []
    enough = threading.Event()

    class Store(BrokenStore):
        def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
            renewed.append(key)
            if {"a", "b"} <= set(renewed) and len(renewed) >= 6:
                enough.set()
            return True

    # Held until both are watched: one whose thread has renewed the first before
    # is right to start another thread for the second, which is due earlier.
    clock = SleepingClock(held=0.0)
    heart = ThreadHeart(Store(engine), clock)
    now = clock.monotonic()
    leases = [Lease(name, 1, 0.06, Windows(), now) for name in ("a", "b")]
    before = heartbeats()
    for lease in leases:
        heart.watch(lease)
    mine = heartbeats() - before
    clock.go_on.set()

    assert enough.wait(120)
    assert len(mine) == 1
    assert not any(lease.lost for lease in leases)
    for lease in leases:
        heart.unwatch(lease)
    wait_until(lambda: not any(thread.is_alive() for thread in mine))


def heartbeats() -> set[threading.Thread]:
    """Return the threads that renew leases."""
    name = "syncpatterns-heartbeat"
    return {thread for thread in threading.enumerate() if thread.name == name}


def test_a_shorter_lease_wakes_a_sleeping_heart(engine: MemoryEngine) -> None:
    """A thread that sleeps until the long one is due does not delay the short one."""
    short_renewed = threading.Event()

    class Store(BrokenStore):
        def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
            if key == "short":
                short_renewed.set()
            return True

    clock = SleepingClock(held=60.0)
    heart = ThreadHeart(Store(engine), clock)
    leases = Lease("long", 1, 3600.0, Windows(), 0), Lease("short", 1, 3, Windows(), 0)
    before = heartbeats()
    for lease in leases:
        heart.watch(lease)
    mine = heartbeats() - before

    assert short_renewed.wait(120)
    for lease in leases:
        heart.unwatch(lease)
    clock.go_on.set()
    wait_until(lambda: not any(thread.is_alive() for thread in mine))


def test_hearts_of_one_clock_share_their_thread(engine: MemoryEngine) -> None:
    """One a process, whatever the number of guards."""
    hearts = [
        ThreadHeart(engine.idempotency_store(), SystemClock())._beats for _ in range(2)
    ]

    assert hearts[0] is hearts[1]


def test_a_forked_child_has_a_heart_of_its_own(engine: MemoryEngine) -> None:
    """What ran in the parent is renewed there; no thread came with the fork."""
    beats = _Beats(SystemClock())
    beats.leases[Lease("k", 1, 30, Windows(), 0)] = engine.idempotency_store()
    beats.wake_at = 5.0
    beats._start_over()

    assert beats.leases == {}
    assert beats.wake_at == float("inf")


@pytest.mark.case("IDM-18", part="async store alone")
def test_a_loop_heart_beats_in_the_loop_itself() -> None:
    """For stores that can only be awaited, and for a loop's own time."""

    async def main() -> list[Any]:
        engine = MemoryEngine(clock=LoopClock())
        guard = Idempotency(engine.async_idempotency_store(), clock=LoopClock())
        refused: list[Any] = []

        async def effect(context: Context) -> int:
            for _ in range(10):
                await anyio.sleep(9)  # hygiene: sleep - the time is virtual
                answer = await guard.require_awaiting().claim(claim_as("other"))
                refused.append(type(answer).__name__)
            context.check()
            return 7

        value = await guard.aexecute("k", effect, payload=None, **WHERE)
        return [value, *refused]

    assert simulate(main, 3) == [7, *["Busy"] * 10]


def test_a_loop_heart_gives_up_too() -> None:
    """Its renewals fail, and the effect is cancelled in time."""

    async def main() -> float:
        engine = MemoryEngine(clock=LoopClock())
        store = engine.async_idempotency_store()

        class Down:
            name = "down"

            def __getattr__(self, method: str) -> Any:
                return getattr(store, method)

            async def claim(self, request: Any) -> Any:
                return await store.claim(request)

            async def renew(self, *_: object) -> bool:
                raise OSError("the network is down")

        down: Any = Down()
        guard = Idempotency(down, clock=LoopClock())
        with pytest.raises(LeaseLost):
            await guard.aexecute(
                "k", lambda _: anyio.sleep_forever(), payload=None, **WHERE
            )
        return anyio.current_time()

    assert simulate(main, 3) == pytest.approx(28.5, abs=1)


async def test_a_shorter_lease_wakes_a_sleeping_loop_heart(clock: FakeClock) -> None:
    """A task that sleeps for the long one is superseded."""
    renewed: list[str] = []

    class Store:
        async def renew(self, key: str, *_: object) -> bool:
            renewed.append(key)
            return True

    heart = LoopHeart(Store(), clock)  # type: ignore[arg-type]  # renews only
    long = Lease("long", 1, 3600.0, Windows(), 0)
    short = Lease("short", 1, 3.0, Windows(), 0)
    heart.watch(long)
    await anyio.wait_all_tasks_blocked()
    heart.watch(short)
    await anyio.wait_all_tasks_blocked()
    clock.advance(1)
    await anyio.wait_all_tasks_blocked()
    heart.unwatch(long)
    heart.unwatch(short)

    assert renewed == ["short"]


def test_a_guard_leaves_no_thread_on_a_fake_clock(guard: Idempotency) -> None:
    """Its timers run inside `advance`."""
    before = heartbeats()
    guard.execute("k", Effect(), payload=None, **WHERE)

    assert heartbeats() <= before


def test_a_mistake_of_one_call_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Giving up one lease raises, as where its loop is closed; the rest beat on."""
    clock = FakeClock()
    engine = MemoryEngine(clock=clock)
    store = engine.idempotency_store()
    beats = _Beats(clock)
    bad = Lease("b" * 64, 1, 30, Windows(), clock.monotonic())
    bad.on_lost = _raise
    good = Lease("a" * 64, 1, 30, Windows(), clock.monotonic())
    good.due = bad.due = clock.monotonic()
    beats.leases = {bad: store, good: store}

    due = beats._turn(beats._generation)

    assert (due, list(beats.leases)) == (float("inf"), [])
    assert good.lost
    assert "A lease could not be renewed" in caplog.text


def _raise() -> None:
    raise RuntimeError("the event loop is closed")
