"""Callers who find their key busy: they share one waiter, and take over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import InProgress, KeyReused, OutcomeUnknown
from syncpatterns.events import Busy, Executed, Released, Replayed, Waited
from syncpatterns.idempotency import Context, Idempotency
from syncpatterns.testing import FakeClock
from tests.unit.idempotency.helpers import (
    KEY,
    WHERE,
    BrokenStore,
    Effect,
    claim_as,
    run_in_threads,
    wait_until,
)


class Held(Effect):
    """An effect in a thread that goes on when the test says so."""

    def __init__(self, *errors: BaseException | None) -> None:
        super().__init__(*errors)
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, context: Any) -> dict[str, int]:
        self.entered.set()
        self.go_on.wait(120)
        return super().__call__(context)


def waiting(guard: Idempotency) -> int:
    """Return how many callers of *guard* wait."""
    return guard._setup.flights.waiting


@pytest.mark.case("IDM-09", part="threads")
def test_a_hundred_threads_make_one_execution(engine: MemoryEngine) -> None:
    """Two commands to the store, whatever the number of duplicates."""
    store = BrokenStore(engine)
    guard = Idempotency(store)
    effect = Held()

    def call() -> Any:
        return guard.execute("k", effect, payload=1, **WHERE)

    joins = run_in_threads(*[call] * 101)
    wait_until(lambda: waiting(guard) == 100)
    effect.go_on.set()
    answers = [join() for join in joins]

    assert answers == [{"number": 1}] * 101
    assert effect.calls == 1
    assert sorted(store.calls) == ["claim", "complete"]
    assert waiting(guard) == 0


@pytest.mark.case("IDM-09", part="tasks")
async def test_a_hundred_tasks_make_one_execution(engine: MemoryEngine) -> None:
    """The same in one event loop, with callers that come at the same instant."""
    calls: list[str] = []
    store: Any = CountingStore(engine, calls)
    guard = Idempotency(store, clock=engine.clock)
    effect = Effect()
    answers = []
    go_on = anyio.Event()

    async def slow(context: Context) -> Any:
        await go_on.wait()
        return effect(context)

    async def call() -> None:
        answers.append(await guard.aexecute("k", slow, payload=1, **WHERE))

    async with anyio.create_task_group() as tasks:
        for _ in range(101):
            tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        go_on.set()

    assert answers == [{"number": 1}] * 101
    assert effect.calls == 1
    assert calls == ["claim", "complete"]


class CountingStore:
    """An awaitable store that takes a turn of the loop for every command."""

    name = "counting"

    def __init__(self, engine: MemoryEngine, calls: list[str]) -> None:
        self._store = engine.async_idempotency_store()
        self._calls = calls

    def __getattr__(self, method: str) -> Callable[..., Any]:
        real = getattr(self._store, method)

        async def call(*args: Any) -> Any:
            self._calls.append(method)
            await anyio.lowlevel.checkpoint()
            return await real(*args)

        return call

    async def claim(self, request: Any) -> Any:
        """Tell the guard that this store is to be awaited."""
        return await self.__getattr__("claim")(request)


async def test_threads_and_tasks_share_one_waiter(guard: Idempotency) -> None:
    """A task follows a thread, and the thread's answer wakes it."""
    effect = Held()
    (join,) = run_in_threads(lambda: guard.execute("k", effect, payload=1, **WHERE))
    await anyio.to_thread.run_sync(effect.entered.wait)
    answers = []

    async def call() -> None:
        answers.append(await guard.aexecute("k", Effect().later, payload=1, **WHERE))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        effect.go_on.set()

    assert [*answers, join()] == [{"number": 1}] * 4


@pytest.mark.case("IDM-13", part="threads")
def test_when_the_owner_fails_one_waiting_thread_takes_over(
    guard: Idempotency, heard: list[Any]
) -> None:
    """Exactly one of the five runs, and the other four replay it."""
    effect = Held(ValueError("first"))

    def call() -> Any:
        return guard.execute("k", effect, payload=1, **WHERE)

    (owner,) = run_in_threads(call)
    effect.entered.wait(120)
    waiters = run_in_threads(*[call] * 5)
    wait_until(lambda: waiting(guard) == 5)
    effect.go_on.set()
    answers = [join() for join in waiters]

    with pytest.raises(ValueError, match="first"):
        owner()
    assert answers == [{"number": 2}] * 5
    assert effect.calls == 2
    kinds = [type(fact) for fact in heard]
    assert (kinds.count(Released), kinds.count(Executed)) == (1, 1)
    assert (kinds.count(Replayed), kinds.count(Waited)) == (4, 5)


@pytest.mark.case("IDM-13", part="tasks")
async def test_when_the_owner_fails_one_waiting_task_takes_over(
    guard: Idempotency,
) -> None:
    """The same in one event loop."""
    effect = Effect(ValueError("first"))
    go_on = anyio.Event()
    answers: list[Any] = []

    async def slow(context: Context) -> Any:
        await go_on.wait()
        return effect(context)

    async def call() -> None:
        try:
            answers.append(await guard.aexecute("k", slow, payload=1, **WHERE))
        except ValueError as error:
            answers.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        go_on.set()

    assert effect.calls == 2
    assert sum(isinstance(answer, ValueError) for answer in answers) == 1
    assert answers.count({"number": 2}) == 5


