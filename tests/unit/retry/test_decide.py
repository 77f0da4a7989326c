from __future__ import annotations

import dataclasses
import math
import random

import pytest

from syncpatterns.errors import CallRejected
from syncpatterns.retry._core import Decision, GiveUp, Limits, Progress, decide, hint_of


class Hinted(Exception):
    def __init__(self, retry_after: object) -> None:
        super().__init__("busy")
        self.retry_after = retry_after


@dataclasses.dataclass
class Script:
    """Rules that give fixed answers and note which questions were asked."""

    retry: bool = True
    delay: float = 2.0
    stopping: bool = False
    asked: list[str] = dataclasses.field(default_factory=list)

    def retryable(self, progress: Progress, error: Exception, /) -> bool:
        self.asked.append("retryable")
        return self.retry

    def wait(self, progress: Progress, /) -> float:
        self.asked.append("wait")
        return self.delay

    def stop(self, progress: Progress, upcoming: float, /) -> bool:
        self.asked.append(f"stop {upcoming:g}")
        return self.stopping


def _decide(
    rules: Script,
    limits: Limits | None = None,
    *,
    attempt: int = 1,
    error: Exception | None = None,
) -> Decision:
    failed = OSError("down") if error is None else error
    return decide(Progress(attempt), failed, rules, limits or Limits(), RNG)


RNG = random.Random(5)


def test_a_retryable_error_sleeps_for_the_wait() -> None:
    """Asked in order: retryable, wait, and last of all stop."""
    rules = Script()

    assert _decide(rules) == 2.0
    assert rules.asked == ["retryable", "wait", "stop 2"]


@pytest.mark.parametrize(
    ("rules", "attempt", "reason", "asked"),
    [
        (Script(retry=False), 1, GiveUp.NOT_RETRYABLE, ["retryable"]),
        (Script(), 5, GiveUp.ATTEMPTS, ["retryable"]),
        (Script(), 6, GiveUp.ATTEMPTS, ["retryable"]),
        (Script(stopping=True), 1, GiveUp.STOPPED, ["retryable", "wait", "stop 2"]),
    ],
)
def test_giving_up_asks_nothing_more(
    rules: Script, attempt: int, reason: GiveUp, asked: list[str]
) -> None:
    """The first no ends it."""
    assert _decide(rules, attempt=attempt) is reason
    assert rules.asked == asked


def test_without_a_limit_of_attempts_only_the_strategy_ends_it() -> None:
    """attempts=None leaves the end to stop."""
    decision = _decide(Script(), Limits(attempts=math.inf), attempt=10**6)

    assert decision == 2.0


@pytest.mark.case("RTY-11")
def test_a_hint_is_a_floor_that_is_never_cut() -> None:
    """30 s asked for with a cap of 4: between 30 and 31 s, each caller its own."""
    answers = [_decide(Script(), error=Hinted(30)) for _ in range(200)]
    drawn = {answer for answer in answers if isinstance(answer, float)}

    assert len(drawn) == 200
    assert min(drawn) >= 30
    assert max(drawn) <= 31


def test_a_short_hint_does_not_shorten_the_backoff() -> None:
    """The larger of the two waits counts."""
    assert _decide(Script(delay=3), error=Hinted(0.1)) == 3.0


@pytest.mark.case("RTY-12")
@pytest.mark.parametrize("hint", [60.001, 3600, math.inf, 10**400])
def test_a_hint_above_the_limit_ends_it(hint: float) -> None:
    """No caller is held for an hour; the hint stays on the exception."""
    assert _decide(Script(), error=Hinted(hint)) is GiveUp.HINT


@pytest.mark.parametrize("hint", [None, 0, -5, math.nan, "30", True, [30]])
def test_what_is_no_number_of_seconds_is_no_hint(hint: object) -> None:
    """Negative, NaN, text and booleans are ignored."""
    assert hint_of(Hinted(hint)) == 0.0


def test_a_rejected_call_is_not_asked_about_again() -> None:
    """Whatever the rules say, a breaker that refuses is not pestered."""
    error = CallRejected("open", retry_after=3)

    assert _decide(Script(), error=error) is GiveUp.REJECTED
    assert _decide(Script(retry=False), error=error) is GiveUp.REJECTED


@pytest.mark.parametrize("retry", [True, False])
def test_a_patient_caller_waits_a_rejection_out(retry: bool) -> None:
    """Its time is a floor like any hint, whether or not `on` names it."""
    limits = Limits(patient=True)
    decision = _decide(Script(retry), limits, error=CallRejected("open", retry_after=3))

    assert isinstance(decision, float)
    assert 3 <= decision <= 4
    for hint in (61, math.inf):
        error = CallRejected("open", retry_after=hint)
        assert _decide(Script(retry), limits, error=error) is GiveUp.HINT


def test_an_unwanted_value_has_no_error_to_ask_about() -> None:
    """The rules are asked for the wait and the stop alone."""
    rules = Script(retry=False)

    assert decide(Progress(), None, rules, Limits(), RNG) == 2.0
    assert rules.asked == ["wait", "stop 2"]
    assert decide(Progress(5), None, rules, Limits(), RNG) is GiveUp.ATTEMPTS
