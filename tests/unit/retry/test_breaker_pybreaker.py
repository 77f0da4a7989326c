"""The breaker is a pybreaker: one test per public name of pybreaker 1.4."""

from __future__ import annotations

import dis
from typing import Any

import pybreaker
import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import CircuitBreaker, CircuitOpen
from tests.unit.retry import test_breaker_storages
from tests.unit.retry.breaker_kit import Down, agood, bad, good, make, outcome, trip
from tests.unit.retry.pybreaker_names import NAMES, proves, public_names

#: Where the rest of the names are proven; importing it registers them.
STORAGES = test_breaker_storages


def test_every_public_name_of_pybreaker_has_a_test() -> None:
    """A name of a new release fails here until somebody has looked at it."""
    assert public_names() - set(NAMES) == set()
    assert set(NAMES) - public_names() == set()


def test_all_attributes_of_its_constructor_are_answered() -> None:
    """What pybreaker's __init__ sets and its methods read, ours has."""
    code = dis.get_instructions(pybreaker.CircuitBreaker.__init__)
    stored = {step.argval for step in code if step.opname == "STORE_ATTR"}
    breaker, _ = make()

    assert len(stored) >= 10
    assert [name for name in sorted(stored) if not hasattr(breaker, name)] == []


@proves("CircuitBreaker")
def test_it_is_an_instance_of_pybreakers_class() -> None:
    """Code that checks the type takes it."""
    assert isinstance(CircuitBreaker(), pybreaker.CircuitBreaker)


@proves("CircuitBreakerError")
def test_a_rejection_is_pybreakers_error() -> None:
    """Code that catches CircuitBreakerError catches ours."""
    breaker, _ = make()
    trip(breaker)

    with pytest.raises(pybreaker.CircuitBreakerError):
        breaker.call(good)


@proves("STATE_OPEN", "STATE_CLOSED", "STATE_HALF_OPEN")
def test_states_are_called_as_in_pybreaker() -> None:
    """current_state gives pybreaker's constants."""
    breaker, _ = make()
    assert breaker.current_state == pybreaker.STATE_CLOSED
    breaker.open()
    assert breaker.current_state == pybreaker.STATE_OPEN
    breaker.half_open()

    assert breaker.current_state == pybreaker.STATE_HALF_OPEN


@proves("CircuitBreaker.open", "CircuitBreaker.half_open", "CircuitBreaker.close")
def test_the_state_can_be_set_by_hand() -> None:
    """Open answers whether a trip has an error of its own."""
    breaker, _ = make()
    assert breaker.open() is False
    assert outcome(breaker) is CircuitOpen
    breaker.half_open()
    assert outcome(breaker, bad) is Down
    assert breaker.current_state == "open"
    breaker.close()

    assert outcome(breaker) == "answer"


@proves("CircuitBreaker.call")
def test_call_hands_over_arguments() -> None:
    """Positional and by name."""
    breaker, _ = make()

    assert breaker.call(divmod, 7, 2) == (3, 1)
    assert breaker.call(int, "z", base=36) == 35


@proves("CircuitBreaker.call_async")
async def test_call_async_needs_no_tornado() -> None:
    """It gives an awaitable, which a Tornado coroutine can yield too."""
    breaker, _ = make()

    assert await breaker.call_async(agood) == "answer"


@proves("CircuitBreaker.calling")
def test_calling_guards_a_block() -> None:
    """The body's own error comes out and counts."""
    breaker, _ = make()
    with pytest.raises(Down), breaker.calling():
        raise Down

    assert breaker.fail_counter == 1


async def test_the_decorator_takes_pybreakers_options() -> None:
    """Bare, called empty, and with its hidden async option."""
    breaker, _ = make()
    assert breaker(good)() == "answer"
    assert breaker()(good)() == "answer"
    as_async: Any = breaker(__pybreaker_call_async=True)

    assert await as_async(agood)() == "answer"


