"""The answer to a COMMIT gets lost: the caller gets the stored answer anyway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import EngineBusy, OutcomeUnknown
from syncpatterns.events import Executed, GaveUp, Retried
from syncpatterns.idempotency import Windows
from syncpatterns.idempotency._core import ClaimRequest, Owned, StoredOutcome
from syncpatterns.operation import Operation
from syncpatterns.retry import Retry
from syncpatterns.testing import Failpoints, FakeClock
from tests.unit.operation.conftest import (
    NOTHING,
    ONCE,
    REFUSED,
    Booking,
    Caller,
    Confirm,
    Counts,
    MakeOperation,
    SlotTaken,
    counts,
)

Op = Operation[Confirm, Booking]

LOST = OSError("the answer got lost")


@pytest.mark.case("OPR-07")
@pytest.mark.case("IDM-29", part="sqlite")
@pytest.mark.parametrize("place", ["sqlite.before_commit", "sqlite.after_commit"])
async def test_a_lost_answer_is_read_back(
    make: MakeOperation, engine: SqliteEngine, call: Caller, place: str
) -> None:
    """Whether the commit happened or not: one effect, and its own answer."""
    told: list[object] = []
    clock = FakeClock(auto_advance=True)
    retry = Retry(on=(OSError, OutcomeUnknown), attempts=2, clock=clock)
    operation = make(retry=retry, hooks=[told.append])

    with Failpoints().raise_at(place, LOST):
        first = await call(operation)

    second = await call(operation)
    assert (first.value, first.replayed) == (Booking("b1", 1), False)
    assert (second.replayed, second.body) == (True, first.body)
    assert counts(engine) == ONCE
    assert type(told[0]) is Executed


@pytest.mark.case("OPR-07")
async def test_it_is_tried_again_without_being_asked_to(
    engine: SqliteEngine, call: Caller
) -> None:
    """What an operation retries by default."""
    from tests.unit.operation.conftest import confirm

    operation: Op = Operation("bookings.confirm", engine, effect=confirm)

    with Failpoints().raise_at("sqlite.after_commit", LOST):
        answer = await call(operation)

    assert answer.value == Booking("b1", 1)
    assert counts(engine) == ONCE


@pytest.mark.case("OPR-07")
async def test_a_lost_refusal_is_read_back(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """It is an answer like any other."""
    with (
        Failpoints().raise_at("sqlite.after_commit", LOST),
        pytest.raises(SlotTaken) as caught,
    ):
        await call(operation, Confirm("taken"))

    assert caught.value.replayed is False
    assert counts(engine) == REFUSED


@pytest.mark.case("OPR-07")
async def test_a_lost_answer_is_read_back_after_its_window(
    make: MakeOperation, engine: SqliteEngine, call: Caller, clock: FakeClock
) -> None:
    """The caller who did it is told so, however long it took to ask."""
    operation = make(windows=Windows(replay=1, dedupe=10))

    with Failpoints().call_at("sqlite.after_commit", lambda: lose_after(clock, 2)):
        answer = await call(operation)

    assert (answer.value, answer.replayed) == (Booking("b1", 1), False)
    assert counts(engine) == ONCE


def lose_after(clock: FakeClock, seconds: float) -> None:
    """Let time pass and lose the answer."""
    clock.advance(seconds)
    raise LOST


@pytest.mark.case("OPR-07")
async def test_an_answer_lost_every_time_is_unknown(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """Never called failed; the next call with the key settles it."""
    points = Failpoints()
    for n in (1, 2, 3):
        points.raise_at("sqlite.after_commit", LOST, n=n)

    with points, pytest.raises(OutcomeUnknown, match="same key") as caught:
        await call(operation)

    answer = await call(operation)
    assert caught.value.status == 409
    assert (answer.replayed, answer.value) == (True, Booking("b1", 1))
    assert counts(engine) == ONCE


@pytest.mark.case("OPR-07")
def test_a_lost_answer_of_a_shared_commit(make: MakeOperation) -> None:
    """Everybody in it asks again, and gets his own."""
    operation = make()
    engine = operation.engine
    assert isinstance(engine, SqliteEngine)

    async def main() -> list[Any]:
        calls = [
            operation.acall(Confirm(f"b{n}"), key=f"k{n}", scope="acme")
            for n in range(8)
        ]
        return await asyncio.gather(*calls)

    points = Failpoints()
    for n in (1, 2):
        points.raise_at("sqlite.after_commit", LOST, n=n)
    with points:
        answers = asyncio.run(main())

    assert [answer.value.booking for answer in answers] == [f"b{n}" for n in range(8)]
    assert counts(engine) == Counts(8, 8, 8, 8)


async def test_ctrl_c_after_the_commit_is_ctrl_c(
    operation: Op, engine: SqliteEngine
) -> None:
    """It is no lost answer: the program ends, and the record is there."""
    points = Failpoints().raise_at("sqlite.after_commit", KeyboardInterrupt())
    with points, pytest.raises(KeyboardInterrupt):
        operation.call(Confirm("b1"), key="k1", scope="acme")

    again = operation.call(Confirm("b1"), key="k1", scope="acme")
    assert again.replayed
    assert counts(engine) == ONCE


async def test_whatever_fails_before_the_commit_is_undone(
    make: MakeOperation, engine: SqliteEngine, call: Caller
) -> None:
    """At every place that an operation passes."""
    places = ("before_claim", "after_claim", "after_effect", "before_commit")
    for place in places:
        with (
            Failpoints().raise_at(f"single.{place}", LOST),
            pytest.raises(OSError, match="got lost"),
        ):
            await call(make())
        assert counts(engine) == NOTHING

    await call(make())
    assert counts(engine) == ONCE


async def test_a_busy_database_is_tried_again(
    make: MakeOperation, call: Caller, clock: FakeClock
) -> None:
    """Not earlier than the engine asks for, three times at most."""
    tries: list[int] = []

    def busy(tx: Any, command: Confirm) -> str:
        tries.append(1)
        raise EngineBusy("locked", retry_after=1.0)

    retry = Retry(on=(EngineBusy, OutcomeUnknown), attempts=3, clock=clock)
    with pytest.raises(EngineBusy):
        await call(make(effect=busy, retry=retry))

    assert len(tries) == 3
    assert all(second >= 1.0 for second in clock.slept)


async def test_hooks_hear_which_key_is_tried_again(
    make: MakeOperation, call: Caller, clock: FakeClock
) -> None:
    """With the names that the operation's own facts have."""

    def busy(tx: Any, command: Confirm) -> str:
        raise EngineBusy("locked", retry_after=1.0)

    told: list[Any] = []
    hooks = [told.append]
    retry = Retry(on=EngineBusy, attempts=2, clock=clock, hooks=hooks)
    operation = make(effect=busy, retry=retry)

    with pytest.raises(EngineBusy):
        await call(operation)

    about = ("bookings.confirm", operation.key_hash("k1", scope="acme"), "sqlite")
    (retried, gave_up) = told
    assert retried == Retried(*about, attempt=1, seconds=retried.seconds)
    assert gave_up == GaveUp(*about, attempts=2, reason="attempts")