def test_waiters_hear_that_the_outcome_is_unknown(guard: Idempotency) -> None:
    """Nobody runs it; each is told the same."""
    entered, go_on = threading.Event(), threading.Event()

    def effect(context: Context) -> None:
        context.point_of_no_return()
        entered.set()
        go_on.wait(120)
        raise TimeoutError

    def call() -> Any:
        return guard.execute("k", effect, payload=1, **WHERE)

    (owner,) = run_in_threads(call)
    entered.wait(120)
    waiters = run_in_threads(call, call)
    wait_until(lambda: waiting(guard) == 2)
    go_on.set()

    with pytest.raises(TimeoutError):
        owner()
    for join in waiters:
        with pytest.raises(OutcomeUnknown):
            join()


@pytest.mark.case("IDM-11", part="threads")
def test_a_waiting_thread_gives_up_after_its_timeout(
    engine: MemoryEngine, clock: FakeClock, heard: list[Any]
) -> None:
    """It is told when to ask again; a later call replays."""
    guard = Idempotency(engine, wait_timeout=0.2, hooks=[heard.append])
    effect = Held()
    (owner,) = run_in_threads(lambda: guard.execute("k", effect, payload=1, **WHERE))
    effect.entered.wait(120)
    (waiter,) = run_in_threads(lambda: guard.execute("k", effect, payload=1, **WHERE))
    wait_until(lambda: len(clock._timers) == 2)  # its time-out, and the heartbeat
    clock.advance(0.2)

    with pytest.raises(InProgress, match="same key in 1 s") as caught:
        waiter()
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1
    effect.go_on.set()
    assert owner() == {"number": 1}
    assert guard.execute("k", effect, payload=1, **WHERE) == {"number": 1}
    assert [type(fact) for fact in heard[:2]] == [Waited, Busy]
    assert heard[0].seconds == pytest.approx(0.2)
    assert heard[1].retry_after == 1.0


@pytest.mark.case("IDM-11", part="tasks")
async def test_a_waiting_task_gives_up_after_its_timeout(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """The same in one event loop."""
    guard = Idempotency(engine, wait_timeout=0.2)
    effect = Effect()
    go_on = anyio.Event()

    async def slow(context: Context) -> Any:
        await go_on.wait()
        return effect(context)

    async def late() -> None:
        with pytest.raises(InProgress):
            await guard.aexecute("k", slow, payload=1, **WHERE)
        go_on.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: guard.aexecute("k", slow, payload=1, **WHERE))
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(late)
        await anyio.wait_all_tasks_blocked()
        clock.advance(0.2)

    assert effect.calls == 1
    assert waiting(guard) == 0