@proves("CircuitBreaker.fail_counter", "CircuitBreaker.success_counter")
def test_counters_can_be_read() -> None:
    """Failures in the window; answered probes."""
    breaker, _ = make(success_threshold=2)
    outcome(breaker, bad)
    assert (breaker.fail_counter, breaker.success_counter) == (1, 0)
    breaker.half_open()
    outcome(breaker)

    assert breaker.success_counter == 1


@proves("CircuitBreaker.fail_max")
def test_fail_max_is_the_number_of_failures() -> None:
    """Given, read and changed."""
    breaker, _ = make(fail_max=3)
    assert breaker.fail_max == 3
    breaker.fail_max = 1
    outcome(breaker, bad)

    assert breaker.current_state == "open"
    with pytest.raises(ConfigurationError):
        breaker.fail_max = 0


@proves("CircuitBreaker.reset_timeout")
def test_reset_timeout_is_the_recovery_time() -> None:
    """Given, read and changed."""
    breaker, clock = make(reset_timeout=10)
    assert breaker.reset_timeout == 10
    trip(breaker)
    breaker.reset_timeout = 20
    clock.advance(19)
    assert outcome(breaker) is CircuitOpen
    clock.advance(1)

    assert outcome(breaker) == "answer"
    with pytest.raises(ConfigurationError):
        breaker.reset_timeout = -1


@proves("CircuitBreaker.success_threshold")
def test_success_threshold_is_the_number_of_answers() -> None:
    """Given, read and changed."""
    breaker, _ = make(success_threshold=3)
    assert breaker.success_threshold == 3
    breaker.success_threshold = 2
    breaker.half_open()
    outcome(breaker)
    assert breaker.current_state == "half-open"
    outcome(breaker)

    assert breaker.current_state == "closed"


@proves("CircuitBreaker.name")
def test_the_name_can_be_changed() -> None:
    """As pybreaker's, and errors carry the new one."""
    breaker, _ = make()
    breaker.name = "other"
    breaker.open()
    with pytest.raises(CircuitOpen) as raised:
        breaker.call(good)

    assert (breaker.name, raised.value.name) == ("other", "other")


@proves("CircuitBreaker.current_state", "CircuitBreaker.state")
def test_the_state_is_an_object_too() -> None:
    """Of pybreaker's class, with its name; assigning a name changes it."""
    breaker, _ = make()
    assert isinstance(breaker.state, pybreaker.CircuitClosedState)
    breaker.state = "open"
    assert isinstance(breaker.state, pybreaker.CircuitOpenState)
    assert breaker.retry_after == 300
    breaker.state = "half-open"
    assert isinstance(breaker.state, pybreaker.CircuitHalfOpenState)
    breaker.state = "closed"

    assert breaker.current_state == "closed"
    with pytest.raises(ValueError, match="Unknown state"):
        breaker.state = "ajar"


@proves(
    "CircuitBreaker.excluded_exceptions",
    "CircuitBreaker.add_excluded_exception",
    "CircuitBreaker.add_excluded_exceptions",
    "CircuitBreaker.remove_excluded_exception",
)
def test_exclusions_can_be_changed() -> None:
    """Classes and functions; a tuple to look at."""

    def mine(error: Any) -> bool:
        return "mine" in str(error)

    breaker, _ = make(exclude=[KeyError])
    breaker.add_excluded_exception(ValueError)
    breaker.add_excluded_exceptions(mine, IndexError)
    before = breaker.excluded_exceptions
    breaker.remove_excluded_exception(ValueError)

    assert before == (KeyError, ValueError, mine, IndexError)
    assert breaker.excluded_exceptions == (KeyError, mine, IndexError)
    with pytest.raises(ValueError, match="not in tuple"):
        breaker.remove_excluded_exception(ValueError)


@proves("CircuitBreaker.is_system_error")
def test_excluded_errors_are_no_system_errors() -> None:
    """Subclasses too, and what a function says."""
    breaker, _ = make(exclude=[LookupError, lambda error: error.args == ("mine",)])

    assert breaker.is_system_error(OSError()) is True
    assert breaker.is_system_error(KeyError()) is False
    assert breaker.is_system_error(OSError("mine")) is False


