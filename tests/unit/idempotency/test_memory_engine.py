"""The memory engine's own promises; the store's stand in tests/conformance."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest

from syncpatterns.engines import connect
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.engines.memory._table import BATCH, RecordTable
from syncpatterns.errors import ConfigurationError, EngineClosed, StoreFull
from syncpatterns.events import Swept
from syncpatterns.idempotency import (
    Idempotency,
    IdempotencyEngine,
    State,
    StoredOutcome,
    Windows,
)
from syncpatterns.idempotency._core import (
    UNKNOWN_RETENTION,
    ClaimRequest,
    Owned,
    storage_key,
)
from syncpatterns.idempotency._flights import Flight
from syncpatterns.idempotency._ports import AsyncIdempotencyStore, IdempotencyStore
from syncpatterns.testing import FakeClock

SHORT = Windows(10, 10)


def claim(engine: MemoryEngine, name: str, windows: Windows = SHORT) -> Any:
    """Claim a key called *name*."""
    request = ClaimRequest(
        storage_key("", "t", "op", name), "op", b"f", name, windows=windows
    )
    return engine.idempotency_store().claim(request)


def settle(engine: MemoryEngine, name: str, how: str) -> None:
    """Claim a key and end it."""
    owned = claim(engine, name)
    store = engine.idempotency_store()
    key = storage_key("", "t", "op", name)
    if how == "complete":
        assert store.complete(key, owned.token, StoredOutcome("value"), SHORT)
    elif how != "leave":
        assert getattr(store, how)(key, owned.token)


def test_it_is_an_engine(engine: MemoryEngine) -> None:
    """It has the shape that the pattern asks for, and `connect` finds it."""
    assert isinstance(engine, IdempotencyEngine)
    assert isinstance(engine.idempotency_store(), IdempotencyStore)
    assert isinstance(engine.async_idempotency_store(), AsyncIdempotencyStore)
    assert repr(connect("memory://?max_items=7")) == "MemoryEngine(max_items=7)"
    assert connect("memory://").url == "memory://"


@pytest.mark.parametrize("max_items", [0, -1, 1.5, True, None])
def test_a_size_that_makes_no_sense_is_refused(max_items: Any) -> None:
    """A store without room would refuse every call."""
    with pytest.raises(ConfigurationError, match="max_items="):
        MemoryEngine(max_items=max_items)


@pytest.mark.case("IDM-74")
def test_a_hundred_thousand_keys_stay_within_the_size(clock: FakeClock) -> None:
    """What is in progress, answered or unknown is never forgotten to make room."""
    engine = MemoryEngine(max_items=1000, clock=clock)
    settle(engine, "in progress", "leave")
    settle(engine, "unknown", "abandon")
    refused = 0
    for number in range(100_000):
        try:
            settle(engine, str(number), "complete")
        except StoreFull:
            refused += 1
        if number % 1000 == 999:
            clock.advance(0.5)

    assert 0 < refused < 100_000
    assert len(engine.idempotency_store()) <= 1000
    assert claim(engine, "unknown") is not None
    for name, state in (("in progress", "in_progress"), ("unknown", "unknown")):
        record = engine.idempotency_store().inspect(storage_key("", "t", "op", name))
        assert record is not None
        assert record.state == state


def test_a_full_store_forgets_what_was_given_back(clock: FakeClock) -> None:
    """The oldest first; it holds nothing but a count of attempts."""
    engine = MemoryEngine(max_items=3, clock=clock)
    for name, how in (("a", "release"), ("b", "complete"), ("c", "release")):
        settle(engine, name, how)
    claim(engine, "d")
    claim(engine, "e")

    with pytest.raises(StoreFull, match="Raise max_items") as caught:
        claim(engine, "f")
    assert caught.value.retry_after == 1.0
    clock.advance(10)
    assert isinstance(claim(engine, "f"), Owned)


def test_one_call_drops_a_handful(clock: FakeClock) -> None:
    """A burst that expires together is no pause for the next caller."""
    engine = MemoryEngine(clock=clock)
    for number in range(1000):
        settle(engine, str(number), "complete")
    clock.advance(10)
    settle(engine, "next", "complete")

    assert len(engine.idempotency_store()) == 1001 - BATCH


def test_sweeping_goes_in_batches(clock: FakeClock) -> None:
    """Never more than was asked for; the engine's own sweep takes all."""
    heard: list[Any] = []
    engine = MemoryEngine(clock=clock, hooks=[heard.append])
    for number in range(25):
        settle(engine, str(number), "complete")
    settle(engine, "crashed", "leave")
    settle(engine, "unknown", "abandon")
    clock.advance(10)
    store = engine.idempotency_store()
    removed = [store.sweep(10), store.sweep(10)]
    swept = engine.sweep()
    clock.advance(30 + UNKNOWN_RETENTION)
    later = engine.sweep()

    assert removed == [10, 10]
    assert swept == Swept("memory", records=5)
    assert later == Swept("memory", records=2)
    assert heard == [swept, later]
    assert len(store) == 0