@pytest.mark.case("IDM-12")
def test_a_rejecting_guard_does_not_wait(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """It is told at once; time does not even move."""
    guard = Idempotency(engine, on_busy="reject")
    effect = Held()
    (owner,) = run_in_threads(lambda: guard.execute("k", effect, payload=1, **WHERE))
    effect.entered.wait(120)

    with pytest.raises(InProgress):
        guard.execute("k", effect, payload=1, **WHERE)
    effect.go_on.set()
    assert owner() == {"number": 1}
    assert clock.slept == []
    assert guard.execute("k", effect, payload=1, **WHERE) == {"number": 1}


def test_the_waiting_room_is_limited(engine: MemoryEngine) -> None:
    """The caller for whom there is no place is told at once."""
    guard = Idempotency(engine, max_waiters=1)
    effect = Held()

    def call() -> Any:
        return guard.execute("k", effect, payload=1, **WHERE)

    joins = run_in_threads(call)
    effect.entered.wait(120)
    joins += run_in_threads(call)
    wait_until(lambda: waiting(guard) == 1)
    with pytest.raises(InProgress):
        call()
    effect.go_on.set()

    assert [join() for join in joins] == [{"number": 1}] * 2


def test_no_place_for_one_who_waits_for_another_process(engine: MemoryEngine) -> None:
    """A poller takes a place too."""
    guard = Idempotency(engine, max_waiters=0)
    engine.idempotency_store().claim(claim_as("another process"))

    with pytest.raises(InProgress):
        guard.execute("k", Effect(), payload=None, **WHERE)


@pytest.mark.case("IDM-14", part="memory, threads")
def test_a_waiting_thread_takes_over_from_a_dead_process(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """It owns within 1.3 s of a lease of 1 s, and knows what it took over."""
    guard = Idempotency(engine)
    engine.idempotency_store().claim(claim_as("killed", lease=1.0))
    begun = clock.monotonic()
    effect = Effect()
    (join,) = run_in_threads(lambda: guard.execute("k", effect, payload=None, **WHERE))
    while not effect.calls:
        clock.wait_for_sleepers(1)
        clock.advance(0.01)
        wait_until(lambda: clock.sleepers == 1 or effect.calls == 1)

    assert join() == {"number": 1}
    assert 1.0 <= clock.monotonic() - begun <= 1.3
    assert effect.contexts[0].attempts == 2
    assert effect.contexts[0].abandoned


@pytest.mark.case("IDM-14", part="memory, tasks")
async def test_a_waiting_task_takes_over_from_a_dead_process() -> None:
    """The same in one event loop, where sleeping moves the time by itself."""
    clock = FakeClock(auto_advance=True)
    engine = MemoryEngine(clock=clock)
    engine.idempotency_store().claim(claim_as("killed", lease=1.0))
    begun = clock.monotonic()
    effect = Effect()
    answer = await Idempotency(engine).aexecute(
        "k", effect.later, payload=None, **WHERE
    )

    assert answer == {"number": 1}
    assert 1.0 <= clock.monotonic() - begun <= 1.3
    assert effect.contexts[0].attempts == 2
    assert effect.contexts[0].abandoned
    assert clock.slept[:4] == [0.02, 0.04, 0.08, 0.16]
    assert max(clock.slept) <= 0.25


def test_a_waiter_sees_the_answer_of_another_process(engine: MemoryEngine) -> None:
    """It asks the store until there is one."""
    clock = FakeClock(auto_advance=True)
    store = engine.idempotency_store()
    owned: Any = store.claim(claim_as("another process"))
    from syncpatterns.idempotency import StoredOutcome, Windows

    asked: list[int] = []

    class Slow(BrokenStore):
        def claim(self, request: Any) -> Any:
            asked.append(1)
            if len(asked) == 3:
                outcome = StoredOutcome("value", b'"theirs"')
                store.complete(KEY, owned.token, outcome, Windows())
            return store.claim(request)

    guard = Idempotency(Slow(engine), clock=clock)

    answer: Any = guard.execute("k", Effect(), payload=None, **WHERE)

    assert answer == "theirs"
    assert clock.slept == [0.02, 0.04]


async def test_a_cancelled_waiter_leaves_nothing_behind(guard: Idempotency) -> None:
    """No place taken, no bell that nobody hears; the owner does not notice."""
    go_on = anyio.Event()

    async def slow(_: Context) -> int:
        await go_on.wait()
        return 1

    answers = []

    async def call() -> None:
        answers.append(await guard.aexecute("k", slow, payload=1, **WHERE))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as waiters:
            waiters.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            busy = waiting(guard)
            waiters.cancel_scope.cancel()
        left = waiting(guard)
        leading = guard._setup.flights._leading[KEY]
        bells = list(leading.bells or ())
        go_on.set()

    assert (busy, left, bells) == (1, 0, [])
    assert answers == [1]


async def test_when_a_waiting_leader_is_cancelled_another_leads(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """The one who asked the store for all goes; one of the others asks on."""
    guard = Idempotency(engine)
    store = engine.idempotency_store()
    owned: Any = store.claim(claim_as("another process"))
    answers = []

    async def call() -> None:
        answers.append(await guard.aexecute("k", Effect().later, payload=None, **WHERE))

    async with anyio.create_task_group() as tasks:
        async with anyio.create_task_group() as first:
            first.start_soon(call)
            await clock.await_for_sleepers(1)
            tasks.start_soon(call)
            tasks.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            first.cancel_scope.cancel()
        # Not until all tasks are blocked: one whose claim has just landed looks
        # blocked, and would set its timer after the clock has been moved.
        await clock.await_for_sleepers(1)
        store.release(KEY, owned.token)
        clock.advance(0.02)

    assert answers == [{"number": 1}] * 2


def test_a_caller_with_another_payload_does_not_wait(guard: Idempotency) -> None:
    """It is no company: it is refused at once, while the owner works."""
    effect = Held()
    (owner,) = run_in_threads(lambda: guard.execute("k", effect, payload=1, **WHERE))
    effect.entered.wait(120)
    with pytest.raises(KeyReused):
        guard.execute("k", effect, payload=2, **WHERE)
    effect.go_on.set()

    assert owner() == {"number": 1}


def test_a_call_inside_its_own_key_is_told_at_once(
    guard: Idempotency, clock: FakeClock
) -> None:
    """It would wait for itself until the time-out."""

    def effect(_: Context) -> Any:
        return guard.execute("k", effect, payload=1, **WHERE)

    with pytest.raises(InProgress):
        guard.execute("k", effect, payload=1, **WHERE)
    assert clock.slept == []
    assert guard.execute("k", lambda _: 5, payload=1, **WHERE) == 5


async def test_a_blocking_call_in_an_event_loop_does_not_wait(
    guard: Idempotency,
) -> None:
    """The owner may need this very loop to go on."""
    go_on = anyio.Event()

    async def slow(_: Context) -> int:
        await go_on.wait()
        return 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: guard.aexecute("k", slow, payload=1, **WHERE))
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(InProgress):
            guard.execute("k", Effect(), payload=1, **WHERE)
        go_on.set()
