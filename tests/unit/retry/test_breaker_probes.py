"""Half open: who is let through to look, and what their verdicts do."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.errors import CallRejected
from syncpatterns.retry import CircuitBreaker, CircuitOpen, Growing
from syncpatterns.testing import FakeClock
from tests.unit.retry.breaker_kit import Down, bad, good, make, outcome, trip


def half_open(**options: Any) -> tuple[CircuitBreaker, FakeClock]:
    """Return a breaker that lets its next caller through as a probe."""
    breaker, clock = make(**options)
    trip(breaker)
    clock.advance(breaker.reset_timeout)
    return breaker, clock


@pytest.mark.case("RTY-41")
def test_a_rejection_says_how_long_until_the_probe() -> None:
    """At 299.9 s it is 0.1 s more; at 300.0 s the call goes through."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(299.9)
    with pytest.raises(CircuitOpen) as raised:
        breaker.call(good)
    assert pytest.approx(0.1) == raised.value.retry_after

    clock.advance(0.1)
    assert breaker.call(good) == "answer"


@pytest.mark.case("RTY-42")
def test_an_answered_probe_closes_and_forgets() -> None:
    """Closed, nothing counted, and it takes five failures again."""
    breaker, _ = half_open()
    assert outcome(breaker) == "answer"

    assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)
    for _ in range(4):
        outcome(breaker, bad)
    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-42")
def test_a_failed_probe_opens_for_the_full_time() -> None:
    """The caller gets its own error; the next 299 s are shut."""
    breaker, clock = half_open()
    assert outcome(breaker, bad) is Down

    clock.advance(299)
    assert outcome(breaker) is CircuitOpen
    clock.advance(1)
    assert outcome(breaker) == "answer"


@pytest.mark.case("RTY-44")
def test_three_of_three_probes_close() -> None:
    """Two answers leave it half open, the third closes."""
    breaker, _ = half_open(probes=3, successes=3)
    inside = [breaker._enter(None, (), {}) for _ in range(3)]
    assert outcome(breaker) is CircuitOpen

    for ticket, started in inside[:2]:
        breaker._succeeded(ticket, started)
        assert breaker.current_state == "half-open"
    assert breaker.success_counter == 2
    breaker._succeeded(*inside[2])
    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-44")
def test_one_failure_of_three_probes_opens() -> None:
    """The verdicts of the other two are of an era that has ended."""
    breaker, _ = half_open(probes=3, successes=3)
    first, second, third = (breaker._enter(None, (), {})[0] for _ in range(3))
    breaker._succeeded(first, None)
    breaker._failed(second, Down())
    breaker._succeeded(third, None)

    assert breaker.current_state == "open"
    assert breaker.retry_after == 300.0


@pytest.mark.case("RTY-46")
def test_a_hung_probe_gives_its_place_when_the_lease_ends() -> None:
    """Rejected while it runs, one replacement after, late verdict ignored."""
    breaker, clock = half_open(probe_lease=30.0)
    hung, _ = breaker._enter(None, (), {})
    clock.advance(29.9)
    assert outcome(breaker) is CircuitOpen
    clock.advance(0.1)
    second, _ = breaker._enter(None, (), {})
    assert outcome(breaker) is CircuitOpen

    breaker._succeeded(hung, None)
    assert breaker.current_state == "half-open"
    breaker._failed(hung, Down())
    assert breaker.current_state == "half-open"
    breaker._succeeded(second, None)
    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-46")
def test_a_verdict_after_the_lease_is_late_even_without_a_replacement() -> None:
    """Nobody else asked, and it still does not count."""
    breaker, clock = half_open(probe_lease=30.0)
    hung, _ = breaker._enter(None, (), {})
    clock.advance(30.0)
    breaker._succeeded(hung, None)

    assert breaker.current_state == "half-open"


@pytest.mark.parametrize(
    ("recovery", "lease"), [(300.0, 300.0), (5.0, 30.0), (Growing(2, 300), 30.0)]
)
def test_the_default_lease_outlasts_a_call(recovery: Any, lease: float) -> None:
    """As long as the circuit was open, and never under 30 s."""
    breaker, clock = half_open(recovery=recovery)
    breaker._enter(None, (), {})
    clock.advance(lease - 0.1)
    assert outcome(breaker) is CircuitOpen

    clock.advance(0.1)
    assert outcome(breaker) == "answer"


def test_a_probe_that_is_out_is_back_soon() -> None:
    """A rejected caller is not sent away for the whole lease."""
    breaker, clock = half_open()
    breaker._enter(None, (), {})
    with pytest.raises(CircuitOpen) as raised:
        breaker.call(good)
    assert raised.value.retry_after == 1.0

    clock.advance(299.5)
    assert breaker.retry_after == 0.5