async def test_without_a_retry_the_caller_hears_at_once(
    make: MakeOperation, engine: SqliteEngine, call: Caller
) -> None:
    """And may ask again with the same key."""
    operation = make(retry=None)

    with (
        Failpoints().raise_at("sqlite.after_commit", LOST),
        pytest.raises(OutcomeUnknown),
    ):
        await call(operation)

    assert (await call(operation)).replayed
    assert counts(engine) == ONCE


@pytest.mark.case("IDM-31", part="sqlite")
async def test_a_store_s_lost_commit_is_the_same_claim(engine: SqliteEngine) -> None:
    """The store asks again itself: nonce and token say that it was this call."""
    store, later = engine.idempotency_store(), engine.async_idempotency_store()
    request = ClaimRequest("ab" * 32, "op", b"f", "nonce")

    def lose() -> Failpoints:
        return Failpoints().raise_at("sqlite.after_commit", LOST)

    with lose():
        owned = store.claim(request)
    assert isinstance(owned, Owned)
    done: list[Callable[[], bool]] = [
        lambda: store.renew(request.key, owned.token, 30, request.windows),
        lambda: store.complete(
            request.key, owned.token, StoredOutcome("value", b"1"), request.windows
        ),
    ]
    for call in done:
        with lose():
            assert call()
    with lose():
        again = await later.claim(request)

    assert type(again).__name__ == "Replay"
