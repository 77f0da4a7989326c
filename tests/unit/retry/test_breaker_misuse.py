"""What a breaker is given wrongly is refused where it is given."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pybreaker
import pytest
import tenacity

from syncpatterns.clock import SystemClock
from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import CircuitBreaker
from tests.unit.retry.breaker_kit import Down, bad, make, outcome, trip


class Silent(pybreaker.CircuitBreakerListener):
    """Overrides all, and does nothing."""

    def before_call(
        self, cb: pybreaker.CircuitBreaker, func: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Hear of a call."""


async def waits(fact: object) -> bool:
    """Look like a predicate or a hook, and never be run."""
    raise AssertionError(fact)


class SpeaksLater:
    """A listener whose methods would have to be awaited."""

    failure = staticmethod(waits)


def kept(event: str, listener: int = 0, **others: Any) -> tuple[Any, ...]:
    """Return what it was called with."""
    return event, listener, others


WRONG: dict[str, list[Any]] = {
    "count": ["never", [], None],
    "failures": [[], 0],
    "recovery": [[], -1],
    "exclude": [3, [3], "ValueError", waits, [ValueError, waits]],
    "ignore": [3, waits, [partial(waits)]],
    "listeners": [3, [3], [Silent], Silent(), [SpeaksLater()]],
    "hooks": [3, [3], [None], [waits]],
    "clock": [3, SystemClock],
    "state_storage": [3, "closed", pybreaker.CircuitMemoryStorage],
}


@pytest.mark.parametrize(
    ("option", "value"),
    [(option, value) for option, values in WRONG.items() for value in values],
)
def test_an_option_that_can_never_work_is_refused(option: str, value: Any) -> None:
    """Said when the breaker is made, and not at the first failure."""
    with pytest.raises(ConfigurationError) as caught:
        CircuitBreaker(**{option: value})

    assert option in str(caught.value)


@pytest.mark.parametrize("alias", ["fail_max", "reset_timeout", "success_threshold"])
def test_so_is_one_by_the_name_of_pybreaker(alias: str) -> None:
    """A value of the wrong type is said to be one, not that it has no hash."""
    options: dict[str, Any] = {alias: []}

    with pytest.raises(ConfigurationError):
        CircuitBreaker(**options)


def test_an_async_predicate_is_refused_later_too() -> None:
    """A coroutine counts as true: every error would be an answer, for ever."""
    breaker, _ = make()

    with pytest.raises(ConfigurationError, match="async"):
        breaker.add_excluded_exception(waits)  # type: ignore[arg-type]  # it is async
    assert breaker.excluded_exceptions == ()


@pytest.mark.parametrize("listener", [3, Silent, SpeaksLater()])
def test_a_listener_that_is_none_is_refused_later_too(listener: Any) -> None:
    """A class is not its object: it would be told nothing."""
    breaker, _ = make()

    with pytest.raises(ConfigurationError):
        breaker.add_listener(listener)
    assert breaker.listeners == ()


def test_a_guarded_call_may_have_any_keywords() -> None:
    """Those of a listener's are no others than its own."""
    breaker, _ = make(listeners=[Silent()])

    answer = breaker.call(kept, event="e", listener=1, func=2, cb=3)

    assert answer == ("e", 1, {"func": 2, "cb": 3})


def test_a_staticmethod_is_refused_with_the_order_that_works() -> None:
    """Below the breaker it would be handed the object as its first argument."""
    breaker, _ = make()

    with pytest.raises(ConfigurationError, match="@staticmethod above the breaker"):
        breaker(staticmethod(kept))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_breaker_cannot_be_copied(duplicate: Callable[[Any], Any]) -> None:
    """A copy would go on calling a service of which this one knows it is down."""
    breaker, _ = make()

    with pytest.raises(TypeError, match="share one object"):
        duplicate(breaker)


def test_probes_of_all_who_share_a_storage_count_together() -> None:
    """One answer each closes both, where two answers are asked for."""
    storage = pybreaker.CircuitMemoryStorage("closed")
    one, clock = make(state_storage=storage, success_threshold=2)
    two = CircuitBreaker("two", clock=clock, state_storage=storage, success_threshold=2)
    trip(one)
    clock.advance(300)

    outcome(one)
    assert (
        two.current_state,
        one.success_counter,
        two.success_counter,
    ) == ("half-open", 1, 1)
    outcome(two)
    assert (one.current_state, two.current_state) == ("closed", "closed")


def test_behind_tenacity_each_attempt_has_a_vote() -> None:
    """It sets nothing by which one could know that they are one call."""
    breaker, _ = make()
    trying = tenacity.Retrying(stop=tenacity.stop_after_attempt(5), reraise=True)

    with pytest.raises(Down):
        trying(breaker(bad))

    assert breaker.current_state == "open"
