"""What the figures do to a healthy service: the table of the how-to page."""

from __future__ import annotations

import random

import pytest

from syncpatterns.retry import CircuitBreaker, CircuitOpen
from syncpatterns.testing import FakeClock
from tests.unit.retry.breaker_kit import bad, good


def rejected(
    rate: float, errors: float, seed: int, *, failures: int = 5, min_rate: float = 0.5
) -> float:
    """Return the share of calls rejected in two hours of random errors."""
    rng = random.Random(seed)
    clock = FakeClock()
    breaker = CircuitBreaker(failures=failures, min_rate=min_rate, clock=clock)
    calls = refused = 0
    while clock.monotonic() < 7200:
        clock.advance(rng.expovariate(rate))
        calls += 1
        try:
            breaker.call(bad if rng.random() < errors else good)
        except CircuitOpen:
            refused += 1
        except OSError:
            pass
    return refused / calls


@pytest.mark.parametrize(("rate", "errors", "least"), [(1, 0.05, 0.5), (8, 0.01, 0.7)])
def test_without_the_rate_a_healthy_service_is_shut_out(
    rate: float, errors: float, least: float, seed: int
) -> None:
    """Five stray failures a minute are enough; with the rate nothing happens."""
    assert rejected(rate, errors, seed, min_rate=0.0) > least
    assert rejected(rate, errors, seed) == 0.0


def test_more_failures_make_the_rate_sure_where_errors_are_common(seed: int) -> None:
    """One call in twenty fails: ten failures in a row of twenty are no chance."""
    assert rejected(8, 0.05, seed, min_rate=0.0) > 0.9
    assert rejected(8, 0.05, seed, failures=10) == 0.0
