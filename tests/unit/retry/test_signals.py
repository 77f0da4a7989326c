"""Ctrl-C and signal handlers, which run between any two steps of the main thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from syncpatterns.retry import CircuitBreaker, Retry, RetryBudget, no_jitter

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="no timer that sends signals here"
)

#: Seconds of processor time before a signal comes: a hundred retries or so.
SOON = 2e-4


class Interrupt(BaseException):
    """What Ctrl-C raises, under a name that ends no test run."""


@contextmanager
def on_signal(handler: Callable[..., Any]) -> Iterator[None]:
    """Call *handler* when the timer of processor time rings."""
    before = signal.signal(signal.SIGVTALRM, handler)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def others_get_through(act: Callable[[], object]) -> bool:
    """Say whether another thread can do it, and does not wait for ever."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(120)
    return not thread.is_alive()


def test_an_interrupt_leaves_no_budget_locked() -> None:
    """Else every thread that retries afterwards would stand still."""
    budget = RetryBudget(10, 0.5)

    def interrupt(*_: object) -> None:
        raise Interrupt

    def go_on() -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, SOON)
        while True:
            budget.withdraw()
            budget.deposit()

    with on_signal(interrupt):
        for _ in range(80):
            with pytest.raises(Interrupt):
                go_on()

    assert others_get_through(budget.deposit)
    assert 0 <= budget.tokens <= 10


@pytest.mark.parametrize("act", [RetryBudget.withdraw, RetryBudget.deposit])
def test_an_interrupt_while_it_waits_for_the_lock_is_heard(
    act: Callable[[RetryBudget], object],
) -> None:
    """And not another thread's lock, which it cannot release."""

    class Contended:
        """A lock that somebody else holds until the signal comes."""

        def acquire(self) -> bool:
            raise Interrupt

        def release(self) -> None:
            message = "cannot release un-acquired lock"  # as an RLock says
            raise RuntimeError(message)

    budget = RetryBudget(10, 0.5)
    budget._lock = cast("Any", Contended())

    with pytest.raises(Interrupt):
        act(budget)

    assert budget.tokens == 10


def test_a_budget_can_be_asked_by_whoever_interrupts_it() -> None:
    """A handler that retries must not wait for the thread that it stopped."""
    budget = RetryBudget(2)
    taken: list[bool] = []

    def reenter() -> None:
        with budget._lock:  # where the main thread may be interrupted
            taken.append(budget.withdraw())
            budget.deposit()
            budget.refund()

    assert others_get_through(reenter)
    assert (taken, budget.tokens) == ([True], 2)


def test_a_handler_makes_calls_of_its_own() -> None:
    """Through the same retry and breaker; both go on as if it had not been there."""
    breaker = CircuitBreaker(name="provider")
    retry = Retry(on=OSError, wait=no_jitter(0, 0), attempts=2)
    calls = {"main": 0, "handler": 0}

    @retry
    @breaker
    def ask(who: str) -> int:
        calls[who] += 1
        return calls[who]

    def handle(*_: object) -> None:
        ask("handler")

    with on_signal(handle):
        signal.setitimer(signal.ITIMER_VIRTUAL, SOON, SOON)
        while calls["handler"] < 50:
            ask("main")

    assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)
    assert retry.budget is not None
    assert retry.budget.tokens == 10
