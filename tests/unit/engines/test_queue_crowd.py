"""Requests that wait for the writer are stored together, and answered each alone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import anyio
import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._queue._store import SqliteQueueStore
from syncpatterns.errors import (
    ConfigurationError,
    DiskFull,
    EngineBusy,
    EngineClosed,
    KeyReused,
)
from syncpatterns.offline_queue._core import (
    Coalesce,
    Enqueued,
    Parent,
    QueueRules,
)
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.testing import FakeClock
from tests.unit.engines.queue_crowds import (
    alone,
    counted,
    one,
    shown,
    together,
    until_waiting,
    waiting,
)
from tests.unit.engines.queues import PLENTY, QUEUE, keys, new, put
from tests.unit.engines.test_queue_lost_answers import answer_lost
from tests.unit.engines.test_shared_commits import held

OpenEngine = Callable[..., SqliteEngine]

SEEDS: Final = range(12)


@pytest.fixture
def store(open_engine: OpenEngine, clock: FakeClock) -> SqliteQueueStore:
    """Open a store with one queue."""
    store = open_engine(clock=clock).queue_store()
    store.configure(QUEUE, PLENTY)
    return store


# ------------------------------------------------------------------- together


async def test_64_tasks_are_one_job(store: SqliteQueueStore) -> None:
    """One commit, one savepoint, one look at the queue; numbers as they asked."""
    requests = [one(new(f"k{n}")) for n in range(64)]
    store._engine.open()
    with counted(store._engine) as statements:
        outcomes = await together(store, requests)

    assert [stored.seq for (stored,) in outcomes] == list(range(1, 65))
    assert keys(store.items(QUEUE)) == [f"k{n}" for n in range(64)]
    assert statements.count("COMMIT") == 2  # the one that held, and theirs
    assert statements.count("SAVEPOINT") == 1
    assert statements.count("SELECT q.id, q.max_items") == 1
    assert store.check(QUEUE) == []


async def test_a_request_of_many_keeps_its_own_answers(store: SqliteQueueStore) -> None:
    """Each caller hears of his own items, in their order."""
    sizes = [3, 1, 0, 2]
    requests = [one(*[new(f"{n}-{i}") for i in range(m)]) for n, m in enumerate(sizes)]

    outcomes = await together(store, requests)

    numbers = [[stored.seq for stored in each] for each in outcomes]
    assert numbers == [[1, 2, 3], [4], [], [5, 6]]


async def test_more_than_one_crowd_can_wait(
    store: SqliteQueueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crowd that is full is joined by nobody; the next one follows it."""
    monkeypatch.setattr("syncpatterns.engines.sqlite._queue._crowd._MOST", 4)
    awaited = store._engine.async_queue_store()

    async with anyio.create_task_group() as tasks:
        with held(store._engine):
            for n in range(10):
                tasks.start_soon(awaited.enqueue, one(new(f"k{n}")))
            writer = store._life.open()
            with anyio.fail_after(120):
                while writer._queue.qsize() < 2 or waiting(store) < 2:
                    await anyio.lowlevel.checkpoint()

    assert sorted(keys(store.items(QUEUE))) == [f"k{n}" for n in range(10)]


async def test_queues_do_not_mix(store: SqliteQueueStore) -> None:
    """Each has its own numbers, also one that nobody has made yet."""
    requests = [EnqueueRequest(f"q{n % 3}", [new(f"k{n}")]) for n in range(9)]
    awaited = store._engine.async_queue_store()
    async with anyio.create_task_group() as tasks:
        with held(store._engine):
            for request in requests:
                tasks.start_soon(awaited.enqueue, request)
            await until_waiting(store, 9)

    found = {queue: sorted(keys(store.items(queue))) for queue in store.queues()}
    assert found == {
        QUEUE: [],
        "q0": ["k0", "k3", "k6"],
        "q1": ["k1", "k4", "k7"],
        "q2": ["k2", "k5", "k8"],
    }


# ------------------------------------------------------ answered as if alone