async def test_sweeping_from_an_event_loop(engine: MemoryEngine) -> None:
    """The same."""
    assert await engine.asweep() == Swept("memory")


def test_a_key_used_again_and_again_takes_no_more_memory(clock: FakeClock) -> None:
    """Old entries of the heap are left out when they outgrow the records."""
    engine = MemoryEngine(clock=clock)
    store = engine.idempotency_store()
    for _ in range(200):
        settle(engine, "same", "release")
    table: RecordTable = store._table

    assert len(store) == 1
    assert len(table._ends) <= 2 + BATCH + 1


def test_records_are_listed_by_state_as_they_change(clock: FakeClock) -> None:
    """An unknown record that was resolved is not listed any more."""
    engine = MemoryEngine(clock=clock)
    store = engine.idempotency_store()
    for name in ("a", "b", "c"):
        settle(engine, name, "abandon")
        clock.advance(1)
    keys = [storage_key("", "t", "op", name) for name in "abc"]
    store.resolve(keys[0], None, SHORT)
    store.evict(keys[1])
    listed = store.unresolved()

    assert [record.key for record in listed] == [keys[2]]
    assert store.unresolved(0) == []
    free = store.inspect(keys[0])
    assert free is not None
    assert free.state is State.FREE


def test_the_machines_clock_moves_no_lease(clock: FakeClock) -> None:
    """Set back an hour or forward a day, a claim stays what it was."""
    engine = MemoryEngine(clock=clock)
    claim(engine, "k")
    answers = []
    for step in (-3600, 86400):
        clock.set_time(clock.time() + step)
        answers.append(type(claim(engine, "k")._replace()).__name__)

    assert answers == ["Owned", "Owned"]
    assert clock.monotonic() == 0


def test_a_closed_engine_refuses(engine: MemoryEngine) -> None:
    """Nothing is run by a service that is stopping."""
    with engine:
        assert isinstance(claim(engine, "k"), Owned)
    engine.close()

    with pytest.raises(EngineClosed, match="Nothing was done"):
        claim(engine, "k")


async def test_it_opens_and_closes_with_a_lifespan() -> None:
    """As every engine does."""
    engine = MemoryEngine()
    async with engine as opened:
        assert opened is engine
        assert (
            await Idempotency(engine).ainspect("k", scope="t", operation="op") is None
        )
    with pytest.raises(EngineClosed):
        claim(engine, "k")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_forked_child_is_not_locked_out(engine: MemoryEngine) -> None:
    """A thread of the parent may hold a lock, or lead a key, at the fork."""
    guard = Idempotency(engine)
    flights = guard._setup.flights
    flights.enter(Flight(storage_key("", "t", "op", "k"), b"f"))
    table: RecordTable = engine.idempotency_store()._table
    with table.lock, flights._lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork
        child = os.fork()
        if child == 0:
            try:
                value = guard.execute(
                    "k", lambda _: 7, scope="t", operation="op", payload=None
                )
                os._exit(value)
            finally:
                os._exit(1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 7
