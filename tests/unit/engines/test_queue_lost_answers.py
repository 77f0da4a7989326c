"""A commit whose answer got lost is asked again, where that is safe."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._queue._store import SqliteQueueStore
from syncpatterns.errors import OutcomeUnknown
from syncpatterns.offline_queue._core import (
    Ack,
    Fail,
    ItemState,
    Nack,
    Park,
    QueueRules,
    Release,
    Replace,
    Settlement,
)
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest
from syncpatterns.testing import Failpoints, FakeClock
from tests.unit.engines.queues import QUEUE, acknowledge, claim, keys, new, put

OpenEngine = Callable[..., SqliteEngine]


@contextmanager
def answer_lost(store: SqliteQueueStore, *, done: bool) -> Iterator[None]:
    """Lose the answer to the next commit, which is done or is not."""
    session = store._engine.open()._opened().session
    real = session._own
    lost: list[str] = []

    def own(statement: str) -> None:
        if lost or not statement.startswith("COMMIT"):
            real(statement)
            return
        lost.append(statement)
        real(statement if done else session._sql.rollback)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "_own", own)
        yield
    assert lost


either = pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])


@pytest.fixture
def store(open_engine: OpenEngine, clock: FakeClock) -> SqliteQueueStore:
    """Open a store with one queue."""
    store = open_engine(clock=clock).queue_store()
    store.configure(QUEUE, QueueRules())
    return store


@either
def test_what_was_enqueued_is_there_once(store: SqliteQueueStore, done: bool) -> None:
    """Its key says so."""
    with answer_lost(store, done=done):
        (stored,) = put(store, new("a"))

    assert (stored.seq, stored.duplicate) == (1, done)
    assert keys(store.items(QUEUE)) == ["a"]


@either
def test_what_a_lost_claim_took_comes_back_with_its_lease(
    store: SqliteQueueStore, clock: FakeClock, done: bool
) -> None:
    """And whoever asked gets what is left, at once."""
    put(store, new("a"), new("b"))
    with answer_lost(store, done=done):
        claimed = keys(claim(store))
    clock.advance(31)

    back = keys(claim(store, 9, lease=60.0))

    assert (claimed, back) == (["b"] if done else ["a"], ["a", "b"])


SAID: dict[str, Callable[..., Settlement]] = {
    "ack": lambda hold: Ack(hold, b"7"),
    "nack": lambda hold: Nack(hold, 5.0, "500"),
    "release": lambda hold: Release(hold, 0.0, unsent=True),
    "fail": lambda hold: Fail(hold, "rejected", "422"),
    "given up": lambda hold: Fail(hold, "attempts", "500", failed=True),
    "discard": lambda hold: Fail(hold, "rejected", "422", discard=True),
    "park": lambda hold: Park(hold, "forbidden"),
    "replace": lambda hold: Replace(hold, new("resolved")),
}
said = pytest.mark.parametrize("kind", SAID)


@said
@either
def test_a_settlement_is_answered_as_the_first_time(
    store: SqliteQueueStore, kind: str, done: bool
) -> None:
    """The token stands beside what became of the item."""
    put(store, new("a", lane="x"), new("behind", lane="x"))
    (item,) = claim(store)
    plain = SAID[kind](item.hold)
    with answer_lost(store, done=done):
        (settled,) = store.settle(QUEUE, [plain])

    assert settled.accepted
    assert settled.seq == (3 if kind == "replace" else 1)
    ends = {"ack", "fail", "given up", "discard", "replace"}
    assert [each.seq for each in settled.ended] == ([1] if kind in ends else [])
    kept = store.get(QUEUE, 1)
    assert kept is None or kept.attempts == (kind in {"nack", "given up"})
    assert store.check(QUEUE) == []


@said
def test_a_stale_settlement_is_stale_however_often_it_is_told(
    store: SqliteQueueStore, clock: FakeClock, kind: str
) -> None:
    """Somebody else has the item: that it is still there proves nothing."""
    put(store, new("a"))
    (first,) = claim(store)
    clock.advance(31)
    (second,) = claim(store)
    with answer_lost(store, done=True):
        settled = store.settle(QUEUE, [SAID[kind](first.hold), Nack(second.hold, 0)])

    assert [each.accepted for each in settled] == [False, True]
    (third,) = claim(store)
    assert acknowledge(store, third)
    with answer_lost(store, done=True):
        (late,) = store.settle(QUEUE, [SAID[kind](second.hold)])
    assert not late.accepted
    assert store.ended(QUEUE, 1) is not None


#: These two put something into its place that is claimed first.
IN_ITS_PLACE = {"release", "replace"}


@pytest.mark.parametrize("kind", sorted(SAID.keys() - IN_ITS_PLACE))
@either
def test_a_settlement_that_claimed_is_answered_as_the_first_time(
    store: SqliteQueueStore, clock: FakeClock, kind: str, done: bool
) -> None:
    """What the lost commit has claimed comes back with its lease, as a claim's does."""
    put(store, new("a"), new("b"), new("c"))
    (item,) = claim(store)
    with answer_lost(store, done=done):
        (settled,), claimed = store.settle_and_claim(
            ClaimRequest(QUEUE, 1, 30.0), [SAID[kind](item.hold)]
        )

    assert settled.accepted
    assert keys(claimed) == (["c"] if done else ["b"])
    clock.advance(31)
    assert {"b", "c"} <= set(keys(claim(store, 9)))
    assert store.check(QUEUE) == []


@either
def test_what_people_did_is_not_asked_again(
    store: SqliteQueueStore, done: bool
) -> None:
    """The answer would be empty; they can look."""
    put(store, new("a"))
    with answer_lost(store, done=done), pytest.raises(OutcomeUnknown):
        store.cancel(QUEUE, [1])

    ended = store.ended(QUEUE, 1)
    assert (ended is not None) == done
    assert ended is None or ended.state is ItemState.CANCELLED


async def test_the_awaited_store_asks_again_too(store: SqliteQueueStore) -> None:
    """It is the same work."""
    awaited = store._engine.async_queue_store()
    request = EnqueueRequest(QUEUE, [new("a")])
    with answer_lost(store, done=True):
        (stored,) = await awaited.enqueue(request)

    assert (stored.seq, stored.duplicate) == (1, True)


def test_a_business_transaction_is_not_asked_again(store: SqliteQueueStore) -> None:
    """It is not the queue's to repeat: whoever runs it hears."""
    request = EnqueueRequest(QUEUE, [new("a")])
    failing = Failpoints().raise_at("sqlite.after_commit", OSError("lost"))
    with failing, pytest.raises(OutcomeUnknown):
        store._engine.transact(lambda tx: store.enqueue(request, tx))

    assert keys(store.items(QUEUE)) == ["a"]
