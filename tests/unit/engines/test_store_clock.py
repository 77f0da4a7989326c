"""The database's own clock never goes back, whatever the host's does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._writing._time import StoreClock
from syncpatterns.idempotency._core import ClaimRequest, Owned, StoredOutcome
from syncpatterns.testing import FakeClock

OpenEngine = Callable[..., SqliteEngine]

START = 1_700_000_000.0
HOUR = 3600.0


def now(engine: SqliteEngine) -> float:
    """Return the store's clock, and have it stored."""
    return engine.transact(lambda tx: tx.clock)


def test_it_starts_at_the_wall_clock(clock: FakeClock) -> None:
    """And goes on at the pace of the monotonic one."""
    store = StoreClock(clock)
    clock.advance(2.5)

    assert store.now() == START + 2.5


def test_a_step_back_is_not_followed(clock: FakeClock) -> None:
    """Time goes on from where it stood: it neither jumps nor stands still."""
    store = StoreClock(clock)
    clock.set_time(START - HOUR)
    clock.advance(10)

    assert store.now() == START + 10


def test_a_step_forward_is_followed(clock: FakeClock) -> None:
    """A laptop that slept has not counted the hours on its monotonic clock."""
    store = StoreClock(clock)
    clock.set_time(START + HOUR)
    clock.advance(10)

    assert store.now() == START + HOUR + 10


def test_back_and_forth_ends_where_it_was(clock: FakeClock) -> None:
    """A mistake put right leaves nothing behind."""
    store = StoreClock(clock)
    clock.set_time(START - HOUR)
    store.now()
    clock.set_time(START)
    clock.advance(1)

    assert store.now() == START + 1


def claim(engine: SqliteEngine, nonce: str) -> object:
    """Claim one and the same key."""
    return engine.idempotency_store().claim(ClaimRequest("ab" * 32, "op", b"f", nonce))


@pytest.mark.case("IDM-67")
def test_a_step_back_extends_no_lease(
    open_engine: OpenEngine, clock: FakeClock
) -> None:
    """A lease of 30 s ends after 30 s, though the host says it is an hour ago."""
    engine = open_engine(clock=clock)
    assert isinstance(claim(engine, "first"), Owned)
    clock.set_time(START - HOUR)
    clock.advance(30.1)

    answer = claim(engine, "second")

    assert isinstance(answer, Owned)
    assert answer.abandoned


@pytest.mark.case("IDM-67")
def test_a_step_back_over_a_restart_extends_nothing(
    open_engine: OpenEngine, clock: FakeClock
) -> None:
    """The latest time seen stands in the file, for the next process."""
    with open_engine(clock=clock) as first:
        clock.advance(50)
        seen = now(first)
    later = FakeClock(START - HOUR)

    second = open_engine(clock=later)
    started = now(second)
    later.advance(5)

    assert (started, now(second)) == (seen, seen + 5)


@pytest.mark.case("IDM-67")
def test_two_processes_meet_at_the_later_time(open_engine: OpenEngine) -> None:
    """A window opened by one closes for the other too, a second later at most."""
    ahead, behind = FakeClock(START + HOUR), FakeClock(START)
    slow, quick = open_engine(clock=behind), open_engine(clock=ahead)
    before = now(slow), now(quick)
    behind.advance(1.5)

    adopted = now(slow), now(slow)

    assert before == (START, START + HOUR)
    assert adopted[1] >= START + HOUR


def test_the_time_seen_is_written_once_a_second(
    open_engine: OpenEngine, clock: FakeClock
) -> None:
    """It costs a page, so not every commit carries it."""
    engine = open_engine(clock=clock)
    stored = "SELECT value FROM syncpatterns_meta WHERE name = 'high_water'"

    def high_water() -> float:
        value: float = engine.read(lambda c: c.execute(stored).fetchone()[0])
        return value

    now(engine)
    first = high_water()
    clock.advance(0.9)
    now(engine)
    soon = high_water()
    clock.advance(0.2)
    now(engine)

    assert (first, soon, high_water()) == (START, START, START + 1.1)


def test_an_answer_is_replayed_no_longer_after_a_step_back(
    open_engine: OpenEngine, clock: FakeClock
) -> None:
    """The replay window of 60 s stays 60 s."""
    engine = open_engine(clock=clock)
    store = engine.idempotency_store()
    owned = claim(engine, "first")
    assert isinstance(owned, Owned)
    request = ClaimRequest("ab" * 32, "op", b"f", "second")
    outcome = StoredOutcome("value", b"1")
    assert store.complete(request.key, owned.token, outcome, request.windows)
    clock.advance(59)
    kinds = [type(store.claim(request)).__name__]
    clock.set_time(START - HOUR)
    clock.advance(1)

    kinds.append(type(store.claim(request)).__name__)

    assert kinds == ["Replay", "Gone"]
