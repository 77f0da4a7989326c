"""What the tests of the breaker share."""

from __future__ import annotations

from typing import Any

import pybreaker

from syncpatterns.retry import CircuitBreaker
from syncpatterns.testing import FakeClock


class Down(OSError):
    """The service did not answer."""


def bad() -> None:
    """Fail, as a service that is down."""
    raise Down


def good() -> str:
    """Answer."""
    return "answer"


async def abad() -> None:
    """Fail, as a service that is down."""
    raise Down


async def agood() -> str:
    """Answer."""
    return "answer"


def make(**options: Any) -> tuple[CircuitBreaker, FakeClock]:
    """Return a breaker with the default figures, and its clock."""
    clock = FakeClock(monotonic=1000.0)
    return CircuitBreaker("sms", clock=clock, **options), clock


def outcome(breaker: pybreaker.CircuitBreaker, function: Any = good) -> Any:
    """Call *function*; return its answer, or the class of what it raised."""
    try:
        return breaker.call(function)
    except Exception as error:  # noqa: BLE001 - the class is the outcome
        return type(error)


def trip(breaker: pybreaker.CircuitBreaker) -> None:
    """Fail as often as it takes to open *breaker*."""
    for _ in range(breaker.fail_max):
        outcome(breaker, bad)
    assert breaker.current_state == "open"
