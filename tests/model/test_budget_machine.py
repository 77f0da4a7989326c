"""The retry budget against a model, by any order of calls, failures and cancels.

The model counts in whole thousandths of a token; the budget holds floats. The
machine drives it the way `Retry` does and by hand, and after every step both
agree, no token is above the size or below zero, and a retry was made exactly
when the model had a token for it.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from syncpatterns.retry import Retry, RetryBudget, no_jitter
from syncpatterns.testing import FakeClock

SETTINGS = settings(max_examples=80, stateful_step_count=40, deadline=None)
#: For planted bugs: finding one is enough, a small example of it is not needed.
FIND = settings(
    SETTINGS,
    max_examples=3000,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
)
TOKEN = 1000


class Down(Exception):
    pass


class Interrupted(FakeClock):
    """A clock whose next sleeps can be interrupted."""

    interrupt = False

    def sleep(self, seconds: float) -> None:
        if self.interrupt:
            raise KeyboardInterrupt
        super().sleep(seconds)


class BudgetMachine(RuleBasedStateMachine):
    """Every public way to move a token."""

    kind: ClassVar[type[RetryBudget]] = RetryBudget

    @initialize(
        size=st.integers(1, 12), ratio=st.integers(0, 2 * TOKEN), most=st.integers(1, 6)
    )
    def begin(self, size: int, ratio: int, most: int) -> None:
        self.budget = self.kind(size, ratio / TOKEN)
        self.clock = Interrupted(auto_advance=True)
        self.retry = Retry(
            on=Down,
            attempts=most,
            wait=no_jitter(),
            clock=self.clock,
            budget=self.budget,
        )
        self.most, self.size, self.ratio = most, size * TOKEN, ratio
        self.tokens = self.size

    def _take(self) -> bool:
        if self.tokens < TOKEN:
            return False
        self.tokens -= TOKEN
        return True

    def _give(self, amount: int) -> None:
        self.tokens = min(self.size, self.tokens + amount)

    @rule()
    def withdraw(self) -> None:
        assert self.budget.withdraw() == self._take()

    @rule()
    def deposit(self) -> None:
        self.budget.deposit()
        self._give(self.ratio)

    @rule()
    def refund(self) -> None:
        self.budget.refund()
        self._give(TOKEN)

    @rule(failures=st.integers(0, 8))
    def call(self, failures: int) -> None:
        """Call what fails some times and then succeeds."""
        attempts, left = 0, failures

        def work() -> None:
            nonlocal attempts, left
            attempts += 1
            if left:
                left -= 1
                raise Down

        expected = 1
        while expected <= failures and expected < self.most and self._take():
            expected += 1
        if expected > failures:
            self.retry.call(work)
            self._give(self.ratio)
        else:
            with pytest.raises(Down):
                self.retry.call(work)
        assert attempts == expected

    @rule()
    def interrupted(self) -> None:
        """A sleep that does not end costs nothing."""

        def fail() -> None:
            raise Down

        sleeps = self.most > 1 and self.tokens >= TOKEN
        self.clock.interrupt = True
        try:
            with pytest.raises(KeyboardInterrupt if sleeps else Down):
                self.retry.call(fail)
        finally:
            self.clock.interrupt = False

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "budget"):
            assert 0.0 <= self.budget.tokens <= self.budget.size
            assert self.budget.tokens == pytest.approx(self.tokens / TOKEN, abs=1e-6)


@pytest.mark.case("RTY-20", part="machine")
@pytest.mark.case("RTY-21", part="machine")
def test_the_budget_agrees_with_its_model() -> None:
    """Whatever the order of successes, failures, refunds and interruptions."""
    run_state_machine_as_test(BudgetMachine, settings=SETTINGS)


class Overflowing(RetryBudget):
    __slots__ = ()

    def refund(self) -> None:
        self.tokens += 1.0


class Indebted(RetryBudget):
    __slots__ = ()

    def withdraw(self) -> bool:
        self.tokens -= 1.0
        return self.tokens > -1.0


class Forgetful(RetryBudget):
    __slots__ = ()

    def refund(self) -> None:
        """Keep it."""


@pytest.mark.parametrize("bug", [Overflowing, Indebted, Forgetful])
def test_the_machine_finds_a_planted_bug(bug: type[RetryBudget]) -> None:
    """Above the size, below zero, a refund that is lost."""

    class Planted(BudgetMachine):
        kind = bug

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Planted, settings=FIND)
