"""Which commits wait for the disk, and which may return before it has them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Swept
from syncpatterns.offline_queue._core import Ack, Durability, Hold, QueueRules
from syncpatterns.offline_queue._ports import ClaimRequest
from tests.unit.engines.conftest import insert, names
from tests.unit.engines.queues import QUEUE, acknowledge, claim, new, put, writer

OpenEngine = Callable[..., SqliteEngine]

FULL, NORMAL = 2, 1


def level(tx: SqliteTransaction) -> int:
    """Return how this transaction's commit will treat the disk."""
    asked: int = tx.connection.execute("PRAGMA synchronous").fetchone()[0]
    return asked


def test_a_relaxed_commit_does_not_wait_and_a_full_one_after_it_does(
    engine: SqliteEngine,
) -> None:
    """However often they change places."""
    levels = [engine.transact(level, relaxed=n % 3 != 2) for n in range(9)]

    assert levels == [NORMAL, NORMAL, FULL] * 3
    assert engine.transact(level) == FULL


def test_a_relaxed_one_that_fails_leaves_nothing_relaxed(engine: SqliteEngine) -> None:
    """The next full commit waits, whatever the one before came to."""

    def fails(_: SqliteTransaction) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        engine.transact(fails, relaxed=True)

    assert engine.transact(level) == FULL


def test_a_new_connection_waits_for_the_disk(engine: SqliteEngine) -> None:
    """Also the one that takes over after a relaxed commit."""
    engine.transact(insert("a"), relaxed=True)
    engine._opened().session.reconnect()

    levels = engine.transact(level), engine.transact(level, relaxed=True)

    assert levels == (FULL, NORMAL)


async def test_one_caller_who_needs_the_disk_makes_the_shared_commit_wait(
    engine: SqliteEngine,
) -> None:
    """Two relaxed ones share a relaxed commit; with a full one it is full."""
    levels: list[list[int]] = []

    async def together(*relaxed: bool) -> None:
        found: list[int] = []
        held, go_on = threading.Event(), threading.Event()

        def hold(_: SqliteTransaction) -> None:
            held.set()
            go_on.wait(120)

        async def ask(flag: bool) -> None:
            found.append(await engine.atransact(level, relaxed=flag))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.atransact, hold)
            await anyio.to_thread.run_sync(held.wait)
            for flag in relaxed:
                tasks.start_soon(ask, flag)
            queued = engine._opened()._queue
            while queued.qsize() < len(relaxed):
                await anyio.lowlevel.checkpoint()
            go_on.set()
        levels.append(found)

    await together(True, True)
    await together(True, False, True)

    assert levels == [[NORMAL, NORMAL], [FULL, FULL, FULL]]


def test_an_effect_cannot_relax_the_connection(engine: SqliteEngine) -> None:
    """Not even with the words that the engine itself uses."""
    engine.transact(insert("a"), relaxed=True)
    engine.transact(insert("b"))
    for words in ("PRAGMA synchronous=NORMAL", "PRAGMA synchronous=NORMAL --"):
        with pytest.raises(ConfigurationError, match="PRAGMA"):
            engine.transact(lambda tx, words=words: tx.connection.execute(words))  # type: ignore[misc]  # bound here

    assert engine.transact(level) == FULL
    assert names(engine) == ["a", "b"]


NEXT = ClaimRequest(QUEUE, 1, 30.0)
CALLS: dict[str, Callable[[Any], object]] = {
    "configure": lambda store: store.configure(QUEUE, QueueRules(max_items=9)),
    "enqueue": lambda store: put(store, new("a")),
    "claim": claim,
    "extend": lambda store: store.extend(QUEUE, [Hold(1, 1)], 60.0),
    "settle": lambda store: store.settle(QUEUE, [Ack(Hold(1, 1))]),
    "settle_and_claim": lambda store: store.settle_and_claim(NEXT, [Ack(Hold(1, 1))]),
    "stage": lambda store: store.stage(QUEUE),
    "pause": lambda store: store.pause(QUEUE),
    "cancel": lambda store: store.cancel(QUEUE, [1]),
}


@pytest.mark.parametrize(
    ("durability", "relaxed"),
    [
        ("full", set[str]()),
        ("enqueue", set(CALLS) - {"configure", "enqueue"}),
        ("normal", set(CALLS) - {"configure"}),
    ],
)
def test_the_rules_say_which_calls_wait(
    open_engine: OpenEngine,
    monkeypatch: pytest.MonkeyPatch,
    durability: Durability,
    relaxed: set[str],
) -> None:
    """What is enqueued is on the disk; a claim that is lost is only made again."""
    engine = open_engine()
    store = engine.queue_store()
    store.configure(QUEUE, QueueRules(durability=durability))
    session = engine._opened().session
    asked: list[bool] = []
    real = session.relax

    def relax(*, relaxed: bool) -> None:
        asked.append(relaxed)
        real(relaxed=relaxed)

    monkeypatch.setattr(session, "relax", relax)
    found: set[str] = set()
    for name, call in CALLS.items():
        asked.clear()
        call(store)
        assert asked, name
        found |= {name} if all(asked) else set()
        store.configure(QUEUE, QueueRules(durability=durability))

    assert found == relaxed


def test_a_step_of_a_worker_is_one_commit(engine: SqliteEngine) -> None:
    """To settle one item and to claim the next waits for the disk once."""
    store = engine.queue_store()
    store.configure(QUEUE, QueueRules(durability="full"))
    put(store, new("a"), new("b"), new("c"))
    held = claim(store)
    session = engine._opened().session
    commits: list[int] = []
    while held:
        before = session._commits
        _, held = store.settle_and_claim(NEXT, [Ack(item.hold) for item in held])
        commits.append(session._commits - before)

    assert commits == [1, 1, 1]


def test_a_process_that_was_told_no_rules_waits_for_the_disk(
    open_engine: OpenEngine,
) -> None:
    """A shell that looks after a queue does not know what was promised for it."""
    open_engine().queue_store().configure(QUEUE, QueueRules(durability="normal"))
    engine = open_engine()
    store = engine.queue_store()
    put(store, new("a"))
    claim(store)

    assert writer(engine).execute("PRAGMA synchronous").fetchone() == (FULL,)


def test_sweep_forgets_outcomes_past_their_time(
    open_engine: OpenEngine, clock: Any
) -> None:
    """Of every queue, in small transactions; and counts them."""
    engine = open_engine(clock=clock)
    store = engine.queue_store()
    for queue in ("a", "b"):
        items = [new(f"k{n}", keep_result=60.0) for n in range(250)]
        put(store, *items, new("kept"), queue=queue)
        for item in claim(store, 251, queue=queue):
            acknowledge(store, item, queue)
    clock.advance(60)

    swept = engine.sweep()

    assert swept == Swept("sqlite", records=500)
    assert store.find("a", "acme", "leads.update", "k7") is None
    assert store.find("a", "acme", "leads.update", "kept") == 251
    assert store.check("a") == store.check("b") == []
