"""A clock, a generator and hooks that are none are refused at once."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from syncpatterns.clock import SystemClock
from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import (
    Retry,
    RetryBudget,
    decorrelated_jitter,
    equal_jitter,
    full_jitter,
    no_jitter,
)
from syncpatterns.testing import instant

WRONG: list[tuple[str, Any]] = [
    ("clock", 3),
    ("clock", SystemClock),
    ("rng", 3),
    ("rng", random.Random),
    ("hooks", 3),
    ("hooks", "log"),
    ("hooks", [3]),
    ("hooks", print),
    ("hooks", [asyncio.sleep]),
    ("wait", full_jitter),
    ("wait", equal_jitter),
    ("wait", decorrelated_jitter),
    ("wait", no_jitter),
    ("name", 3),
    ("name", str),
]


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_what_can_never_be_used_is_refused(option: str, value: Any) -> None:
    """Else the first failure of a call would find it out, and be hidden by it."""
    options = {option: value}

    with pytest.raises(ConfigurationError, match=f"{option}="):
        Retry(on=OSError, **options)


@pytest.mark.parametrize("make", [full_jitter, equal_jitter, decorrelated_jitter])
@pytest.mark.parametrize("rng", [7, random.Random, "seed"])
def test_a_wait_refuses_a_generator_that_is_none(make: Any, rng: Any) -> None:
    """A seed is no generator, nor is the class; the first failure would show it."""
    with pytest.raises(ConfigurationError, match="rng="):
        make(rng=rng)


def test_a_retry_that_ends_in_its_hook_is_refunded() -> None:
    """Ctrl-C pressed while a hook writes its line: no retry follows."""
    budget = RetryBudget()

    def interrupted(fact: object) -> None:
        raise KeyboardInterrupt

    def fail() -> None:
        raise OSError

    with instant(), pytest.raises(KeyboardInterrupt):
        Retry(on=OSError, budget=budget, hooks=[interrupted]).call(fail)

    assert budget.tokens == 10


def test_the_module_random_is_a_generator() -> None:
    """It has the one method that is asked for."""
    retry = Retry(on=OSError, rng=random, attempts=2)
    failures = [OSError()]

    def ask() -> str:
        if failures:
            raise failures.pop()
        return "done"

    with instant():
        assert retry.call(ask) == "done"
