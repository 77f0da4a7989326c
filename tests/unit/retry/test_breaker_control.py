"""What an operator does: isolate, reset, disable, and look."""

from __future__ import annotations

import dataclasses
import math
from typing import Any
from unittest.mock import create_autospec, patch

import pybreaker
import pytest

from syncpatterns.errors import CallRejected, NotExecuted
from syncpatterns.retry import (
    BreakerChanged,
    BreakerSnapshot,
    CircuitBreaker,
    CircuitOpen,
)
from syncpatterns.retry._breaker._core import Circuit
from tests.unit.retry.breaker_kit import Down, bad, good, make, outcome, trip


@pytest.mark.case("RTY-57")
def test_isolation_rejects_everybody_until_reset() -> None:
    """For ever, with an infinite retry_after; a reset closes."""
    breaker, clock = make()
    breaker.isolate()
    clock.advance(1e6)
    with pytest.raises(CircuitOpen) as raised:
        breaker(good)()
    assert raised.value.retry_after == math.inf
    assert (breaker.current_state, breaker.retry_after) == ("open", math.inf)

    breaker.reset()
    assert outcome(breaker) == "answer"
    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-57")
def test_verdicts_of_calls_under_way_across_an_isolation_are_ignored() -> None:
    """Neither their failures nor their successes count after the reset."""
    breaker, _ = make(failures=1)
    before = breaker._tick
    breaker.isolate()
    breaker._failed(before, Down())
    breaker.reset()
    breaker._failed(before, Down())

    assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)