@pytest.mark.case("RTY-47")
def test_a_late_failure_does_not_prolong_the_opening() -> None:
    """A call let in before the trip says nothing about afterwards."""
    breaker, clock = make()
    late = breaker._tick
    trip(breaker)
    clock.advance(100)
    breaker._failed(late, Down())
    assert breaker.retry_after == 200.0

    clock.advance(200)
    probe, _ = breaker._enter(None, (), {})
    breaker._succeeded(late, None)
    breaker._failed(late, Down())
    assert breaker.current_state == "half-open"
    breaker._succeeded(probe, None)
    breaker._failed(late, Down())
    assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)


def test_a_probe_of_an_earlier_half_open_era_is_stale() -> None:
    """Generations: the probe that failed and one of the next era differ."""
    breaker, clock = half_open(probes=2)
    first, _ = breaker._enter(None, (), {})
    second, _ = breaker._enter(None, (), {})
    breaker._failed(first, Down())
    clock.advance(300)
    third, _ = breaker._enter(None, (), {})

    breaker._succeeded(second, None)
    assert breaker.current_state == "half-open"
    breaker._succeeded(third, None)
    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-49")
def test_an_excluded_error_of_a_probe_is_an_answer() -> None:
    """It closes the circuit; the caller still gets the error."""
    breaker, _ = half_open(exclude=[KeyError])

    def missing() -> None:
        raise KeyError

    assert outcome(breaker, missing) is KeyError
    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-49")
@pytest.mark.parametrize("error", [KeyError, CallRejected])
def test_an_ignored_error_of_a_probe_is_no_verdict(error: type[Exception]) -> None:
    """The place is free again; so it is when another guard has refused."""
    breaker, _ = half_open(ignore=[KeyError])

    def refused() -> None:
        raise error

    assert outcome(breaker, refused) is error
    assert breaker.current_state == "half-open"
    assert outcome(breaker) == "answer"
    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-65")
def test_the_interval_grows_with_each_failed_probe_up_to_its_cap() -> None:
    """2, 4, 8, ... 256, 300, 300; a close starts again at 2."""
    breaker, clock = make(recovery=Growing(2, 300))
    trip(breaker)
    waits: list[float] = []
    for _ in range(10):
        waits.append(breaker.retry_after)
        clock.advance(breaker.retry_after)
        outcome(breaker, bad)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]

    clock.advance(300)
    assert outcome(breaker) == "answer"
    trip(breaker)
    assert breaker.retry_after == 2


def test_a_breaker_tripped_by_hand_starts_at_the_first_interval() -> None:
    """open() is no failed probe."""
    breaker, _ = make(recovery=Growing(2, 300))
    breaker.open()
    breaker.open()

    assert breaker.retry_after == 2


def test_growth_survives_any_number_of_failed_probes() -> None:
    """The exponent does not overflow."""
    growing = Growing(2, 300, factor=1e300)

    assert growing.interval(0) == 2
    assert growing.interval(10**9) == 300


def test_a_new_recovery_time_moves_an_opening_that_runs() -> None:
    """Shorter at once, counted from the opening; as in pybreaker."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(50)
    breaker.reset_timeout = 60

    assert (breaker.reset_timeout, breaker.retry_after) == (60, 10)
    clock.advance(10)
    assert outcome(breaker) == "answer"


def test_successes_in_a_row_with_one_probe_at_a_time() -> None:
    """successes=2 with probes=1 takes two probes, one after the other."""
    breaker, _ = half_open(successes=2)
    assert outcome(breaker) == "answer"
    assert breaker.current_state == "half-open"
    assert outcome(breaker) == "answer"

    assert breaker.current_state == "closed"


def test_a_slow_answer_is_a_failure() -> None:
    """Five answers of 2 s open it where slow_call=2; the callers have them."""
    breaker, clock = make(slow_call=2.0)

    def slow() -> str:
        clock.advance(2.0)
        return "late"

    for _ in range(5):
        assert outcome(breaker, slow) == "late"
    assert breaker.current_state == "open"
    clock.advance(300)
    assert outcome(breaker, slow) == "late"
    assert breaker.current_state == "open"
    clock.advance(300)
    assert outcome(breaker) == "answer"
    assert breaker.current_state == "closed"


def test_a_quick_answer_is_none() -> None:
    """Just under the limit nothing is counted against the service."""
    breaker, clock = make(slow_call=2.0)

    def quick() -> None:
        clock.advance(1.999)

    for _ in range(20):
        outcome(breaker, quick)

    assert breaker.fail_counter == 0