def mixed(rng: random.Random) -> list[EnqueueRequest]:
    """Return requests of all kinds, some of which have to be refused."""
    kinds: list[Callable[[int], EnqueueRequest]] = [
        lambda n: one(new(f"k{n}")),
        lambda n: one(new(f"k{n}", delay=5.0, priority=n)),
        lambda n: one(new(f"a{n}"), new(f"b{n}")),
        lambda n: one(new(f"k{rng.randrange(12)}")),  # perhaps known
        lambda n: one(new(f"k{rng.randrange(12)}", payload=b"another")),
        lambda n: one(new(f"l{n}", lane=rng.choice("xy"))),
        lambda n: one(new(f"l{n}"), new("k0", payload=b"reused")),  # all, or none
        lambda n: one(new(f"n{n}", delay=float("nan"))),
        lambda n: one(new(f"s{n}", lane="\ud800")),
        lambda n: one(new(f"s{n}")._replace(key=f"s{n}\ud800")),
        lambda n: one(new(f"g{n}", payload=b"g" * 3000)),
        lambda n: one(new(f"h{n}", payload=b"h" * 9000)),
        lambda n: one(new(f"d{n}", parents=(Parent(1),))),
        lambda n: one(new(f"c{n}", entity="e", coalesce=Coalesce("last_write"))),
        lambda n: one(new(f"o{n}"), overflow="drop_oldest"),
        lambda n: one(new(f"i{n}"), lease=30.0),
        lambda n: one(),
    ]
    return [rng.choice(kinds)(n) for n in range(24)]


@pytest.mark.parametrize("seed", SEEDS)
async def test_each_is_answered_as_if_it_had_come_alone(
    open_engine: OpenEngine, tmp_path: Any, seed: int
) -> None:
    """The same answers, refusals and rows as one after the other."""
    requests = mixed(random.Random(seed))
    rules = QueueRules(max_items=14, max_bytes=8000)
    stores: list[SqliteQueueStore] = []
    for name in ("together", "alone"):
        store = open_engine(tmp_path / name, clock=FakeClock()).queue_store()
        store.configure(QUEUE, rules)
        stores.append(store)
    crowd, single = stores
    found = await together(crowd, requests)
    expected = alone(single, requests)

    assert shown(found) == shown(expected)
    assert crowd.items(QUEUE) == single.items(QUEUE)
    assert crowd.stats(QUEUE) == single.stats(QUEUE)
    assert crowd.check(QUEUE) == []


async def test_a_double_click_is_one_item(store: SqliteQueueStore) -> None:
    """Two that bring the same key in one crowd: the second is a duplicate."""
    outcomes = await together(store, [one(new("a")), one(new("b")), one(new("a"))])

    seqs = [(stored.seq, stored.duplicate) for (stored,) in outcomes]
    assert seqs == [(1, False), (2, False), (1, True)]


async def test_a_refusal_holds_nothing_of_the_others(store: SqliteQueueStore) -> None:
    """A log that shows local variables would show one tenant another's data."""
    put(store, new("a"))
    secret = b'"another tenant\'s"'
    requests = [one(new("b", payload=secret)), one(new("a", payload=b"no"))]
    _, error = await together(store, requests)
    frames: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        if "engines/sqlite" in trace.tb_frame.f_code.co_filename:
            frames.extend(map(repr, trace.tb_frame.f_locals.values()))
        trace = trace.tb_next

    assert isinstance(error, KeyReused)
    assert frames
    assert not [text for text in frames if "another tenant" in text]


# ------------------------------------------------------------------ withdrawn


async def test_who_is_cancelled_before_it_begins_stores_nothing(
    store: SqliteQueueStore,
) -> None:
    """And takes no number; the others do not notice."""
    awaited = store._engine.async_queue_store()
    scopes = [anyio.CancelScope() for _ in range(3)]
    answers: dict[int, list[Enqueued]] = {}

    async def ask(n: int) -> None:
        with scopes[n]:
            answers[n] = await awaited.enqueue(one(new(f"k{n}")))

    async with anyio.create_task_group() as tasks:
        with held(store._engine):
            for n in range(3):
                tasks.start_soon(ask, n)
                await until_waiting(store, n + 1)
            scopes[1].cancel()
            with anyio.fail_after(120):
                while waiting(store) > 2:
                    await anyio.lowlevel.checkpoint()

    assert {n: stored.seq for n, (stored,) in answers.items()} == {0: 1, 2: 2}
    assert keys(store.items(QUEUE)) == ["k0", "k2"]


