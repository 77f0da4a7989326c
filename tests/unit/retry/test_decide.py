from __future__ import annotations

import dataclasses
import math
import random

import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry._core import Failure, GiveUp, Limits, Sleep, decide, hint_of


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

    def retryable(self, failure: Failure, /) -> bool:
        self.asked.append("retryable")
        return self.retry

    def wait(self, failure: Failure, /) -> float:
        self.asked.append("wait")
        return self.delay

    def stop(self, failure: Failure, upcoming: float, /) -> bool:
        self.asked.append(f"stop {upcoming:g}")
        return self.stopping


def _failure(attempt: int = 1, error: Exception | None = None) -> Failure:
    return Failure(attempt, error or OSError("down"))


RNG = random.Random(5)


def test_a_retryable_error_sleeps_for_the_wait() -> None:
    """Asked in order: retryable, wait, and last of all stop."""
    rules = Script()

    assert decide(_failure(), rules, Limits(), RNG) == Sleep(2.0)
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
    assert decide(_failure(attempt), rules, Limits(), RNG) is reason
    assert rules.asked == asked


def test_without_a_limit_of_attempts_only_the_strategy_ends_it() -> None:
    """attempts=None leaves the end to stop."""
    decision = decide(_failure(10**6), Script(), Limits(attempts=None), RNG)

    assert decision == Sleep(2.0)


@pytest.mark.case("RTY-11")
def test_a_hint_is_a_floor_that_is_never_cut() -> None:
    """30 s asked for with a cap of 4: between 30 and 31 s, each caller its own."""
    drawn = {
        decision.seconds
        for _ in range(200)
        if isinstance(
            decision := decide(_failure(error=Hinted(30)), Script(), Limits(), RNG),
            Sleep,
        )
    }

    assert len(drawn) == 200
    assert min(drawn) >= 30
    assert max(drawn) <= 31


def test_a_short_hint_does_not_shorten_the_backoff() -> None:
    """The larger of the two waits counts."""
    decision = decide(_failure(error=Hinted(0.1)), Script(delay=3), Limits(), RNG)

    assert decision == Sleep(3.0)


@pytest.mark.case("RTY-12")
@pytest.mark.parametrize("hint", [60.001, 3600, math.inf, 10**400])
def test_a_hint_above_the_limit_ends_it(hint: float) -> None:
    """No caller is held for an hour; the hint stays on the exception."""
    assert decide(_failure(error=Hinted(hint)), Script(), Limits(), RNG) is GiveUp.HINT


@pytest.mark.parametrize("hint", [None, 0, -5, math.nan, "30", True, [30]])
def test_what_is_no_number_of_seconds_is_no_hint(hint: object) -> None:
    """Negative, NaN, text and booleans are ignored."""
    assert hint_of(Hinted(hint)) == 0.0


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, None, "1"])
def test_a_wait_strategy_that_gives_no_duration_is_named(bad: float) -> None:
    """A wrong strategy is an error of the wiring, said in words."""
    with pytest.raises(ConfigurationError, match="wait strategy answered"):
        decide(_failure(), Script(delay=bad), Limits(), RNG)