def test_a_class_with_a_metaclass_excludes_itself_only() -> None:
    """In pybreaker it is taken for a function, and then excludes everything."""

    class Meta(type):
        pass

    class Odd(Exception, metaclass=Meta):
        pass

    breaker, _ = make(exclude=[Odd])

    assert breaker.is_system_error(OSError()) is True
    assert breaker.is_system_error(Odd()) is False


@proves(
    "CircuitBreaker.listeners",
    "CircuitBreaker.add_listener",
    "CircuitBreaker.add_listeners",
    "CircuitBreaker.remove_listener",
)
def test_listeners_can_be_changed() -> None:
    """A tuple to look at."""
    one, two, three = (pybreaker.CircuitBreakerListener() for _ in range(3))
    breaker, _ = make(listeners=[one])
    breaker.add_listener(two)
    breaker.add_listeners(three)
    before = breaker.listeners
    breaker.remove_listener(two)

    assert before == (one, two, three)
    assert breaker.listeners == (one, three)
    with pytest.raises(ValueError, match="not in tuple"):
        breaker.remove_listener(two)


@proves(
    "CircuitBreakerListener",
    "CircuitBreakerListener.before_call",
    "CircuitBreakerListener.failure",
    "CircuitBreakerListener.success",
    "CircuitBreakerListener.state_change",
)
def test_a_listener_hears_all_four_events() -> None:
    """With the breaker, the error, and state objects that have names."""
    heard: list[Any] = []

    class Listener(pybreaker.CircuitBreakerListener):
        def before_call(self, cb: Any, func: Any, *args: Any, **kwargs: Any) -> None:
            heard.append((cb, func, args, kwargs))

        def failure(self, cb: Any, exc: BaseException) -> None:
            heard.append(type(exc))

        def success(self, cb: Any) -> None:
            heard.append("success")

        def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
            heard.append((old_state.name, new_state.name))

    breaker, _ = make(fail_max=1, listeners=[Listener()])
    outcome(breaker, bad)
    breaker.close()
    breaker.call(good)

    assert heard == [
        (breaker, bad, (), {}),
        Down,
        ("closed", "open"),
        ("open", "closed"),
        (breaker, good, (), {}),
        "success",
    ]


@proves(
    "CircuitBreakerState",
    "CircuitBreakerState.name",
    "CircuitBreakerState.call",
    "CircuitBreakerState.call_async",
    "CircuitBreakerState.generator_call",
    "CircuitBreakerState.before_call",
    "CircuitBreakerState.on_success",
    "CircuitBreakerState.on_failure",
    "CircuitClosedState",
    "CircuitClosedState.on_failure",
    "CircuitOpenState",
    "CircuitOpenState.before_call",
    "CircuitOpenState.call",
    "CircuitHalfOpenState",
    "CircuitHalfOpenState.on_failure",
    "CircuitHalfOpenState.on_success",
)
async def test_calls_through_a_state_object_go_through_the_breaker() -> None:
    """Its other methods are hooks of pybreaker's own loop, which is not run."""
    breaker, _ = make(fail_max=1)
    state: Any = breaker.state
    assert isinstance(breaker.state, pybreaker.CircuitBreakerState)
    assert (state.name, state.call(good)) == ("closed", "answer")
    assert await state.call_async(agood) == "answer"
    assert list(state.generator_call(item for item in "ab")) == ["a", "b"]
    with pytest.raises(Down):
        state.call(bad)

    with pytest.raises(CircuitOpen):
        breaker.state.call(good)
    for name in ("closed", "open", "half-open"):
        breaker.state = name
        for hook in ("before_call", "on_success", "on_failure"):
            assert callable(getattr(breaker.state, hook))


def test_throw_new_error_on_trip_raises_pybreakers_error() -> None:
    """Off by default here, on by default there; the cause is the caller's own."""
    breaker, _ = make(fail_max=1, throw_new_error_on_trip=True)
    with pytest.raises(CircuitOpen) as raised:
        breaker.call(bad)

    assert isinstance(raised.value.__cause__, Down)
    assert raised.value.retry_after == 300.0
    assert breaker.open() is True
