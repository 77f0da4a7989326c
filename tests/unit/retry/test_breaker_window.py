"""When a breaker opens: enough failures, young enough, dense enough."""

from __future__ import annotations

import time

import pytest

from syncpatterns.retry import CircuitBreaker, CircuitOpen
from tests.unit.retry.breaker_kit import Down, bad, good, make, outcome, trip


@pytest.mark.case("RTY-38")
def test_successes_between_do_not_wipe_the_count() -> None:
    """Four failures with answers between, then a fifth: open, own exception."""
    breaker, clock = make()
    for _ in range(4):
        outcome(breaker, bad)
        outcome(breaker, good)
        clock.advance(10)
    assert (breaker.current_state, breaker.fail_counter) == ("closed", 4)

    assert outcome(breaker, bad) is Down
    assert breaker.current_state == "open"
    assert outcome(breaker, good) is CircuitOpen


@pytest.mark.case("RTY-39")
def test_failures_spread_wider_than_the_window_never_open_it() -> None:
    """Five failures over 60.04 s leave it closed."""
    breaker, clock = make()
    for _ in range(5):
        outcome(breaker, bad)
        clock.advance(15.01)

    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-40")
@pytest.mark.parametrize(("later", "state"), [(59.999, "open"), (60.0, "closed")])
def test_a_failure_exactly_as_old_as_the_window_is_out(
    later: float, state: str
) -> None:
    """One at t and four at t + 59.999 open; four at t + 60 do not."""
    breaker, clock = make()
    outcome(breaker, bad)
    clock.advance(later)
    for _ in range(4):
        outcome(breaker, bad)

    assert state == breaker.current_state


def test_the_window_rolls_by_single_failures() -> None:
    """The oldest one leaves, the others still count."""
    breaker, clock = make()
    for _ in range(4):
        outcome(breaker, bad)
        clock.advance(10)
    clock.advance(20)  # the first is 60 s old now
    outcome(breaker, bad)
    assert (breaker.current_state, breaker.fail_counter) == ("closed", 4)

    outcome(breaker, bad)
    assert breaker.current_state == "open"


@pytest.mark.case("RTY-58")
def test_few_failures_among_many_calls_leave_it_closed() -> None:
    """Five failures among 500 calls in the window are one per cent."""
    breaker, clock = make()
    for _ in range(5):
        for _ in range(99):
            outcome(breaker, good)
        outcome(breaker, bad)
        clock.advance(1)

    assert (breaker.current_state, breaker.fail_counter) == ("closed", 5)


@pytest.mark.case("RTY-58")
@pytest.mark.parametrize(
    ("answers_between", "min_rate", "state"),
    [
        (1, 0.5, "open"),  # 5 of 9
        (2, 0.5, "closed"),  # 5 of 13
        (2, 0.38, "open"),
        (1, 1.0, "closed"),
        (0, 1.0, "open"),
        (100, 0.0, "open"),
    ],
)
def test_the_rate_is_taken_over_the_calls_the_failures_span(
    answers_between: int, min_rate: float, state: str
) -> None:
    """Failures over all calls from the first to the last failure."""
    breaker, _ = make(min_rate=min_rate)
    for _ in range(1000):
        outcome(breaker, good)  # before the first failure: not in the span
    for number in range(5):
        for _ in range(answers_between if number else 0):
            outcome(breaker, good)
        outcome(breaker, bad)

    assert state == breaker.current_state


def test_a_burst_among_healthy_calls_opens_once_it_is_dense() -> None:
    """Old thin failures do not shield a new outage: the span moves on."""
    breaker, _ = make()
    for _ in range(5):
        for _ in range(50):
            outcome(breaker, good)
        outcome(breaker, bad)
    assert breaker.current_state == "closed"
    trip(breaker)

    assert breaker.fail_counter == 5


def test_one_failure_can_be_enough() -> None:
    """failures=1 opens at the first."""
    breaker, _ = make(failures=1)

    assert outcome(breaker, bad) is Down
    assert breaker.current_state == "open"


def test_more_failures_needed_later_keep_those_already_seen() -> None:
    """fail_max may be moved either way while failures are in the window."""
    breaker, _ = make()
    for _ in range(4):
        outcome(breaker, bad)
    breaker.fail_max = 6
    outcome(breaker, bad)
    assert (breaker.current_state, breaker.fail_counter) == ("closed", 5)

    breaker.fail_max = 3
    assert breaker.fail_counter == 3
    outcome(breaker, bad)
    assert breaker.current_state == "open"


def test_a_full_window_can_be_resized_too() -> None:
    """The newest failures are the ones that stay, in their order."""
    breaker, clock = make(min_rate=1.0)
    for _ in range(7):  # the ring has gone round
        outcome(breaker, good)
        outcome(breaker, bad)
        clock.advance(1)
    breaker.fail_max = 2
    clock.advance(58.5)  # the sixth is 60.5 s old, the seventh 59.5 s

    assert breaker.fail_counter == 1


def test_the_failures_that_opened_it_stay_readable() -> None:
    """A health page an hour later still says how many they were."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(200)

    assert breaker.fail_counter == 5


@pytest.mark.case("RTY-52")
def test_the_wall_clock_means_nothing() -> None:
    """A step of a day either way neither opens nor closes."""
    for step in (-86_400.0, 86_400.0):
        breaker, clock = make()
        trip(breaker)
        clock.set_time(clock.time() + step)

        assert outcome(breaker) is CircuitOpen
        assert breaker.retry_after == 300.0


def test_the_default_clock_is_the_monotonic_one_of_the_machine() -> None:
    """Without clock= a breaker works in real seconds."""
    breaker = CircuitBreaker()
    before = time.monotonic()
    trip(breaker)
    left = breaker.retry_after
    took = time.monotonic() - before

    assert 300 - took <= left <= 300
