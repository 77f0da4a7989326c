"""What time alone changes: in batches, told once, whoever saw it first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._queue._store import SqliteQueueStore
from syncpatterns.engines.sqlite._queue._time import _KEPT, BATCH, Told
from syncpatterns.offline_queue._core import Hold, ItemState, key_hash
from syncpatterns.testing import FakeClock
from tests.unit.engines.queues import PLENTY, QUEUE, claim, fill, keys, new, put

OpenEngine = Callable[..., SqliteEngine]

START = 1_700_000_000.0


@pytest.fixture
def store(open_engine: OpenEngine, clock: FakeClock) -> SqliteQueueStore:
    """Open a store with one queue of plenty."""
    store = open_engine(clock=clock).queue_store()
    store.configure(QUEUE, PLENTY)
    return store


def test_what_a_claim_saw_first_is_told_by_the_next_stage(
    store: SqliteQueueStore, clock: FakeClock
) -> None:
    """Once; with the names of the items, which the facts need."""
    put(store, new("lapses"), new("expires", expires_in=20.0, delay=99.0))
    claim(store)
    clock.advance(31)
    claimed = keys(claim(store, 9))

    first, second = store.stage(QUEUE), store.stage(QUEUE)

    assert claimed == ["lapses"]
    assert first.lapsed == (Hold(1, 1),)
    assert [(each.seq, each.state) for each in first.ended] == [(2, ItemState.EXPIRED)]
    name = key_hash("acme", "leads.update", "lapses")
    assert first.names == {1: ("leads.update", name)}
    assert (second.lapsed, second.ended, second.names) == ((), (), {})


def test_many_that_fall_due_together_hold_up_nobody_for_long(
    store: SqliteQueueStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage works them off in transactions of a few hundred rows."""
    engine = store._engine
    put(store, new("first"))
    fill(engine, 3 * BATCH + 7, state=2, wake=START + 10)
    clock.advance(10)
    commits: list[int] = []
    session = engine._opened().session
    real = session.commit

    def commit() -> None:
        before = store_ready()
        real()
        commits.append(before)

    def store_ready() -> int:
        row = session.connection.execute(
            "SELECT sum(items) FROM syncpatterns_queue_count WHERE state = 0"
        ).fetchone()
        return int(row[0])

    monkeypatch.setattr(session, "commit", commit)

    staged = store.stage(QUEUE)

    assert staged.ready == 3 * BATCH + 7
    steps = [after - before for before, after in zip([1, *commits], commits)]  # noqa: B905 - one less
    assert steps == [BATCH, BATCH, BATCH, 7]


def test_a_claim_goes_on_when_everything_before_it_has_expired(
    store: SqliteQueueStore, clock: FakeClock
) -> None:
    """However many there are: none of them is delivered."""
    old = [new(f"old {n}", expires_in=60.0) for n in range(2 * BATCH)]
    put(store, *old)
    put(store, new("fresh"))
    clock.advance(61)

    claimed = keys(claim(store, 9))

    assert claimed == ["fresh"]
    assert len(store.stage(QUEUE).ended) == 2 * BATCH


def test_a_wake_without_a_reason_is_forgotten(
    store: SqliteQueueStore, clock: FakeClock
) -> None:
    """Somebody changed rows by hand: nobody asks for ever."""
    put(store, new("parked"))
    fill(store._engine, BATCH + 1, state=4, wake=START)
    clock.advance(1)

    staged = store.stage(QUEUE)

    assert (staged.ready, staged.next_due) == (0, float("inf"))
    assert keys(claim(store, 9)) == ["parked"]


def test_a_process_that_never_stages_keeps_little_in_mind() -> None:
    """What happened is told to who asks; the newest ten thousand of a kind."""
    told = Told()
    for n in range(3):
        more = Told()
        more.parked = list(range(n * _KEPT, (n + 1) * _KEPT))
        more.names = dict.fromkeys(more.parked, ("op", "hash"))
        told.add(more)

    assert told.parked == list(range(2 * _KEPT, 3 * _KEPT))
    assert list(told.names) == told.parked