def test_a_probe_across_an_isolation_does_not_end_it() -> None:
    """Its answer was true before somebody pulled the plug."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(300)
    probe, _ = breaker._enter(None, (), {})
    breaker.isolate()
    breaker._succeeded(probe, None)

    assert outcome(breaker) is CircuitOpen


def test_control_of_the_state_does_not_end_an_isolation() -> None:
    """open, close and half_open change what comes after the reset only."""
    breaker, _ = make()
    breaker.isolate()
    for act in (breaker.open, breaker.half_open, breaker.close, breaker.enable):
        act()

        assert outcome(breaker) is CircuitOpen


def test_an_isolation_and_its_end_are_told() -> None:
    """A page that goes by what it is told shows what is so."""
    told: list[BreakerChanged] = []
    breaker, _ = make(hooks=[told.append])
    breaker.isolate()
    breaker.isolate()  # nothing new
    for act in (breaker.open, breaker.half_open, breaker.close):
        act()  # it stays isolated, so for its callers nothing changes
    breaker.reset()
    isolated, ended = told

    assert (isolated.old, isolated.new, isolated.retry_after) == (
        "closed",
        "open",
        math.inf,
    )
    assert (ended.old, ended.new, ended.retry_after) == ("open", "closed", 0.0)
    assert isolated.era < ended.era == breaker.snapshot().era


def test_an_isolation_of_an_open_circuit_is_told_too() -> None:
    """The time after which one may ask again is another: never."""
    told: list[float] = []
    breaker, _ = make(hooks=[lambda change: told.append(change.retry_after)])
    breaker.open()
    breaker.isolate()
    breaker.reset()

    assert told == [300.0, math.inf, 0.0]


def test_an_isolation_of_an_open_circuit_is_no_second_opening() -> None:
    """A listener that counts openings hears of one; a hook sees what it was."""
    listener: Any = create_autospec(pybreaker.CircuitBreakerListener, instance=True)
    told: list[BreakerChanged] = []
    breaker, _ = make(listeners=[listener], hooks=[told.append])
    breaker.open()
    breaker.isolate()
    breaker.reset()
    heard = [
        (old.name, new.name)
        for _, old, new in (call.args for call in listener.state_change.call_args_list)
    ]

    assert heard == [("closed", "open"), ("open", "closed")]
    assert [(each.old, each.new) for each in told] == [
        ("closed", "open"),
        ("open", "open"),
        ("open", "closed"),
    ]


def test_a_reset_closes_an_open_circuit() -> None:
    """Also one that nobody has isolated; the first interval is back."""
    breaker, _ = make()
    trip(breaker)
    breaker.reset()

    assert (outcome(breaker), breaker.fail_counter) == ("answer", 0)


def test_a_disabled_breaker_lets_everybody_through() -> None:
    """Whatever happens it counts nothing, until enabled again."""
    breaker, _ = make()
    trip(breaker)
    breaker.disable()
    assert [outcome(breaker, bad) for _ in range(20)] == [Down] * 20
    assert breaker.retry_after == 0.0
    breaker.enable()

    assert outcome(breaker) is CircuitOpen


def test_a_closed_breaker_begins_anew_after_disable() -> None:
    """Failures before and during it are forgotten, calls under way too."""
    breaker, _ = make()
    for _ in range(4):
        outcome(breaker, bad)
    before = breaker._tick
    breaker.disable()
    trip_like = [outcome(breaker, bad) for _ in range(10)]
    breaker.enable()
    breaker._failed(before, Down())

    assert trip_like == [Down] * 10
    assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)


def test_isolation_is_stronger_than_disable() -> None:
    """A breaker that must let nobody through lets nobody through."""
    breaker, _ = make()
    breaker.isolate()
    breaker.disable()

    assert outcome(breaker) is CircuitOpen


def test_an_open_circuit_by_hand_recovers_by_itself() -> None:
    """open() is a trip without failures."""
    breaker, clock = make()
    breaker.open()
    assert (breaker.current_state, breaker.fail_counter) == ("open", 0)
    clock.advance(300)

    assert outcome(breaker) == "answer"


def test_a_snapshot_says_how_it_stands() -> None:
    """Closed with failures, open with its age, isolated, disabled."""
    breaker, clock = make()
    outcome(breaker, bad)
    expected = BreakerSnapshot(
        name="sms",
        state="closed",
        failures=1,
        window=60.0,
        retry_after=0.0,
        opened_at_age=None,
        era=0,
        isolated=False,
        disabled=False,
        threshold=5,
    )
    assert expected == breaker.snapshot()

    breaker.close()
    trip(breaker)
    clock.advance(100)
    opened = dataclasses.replace(
        expected,
        state="open",
        failures=5,
        retry_after=200.0,
        opened_at_age=100.0,
        era=2,
    )
    assert opened == breaker.snapshot()
    breaker.isolate()
    shown = breaker.snapshot()
    assert (shown.isolated, shown.retry_after) == (True, math.inf)
    breaker.reset()
    breaker.disable()
    assert breaker.snapshot().disabled is True


def test_a_snapshot_is_of_one_moment() -> None:
    """All its figures are read under one hold of the lock: never open with none."""
    breaker, _ = make()
    real, steps = breaker._lock, []
    failures = breaker._circuit.failures

    class Noted:
        """The lock of the breaker, with a note of each hold."""

        def __enter__(self) -> None:
            real.acquire()
            steps.append("taken")

        def __exit__(self, *_: object) -> None:
            steps.append("given back")
            real.release()

    def read(now: float) -> int:
        steps.append("failures")
        return failures(now)

    lock: Any = Noted()
    breaker._lock = lock
    with patch.object(Circuit, "failures", side_effect=read):
        breaker.snapshot()

    assert steps == ["taken", "failures", "given back"]


def test_its_repr_is_its_state() -> None:
    """For a log line."""
    breaker, _ = make()
    assert repr(breaker) == "<CircuitBreaker 'sms' closed, 0 of 5 failures in 60 s>"
    breaker.isolate()

    assert "isolated open" in repr(breaker)


def test_a_rejection_is_the_librarys_own_and_pybreakers() -> None:
    """Idempotency and retry know it as a call that was not made."""
    error = CircuitOpen("sms", 1.5)

    assert isinstance(error, NotExecuted)
    assert isinstance(error, CallRejected)
    assert (error.status, error.problem) == (503, "circuit-open")
    assert str(error) == (
        "The circuit 'sms' is open after too many failures, so nothing was sent. "
        "Try again in 1.500 s."
    )
    assert "isolated by hand" in str(CircuitOpen(None, math.inf))
    assert "unnamed" in str(CircuitOpen(None, 1.0))
    error.retry_after = 2.0
    assert (error.args, error.facts) == (
        ("sms", 2.0),
        {"breaker": "sms", "retry_after_s": 2.0},
    )


def test_names_are_optional() -> None:
    """An unnamed breaker works and says so."""
    breaker = CircuitBreaker()
    breaker.isolate()

    with pytest.raises(CircuitOpen, match="unnamed circuit"):
        breaker.call(good)