async def test_a_crowd_that_has_gone_home_costs_no_transaction(
    store: SqliteQueueStore,
) -> None:
    """Where all have withdrawn there is nothing to commit."""
    awaited = store._engine.async_queue_store()
    store._engine.open()
    with counted(store._engine) as statements:
        async with anyio.create_task_group() as tasks:
            with held(store._engine):
                for n in range(3):
                    tasks.start_soon(awaited.enqueue, one(new(f"k{n}")))
                await until_waiting(store, 3)
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True), anyio.fail_after(120):
                    while waiting(store):
                        await anyio.lowlevel.checkpoint()
        put(store, new("after"))

    assert statements.count("COMMIT") == 2  # the one that held, and the last
    assert keys(store.items(QUEUE)) == ["after"]


async def test_who_is_cancelled_after_it_began_has_stored(
    store: SqliteQueueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is begun is finished: half of a commit cannot be withdrawn."""
    begun, end = threading.Event(), threading.Event()
    real = store._office.enqueue_together

    def slow(*positional: Any, **named: Any) -> Any:
        begun.set()
        assert end.wait(120)
        return real(*positional, **named)

    monkeypatch.setattr(store._office, "enqueue_together", slow)
    awaited = store._engine.async_queue_store()
    async with anyio.create_task_group() as tasks:
        with held(store._engine):
            for n in range(2):
                tasks.start_soon(awaited.enqueue, one(new(f"k{n}")))
            await until_waiting(store, 2)
        await anyio.to_thread.run_sync(begun.wait)
        tasks.cancel_scope.cancel()
    end.set()
    store._engine.transact(lambda _: None)  # takes its turn behind them

    assert sorted(keys(store.items(QUEUE))) == ["k0", "k1"]


# -------------------------------------------------------------- what can fail


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
async def test_a_lost_answer_leaves_each_there_once(
    store: SqliteQueueStore, done: bool
) -> None:
    """Each asks again under its key, which says what became of it."""
    requests = [one(new(f"k{n}")) for n in range(5)]
    store._engine.transact(lambda _: None)
    awaited = store._engine.async_queue_store()
    seqs: list[tuple[int, bool]] = []

    async def ask(request: EnqueueRequest) -> None:
        (stored,) = await awaited.enqueue(request)
        seqs.append((stored.seq, stored.duplicate))

    async with anyio.create_task_group() as tasks:
        begun, end = threading.Event(), threading.Event()

        def hold(_: Any) -> None:
            begun.set()
            assert end.wait(120)

        thread = threading.Thread(target=store._engine.transact, args=(hold,))
        thread.start()
        await anyio.to_thread.run_sync(begun.wait)
        for n, request in enumerate(requests):
            tasks.start_soon(ask, request)
            await until_waiting(store, n + 1)
        # The answer that is lost is the crowd's: the holder's commit is the first.
        with lost_second_answer(store, done=done):
            end.set()
            thread.join()
            with anyio.fail_after(120):
                while len(seqs) < 5:
                    await anyio.lowlevel.checkpoint()

    assert sorted(seqs) == [(n, done) for n in range(1, 6)]
    assert len(store.items(QUEUE)) == 5
    assert store.check(QUEUE) == []


@contextmanager
def lost_second_answer(store: SqliteQueueStore, *, done: bool) -> Iterator[None]:
    """Lose the answer to the commit after the next one."""
    session = store._life.open().session
    real = session.commit

    def commit() -> None:
        session.commit = real  # type: ignore[method-assign]  # taken back at once
        real()
        stack.__enter__()

    stack = answer_lost(store, done=done)
    session.commit = commit  # type: ignore[method-assign]  # the next one only
    try:
        yield
    finally:
        stack.__exit__(None, None, None)


async def test_one_that_fills_the_disk_does_not_lose_the_others(
    store: SqliteQueueStore,
) -> None:
    """SQLite rolls everybody back then: each is done again, by itself."""
    connection = store._life.open().session.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + 20}")
    requests = [one(new("a")), one(new("big", payload=b"x" * 400_000)), one(new("b"))]

    outcomes = await together(store, requests)

    assert type(outcomes[1]) is DiskFull
    assert [type(outcome) for outcome in outcomes[::2]] == [list, list]
    assert sorted(keys(store.items(QUEUE))) == ["a", "b"]
    assert store.check(QUEUE) == []


async def test_a_file_that_others_hold_is_busy_for_each(
    open_engine: OpenEngine, path: Any
) -> None:
    """Each hears it once; the time-out is not waited for again for every one."""
    store = open_engine(busy_timeout=0.05).queue_store()
    store.configure(QUEUE, PLENTY)
    awaited = store._engine.async_queue_store()
    outcomes: list[EngineBusy] = []

    async def ask(n: int) -> None:
        with pytest.raises(EngineBusy) as caught:
            await awaited.enqueue(one(new(f"k{n}")))
        outcomes.append(caught.value)

    with held(open_engine(path)):
        async with anyio.create_task_group() as tasks:
            with store._life.open()._lock:
                for n in range(3):
                    tasks.start_soon(ask, n)
                await until_waiting(store, 3)

    assert len({id(outcome) for outcome in outcomes}) == 3
    assert store.items(QUEUE) == []


async def test_a_closed_engine_takes_no_requests(store: SqliteQueueStore) -> None:
    """Who waited before it was closed is stored; who comes later is told."""
    awaited = store._engine.async_queue_store()
    async with anyio.create_task_group() as tasks:
        with held(store._engine):
            for n in range(3):
                tasks.start_soon(awaited.enqueue, one(new(f"k{n}")))
            await until_waiting(store, 3)
            tasks.start_soon(store._engine.aclose)
            while not store._engine._life._closed:
                await anyio.lowlevel.checkpoint()

    with pytest.raises(EngineClosed):
        await awaited.enqueue(one(new("late")))
    assert waiting(store) == 0
    reopened = SqliteEngine(store._engine.path)
    assert len(reopened.queue_store().items(QUEUE)) == 3
    reopened.close()


async def test_an_effect_cannot_wait_for_itself(store: SqliteQueueStore) -> None:
    """It is told to hand over its transaction, and nobody else is kept waiting."""

    def effect(_: Any) -> None:
        store.enqueue(one(new("a")))

    with pytest.raises(ConfigurationError, match="called the engine"):
        store._engine.transact(effect)
    assert waiting(store) == 0


# -------------------------------------------------------------------- threads


def test_threads_that_find_the_writer_busy_join(store: SqliteQueueStore) -> None:
    """20 of them: one commit, and each its own number."""
    found: list[int] = []
    threads = [
        threading.Thread(
            target=lambda n=n: found.append(put(store, new(f"k{n}"))[0].seq)
        )
        for n in range(20)
    ]
    store._engine.open()
    with counted(store._engine) as statements:
        with held(store._engine):
            for thread in threads:
                thread.start()
            while waiting(store) < 20:
                pass
        for thread in threads:
            thread.join()

    assert sorted(found) == list(range(1, 21))
    assert statements.count("COMMIT") == 2
    assert store.check(QUEUE) == []


def test_a_thread_that_runs_out_of_patience_stores_nothing(
    open_engine: OpenEngine,
) -> None:
    """Its request is withdrawn, so that it may ask again later."""
    store = open_engine(busy_timeout=0.05).queue_store()
    store.configure(QUEUE, PLENTY)
    with held(store._engine), pytest.raises(EngineBusy):
        put(store, new("impatient"))
    put(store, new("next"))

    assert keys(store.items(QUEUE)) == ["next"]


async def test_threads_and_tasks_share_a_crowd(store: SqliteQueueStore) -> None:
    """Each is woken where it waits."""
    awaited = store._engine.async_queue_store()
    threads = [
        threading.Thread(target=put, args=(store, new(f"thread-{n}"))) for n in range(4)
    ]
    store._engine.open()
    with counted(store._engine) as statements:
        async with anyio.create_task_group() as tasks:
            with held(store._engine):
                for n, thread in enumerate(threads):
                    thread.start()
                    tasks.start_soon(awaited.enqueue, one(new(f"task-{n}")))
                await until_waiting(store, 8)
        for thread in threads:
            await anyio.to_thread.run_sync(thread.join)

    assert len(store.items(QUEUE)) == 8
    assert statements.count("COMMIT") == 2
