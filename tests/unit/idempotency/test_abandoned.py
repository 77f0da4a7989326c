"""What a lapsed lease means: rerun, quarantine, or somebody looks."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.codec import codec_for
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import ConfigurationError, OutcomeUnknown
from syncpatterns.events import Abandoned, Executed, Replayed, Unknown
from syncpatterns.idempotency import (
    Committed,
    Context,
    Idempotency,
    NotCommitted,
    State,
    Undecided,
)
from syncpatterns.testing import FakeClock
from tests.unit.idempotency.helpers import KEY, WHERE, Effect, claim_as


def crash(engine: MemoryEngine, clock: FakeClock) -> None:
    """Leave the key as a killed process does."""
    engine.idempotency_store().claim(claim_as("killed", lease=1.0))
    clock.advance(1.0)


@pytest.mark.case("IDM-25", part="rerun, memory")
def test_rerun_runs_again_and_says_so(
    engine: MemoryEngine, clock: FakeClock, heard: list[Any]
) -> None:
    """At least once: the effect is told that it may have happened."""
    guard = Idempotency(engine, hooks=[heard.append])
    crash(engine, clock)
    effect = Effect()
    guard.execute("k", effect, payload=None, **WHERE)
    context = effect.contexts[0]

    assert (context.attempts, context.abandoned) == (2, True)
    assert [type(fact) for fact in heard] == [Abandoned, Executed]
    assert heard[0].attempts == 2


@pytest.mark.case("IDM-15", part="function")
def test_quarantine_runs_for_nobody_until_it_is_resolved(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """At most once: listed, refused, and replayed once somebody has looked."""
    guard = Idempotency(engine, on_abandoned="quarantine")
    crash(engine, clock)
    effect = Effect()
    with pytest.raises(OutcomeUnknown):
        guard.execute("k", effect, payload=None, **WHERE)
    listed = [record.key for record in guard.unresolved()]
    guard.resolve("k", Committed({"number": 5}), **WHERE)
    answer = guard.execute("k", effect, payload=None, **WHERE)

    assert listed == [KEY]
    assert answer == {"number": 5}
    assert effect.calls == 0


@pytest.mark.case("IDM-16", part="committed")
def test_a_probe_that_found_it_gives_the_answer(
    engine: MemoryEngine, clock: FakeClock, heard: list[Any]
) -> None:
    """Nothing runs; the value is stored and replayed, with its type."""
    asked: list[Context] = []

    def probe(context: Context) -> Committed[tuple[int, str]]:
        asked.append(context)
        return Committed((5, "x"))

    guard = Idempotency(engine, on_abandoned=probe, hooks=[heard.append])
    crash(engine, clock)
    effect = Effect()
    codec: Any = codec_for(tuple[int, str])
    answers: list[Any] = [
        guard.execute("k", effect, payload=None, codec=codec, **WHERE) for _ in range(2)
    ]

    assert answers == [(5, "x"), (5, "x")]
    assert effect.calls == 0
    assert [context.attempts for context in asked] == [2]
    assert [type(fact) for fact in heard] == [Abandoned, Executed, Replayed]


@pytest.mark.case("IDM-16", part="not committed")
async def test_a_probe_that_found_nothing_lets_it_run(
    engine: MemoryEngine, clock: FakeClock
) -> None:
    """An async probe looks on the loop."""

    async def probe(_: Context) -> NotCommitted:
        return NotCommitted()

    guard = Idempotency(engine, on_abandoned=probe)
    crash(engine, clock)
    effect = Effect()
    answer = await guard.aexecute("k", effect.later, payload=None, **WHERE)

    assert answer == {"number": 1}


@pytest.mark.case("IDM-16", part="undecided")
def test_a_probe_that_cannot_tell_leaves_it_unknown(
    engine: MemoryEngine, clock: FakeClock, heard: list[Any]
) -> None:
    """It is listed for somebody to look."""
    guard = Idempotency(
        engine, on_abandoned=lambda _: Undecided(), hooks=[heard.append]
    )
    crash(engine, clock)
    effect = Effect()

    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            guard.execute("k", effect, payload=None, **WHERE)
    assert effect.calls == 0
    assert [record.key for record in guard.unresolved()] == [KEY]
    assert [type(fact) for fact in heard] == [Abandoned, Unknown]


@pytest.mark.parametrize("verdict", [ConnectionError("down"), None, True])
def test_a_probe_that_fails_is_asked_again_by_the_next(
    engine: MemoryEngine, clock: FakeClock, verdict: Any
) -> None:
    """Its failure says nothing about the effect, which must not run unprobed."""
    verdicts: list[Any] = [verdict, Committed(9)]

    def probe(_: Context) -> Any:
        said = verdicts.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    guard = Idempotency(engine, on_abandoned=probe)
    crash(engine, clock)
    effect = Effect()
    with pytest.raises((ConnectionError, ConfigurationError)):
        guard.execute("k", effect, payload=None, **WHERE)
    answer: Any = guard.execute("k", effect, payload=None, **WHERE)

    assert answer == 9
    assert effect.calls == 0


def test_a_probe_is_not_asked_about_a_key_that_was_given_back(
    engine: MemoryEngine,
) -> None:
    """Then it is known that nothing happened."""
    guard = Idempotency(engine, on_abandoned=lambda _: Undecided())
    effect = Effect(ValueError())
    with pytest.raises(ValueError):
        guard.execute("k", effect, payload=None, **WHERE)
    guard.execute("k", effect, payload=None, **WHERE)
    record = guard.inspect("k", **WHERE)

    assert effect.calls == 2
    assert record is not None
    assert record.state is State.COMPLETED
