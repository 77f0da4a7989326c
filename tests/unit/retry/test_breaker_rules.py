"""Figures that can never work are refused where they are given."""

from __future__ import annotations

import math
from typing import Any

import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import CircuitBreaker, Growing
from syncpatterns.retry._breaker._rules import Rules

NAN = math.nan
INF = math.inf


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("failures", [0, -1, 1.5, True, "5", None, NAN]),
        ("probes", [0, 1.0, None]),
        ("successes", [0, "1", None]),
        ("window", [0, -1, NAN, INF, "60", None, True]),
        ("min_rate", [-0.1, 1.1, NAN, "0.5", None]),
        ("recovery", [0, -1, NAN, INF, "300", None]),
        ("probe_lease", [0, -1, NAN, INF, "30"]),
        ("slow_call", [0, -1, NAN, INF, "30"]),
        ("count", ["call", 1, None]),
        ("exclude", [[3], [int], "KeyError", [KeyError, "x"]]),
        ("ignore", [[3], [int], "KeyError"]),
        ("fail_max", [0, "5"]),
        ("reset_timeout", [0, "5"]),
        ("success_threshold", [0, "5"]),
        ("name", [5, b"sms"]),
    ],
)
def test_a_figure_that_cannot_work_is_refused(name: str, values: list[Any]) -> None:
    """With a sentence that names the argument."""
    for value in values:
        with pytest.raises(ConfigurationError) as raised:
            CircuitBreaker(**{name: value})

        expected = {
            "fail_max": "failures",
            "reset_timeout": "recovery",
            "success_threshold": "successes",
        }.get(name, name)
        assert expected in str(raised.value)


@pytest.mark.parametrize(
    "figures",
    [(0, 300, 2), (-1, 300, 2), (2, 1, 2), (2, 300, 0.5), (NAN, 300, 2), (2, INF, 2)],
)
def test_an_interval_that_cannot_grow_is_refused(figures: Any) -> None:
    """First above zero, cap not below it, factor at least one."""
    with pytest.raises(ConfigurationError, match="recovery"):
        Growing(*figures)


def test_pybreakers_order_of_arguments_is_refused_with_a_hint() -> None:
    """CircuitBreaker(5, 60) would mean something else here."""
    positional: Any = CircuitBreaker
    with pytest.raises(ConfigurationError, match="keywords: failures=5"):
        positional(5)
    with pytest.raises(TypeError):
        positional(5, 60)


@pytest.mark.parametrize(
    "options",
    [
        {"failures": 3, "fail_max": 4},
        {"recovery": 10, "reset_timeout": 20},
        {"successes": 2, "success_threshold": 3},
        {"recovery": Growing(), "reset_timeout": 20},
    ],
)
def test_two_names_of_one_figure_must_agree(options: dict[str, Any]) -> None:
    """Neither wins in silence."""
    with pytest.raises(ConfigurationError, match="same figure"):
        CircuitBreaker(**options)


def test_the_defaults_are_the_documented_figures() -> None:
    """Five in 60 s, half of the calls, 300 s, one probe."""
    rules = Rules()

    assert (rules.failures, rules.window, rules.min_rate) == (5, 60.0, 0.5)
    assert (rules.recovery, rules.probes) == (Growing(300.0, 300.0), 1)
    assert (rules.successes, rules.probe_lease, rules.slow_call) == (1, None, None)
    breaker = CircuitBreaker()
    assert (breaker.fail_max, breaker.reset_timeout) == (5, 300.0)
    assert breaker.success_threshold == 1


def test_one_class_or_function_needs_no_list() -> None:
    """exclude=KeyError and exclude=[KeyError] are the same; so is None nothing."""
    assert CircuitBreaker(exclude=KeyError).excluded_exceptions == (KeyError,)
    assert CircuitBreaker(exclude=None, ignore=None).excluded_exceptions == ()
    assert CircuitBreaker(exclude=callable).excluded_exceptions == (callable,)


def test_a_bad_new_figure_leaves_the_old_one() -> None:
    """Refused as a whole."""
    breaker = CircuitBreaker()
    for name in ("fail_max", "reset_timeout", "success_threshold"):
        with pytest.raises(ConfigurationError):
            setattr(breaker, name, -1)

    assert (breaker.fail_max, breaker.reset_timeout) == (5, 300.0)
