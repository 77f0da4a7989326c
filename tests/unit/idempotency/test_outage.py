"""A store that fails before, during and after the effect."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import (
    EngineBusy,
    InProgress,
    StoreUnavailable,
)
from syncpatterns.events import Executed, Fenced, Unrecorded
from syncpatterns.idempotency import Context, Idempotency
from syncpatterns.idempotency._core import StoredOutcome
from syncpatterns.testing import FakeClock
from tests.unit.idempotency.helpers import KEY, WHERE, BrokenStore, Effect


@pytest.fixture
def clock() -> FakeClock:
    """Every pause is over at once."""
    return FakeClock(auto_advance=True)


@pytest.fixture
def store(engine: MemoryEngine) -> BrokenStore:
    """A store that can be broken."""
    return BrokenStore(engine)


@pytest.fixture
def guard(store: BrokenStore, heard: list[Any]) -> Idempotency:
    """A guard over it."""
    return Idempotency(store, hooks=[heard.append])


@pytest.mark.case("IDM-61", part="function")
def test_nothing_runs_without_the_store(guard: Idempotency, store: BrokenStore) -> None:
    """The refusal says when to try again."""
    effect = Effect()
    store.down = {"claim"}

    with pytest.raises(StoreUnavailable) as caught:
        guard.execute("k", effect, payload=1, **WHERE)
    assert effect.calls == 0
    assert caught.value.retry_after == 2.0


@pytest.mark.case("IDM-31", part="function")
def test_a_claim_whose_answer_was_lost_is_made_once(
    guard: Idempotency, store: BrokenStore
) -> None:
    """It is repeated with its nonce, and owns."""
    effect = Effect()
    store.down = {"claim+"}
    answer = guard.execute("k", effect, payload=1, **WHERE)

    assert answer == {"number": 1}
    assert effect.contexts[0].attempts == 1
    assert store.calls == ["claim", "claim", "complete"]


def test_a_busy_database_is_not_asked_twice(
    guard: Idempotency, store: BrokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has waited for its locks already, and certainly did nothing."""
    asked: list[int] = []

    def claim(_: object) -> None:
        asked.append(1)
        raise EngineBusy("locked")

    monkeypatch.setattr(store, "claim", claim, raising=False)

    with pytest.raises(EngineBusy):
        guard.execute("k", Effect(), payload=1, **WHERE)
    assert asked == [1]


def test_a_completion_whose_answer_was_lost_is_one_completion(
    guard: Idempotency, store: BrokenStore, heard: list[Any]
) -> None:
    """Told twice, the store says yes twice."""
    store.down = {"complete+"}
    answer = guard.execute("k", Effect(), payload=1, **WHERE)

    assert answer == {"number": 1}
    assert [type(fact) for fact in heard] == [Executed]


@pytest.mark.case("IDM-62", part="function")
def test_a_result_that_could_not_be_recorded_is_given_all_the_same(
    guard: Idempotency, store: BrokenStore, clock: FakeClock, heard: list[Any]
) -> None:
    """It happened. The key is kept until the lease ends, so nobody repeats it now."""
    store.down = {"complete", "renew"}
    begun = clock.monotonic()
    effect = Effect()
    answer = guard.execute("k", effect, payload=1, **WHERE)
    waited = clock.monotonic() - begun
    store.down = set()
    reject = Idempotency(store, on_busy="reject")

    assert answer == {"number": 1}
    assert 3 < waited <= 5
    assert [type(fact) for fact in heard] == [Unrecorded]
    with pytest.raises(InProgress):
        reject.execute("k", effect, payload=1, **WHERE)
    assert effect.calls == 1


async def test_a_store_that_comes_back_gets_the_result(engine: MemoryEngine) -> None:
    """It is offered again for a while."""
    tries: list[int] = []
    real = engine.async_idempotency_store()

    class Shaky:
        name = "shaky"

        def __getattr__(self, method: str) -> Any:
            return getattr(real, method)

        async def claim(self, request: Any) -> Any:
            return await real.claim(request)

        async def complete(self, *args: Any) -> bool:
            tries.append(1)
            if len(tries) < 4:
                raise OSError("the network is down")
            return await real.complete(*args)

    shaky: Any = Shaky()
    guard = Idempotency(shaky, clock=FakeClock(auto_advance=True))
    answers = [
        await guard.aexecute("k", Effect().later, payload=1, **WHERE) for _ in range(2)
    ]

    assert answers == [{"number": 1}, {"number": 1}]
    assert len(tries) == 4


def test_a_key_that_could_not_be_given_back_says_so(
    guard: Idempotency, store: BrokenStore
) -> None:
    """The effect's own error is what the caller gets, with a note."""
    error = ValueError("mine")
    store.down = {"release"}
    with pytest.raises(ValueError, match="mine") as caught:
        guard.execute("k", Effect(error), payload=1, **WHERE)

    assert caught.value is error
    assert "until its lease runs out" in error.__notes__[0]


def test_a_zombie_that_fails_is_fenced_too(
    guard: Idempotency, store: BrokenStore, engine: MemoryEngine, heard: list[Any]
) -> None:
    """Its release must not free the key of the one who took over."""

    def effect(_: Context) -> None:
        engine.idempotency_store().evict(KEY)
        guard.execute("k", Effect(), payload=1, **WHERE)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT012 - bare on purpose
        reject = Idempotency(store, on_busy="reject", hooks=[heard.append])
        reject.execute("k", lambda ctx: _steal(ctx, engine), payload=1, **WHERE)
    record = guard.inspect("k", **WHERE)

    assert record is not None
    assert record.outcome == StoredOutcome("value", b"2")
    assert [type(fact) for fact in heard] == [Fenced]


def _steal(_: Context, engine: MemoryEngine) -> None:
    from syncpatterns.idempotency import Windows
    from tests.unit.idempotency.helpers import claim_as

    store = engine.idempotency_store()
    store.evict(KEY)
    owned: Any = store.claim(claim_as("another process"))
    store.complete(KEY, owned.token, StoredOutcome("value", b"2"), Windows())
    raise ValueError
