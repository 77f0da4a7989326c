"""pybreaker's own interface: states, figures, exclusions and listeners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, cast

import pybreaker

from syncpatterns._functions import is_async
from syncpatterns.clock import Clock
from syncpatterns.errors import ConfigurationError
from syncpatterns.retry._breaker._calls import BreakerCalls
from syncpatterns.retry._breaker._core import CLOSED, HALF_OPEN, OPEN, Change
from syncpatterns.retry._breaker._pybreaker import View, state_object
from syncpatterns.retry._breaker._rules import Growing, require_number
from syncpatterns.retry._breaker._verdicts import Matcher


class BreakerCompat(BreakerCalls):
    """What code written for pybreaker uses, on our circuit."""

    __slots__ = ("_clock",)

    _clock: Clock

    # ------------------------------------------------------------------ states

    def open(self) -> bool:
        """Open the circuit now; a probe is let through after the recovery time.

        Returns:
            Whether a trip raises an error of its own; pybreaker's answer.
        """
        self._set_by_hand(lambda: self._circuit.open(self._monotonic()))
        return self._throw_new_error_on_trip

    def half_open(self) -> None:
        """Let probes through now."""
        self._set_by_hand(self._circuit.half_open)

    def close(self) -> None:
        """Let every call through, with nothing counted and the first interval."""
        self._set_by_hand(self._circuit.close)

    def _set_by_hand(self, act: Callable[[], Change]) -> None:
        change = self._settle(act)
        # It shows when the isolation ends, and `reset` closes: nothing to tell now.
        self._tell(None if self._circuit.isolated else change)

    @property
    def current_state(self) -> str:
        """``closed``, ``open`` or ``half-open``; ``open`` while isolated."""
        if self._circuit.isolated:
            return OPEN
        if self._mirror is not None:
            return self._mirror.state(self._circuit)
        return self._circuit.state

    @property
    def state(self) -> Any:
        """The state as an object of pybreaker's; assign a name to change it."""
        return state_object(self, self.current_state)

    @state.setter
    def state(self, state_str: str) -> None:
        act = {OPEN: self.open, HALF_OPEN: self.half_open, CLOSED: self.close}
        if state_str not in act:
            message = f"Unknown state {state_str!r}; choose one of {', '.join(act)}."
            raise ValueError(message)
        act[state_str]()

    @property
    def fail_counter(self) -> int:
        """Failures in the window; once open, those that opened it."""
        if self._mirror is not None:
            return self._mirror.counter(self._circuit, self._monotonic())
        with self._lock:
            return self._count_needs_lock(self._monotonic())

    def _count_needs_lock(self, now: float) -> int:
        mirror = self._mirror
        if mirror is not None:
            return mirror.counter(self._circuit, now)
        return self._circuit.failures(now)

    @property
    def success_counter(self) -> int:
        """Probes answered since it became half open."""
        if self._mirror is not None:
            return self._mirror.answered(self._circuit)
        return self._circuit.answered

    # ----------------------------------------------------------------- figures

    @property
    def fail_max(self) -> int:
        """How many failures open it."""
        return self._circuit.rules.failures

    @fail_max.setter
    def fail_max(self, number: int) -> None:
        self._change_rules(failures=number)

    @property
    def reset_timeout(self) -> float:
        """Seconds it stays open: now, or the next time."""
        return self._circuit.recovery()

    @reset_timeout.setter
    def reset_timeout(self, timeout: float) -> None:
        self._change_rules(recovery=recovery_of(timeout))

    @property
    def success_threshold(self) -> int:
        """Answered probes that close it."""
        return self._circuit.rules.successes

    @success_threshold.setter
    def success_threshold(self, threshold: int) -> None:
        self._change_rules(successes=threshold)

    def _change_rules(self, **figures: Any) -> None:
        def change() -> None:
            self._circuit.rules = replace(self._circuit.rules, **figures)

        self._settle(change)

    # --------------------------------------------- exclusions and listeners

    @property
    def excluded_exceptions(self) -> tuple[Matcher, ...]:  # type: ignore[override]  # a TypeVar bound to nothing
        """What counts as an answer."""
        return self._excluded_exceptions

    def add_excluded_exception(self, exception: Matcher) -> None:
        """Count *exception* as an answer from now on."""
        self.add_excluded_exceptions(exception)

    def add_excluded_exceptions(self, *exceptions: Matcher) -> None:
        """Count *exceptions* as answers from now on."""
        added = matchers_of("exclude", exceptions)
        with self._lock:
            self._excluded_exceptions += added

    def remove_excluded_exception(self, exception: Matcher) -> None:
        """Count *exception* as a failure again.

        Raises:
            ValueError: It was not excluded.
        """
        with self._lock:
            self._excluded_exceptions = _without(self._excluded_exceptions, exception)

    @property
    def listeners(self) -> tuple[pybreaker.CircuitBreakerListener, ...]:  # type: ignore[override]  # as above
        """Who is told."""
        return self._listeners

    def add_listener(self, listener: pybreaker.CircuitBreakerListener) -> None:
        """Tell *listener* from now on."""
        self.add_listeners(listener)

    def add_listeners(self, *listeners: pybreaker.CircuitBreakerListener) -> None:
        """Tell *listeners* from now on."""
        added = listeners_of(listeners)
        with self._lock:
            self._listeners += added
            self._look_at_listeners_needs_lock()

    def remove_listener(self, listener: pybreaker.CircuitBreakerListener) -> None:
        """Tell *listener* nothing more.

        Raises:
            ValueError: It was not told anything before.
        """
        with self._lock:
            self._listeners = _without(self._listeners, listener)
            self._look_at_listeners_needs_lock()

    def _look_at_listeners_needs_lock(self) -> None:
        listeners = self._listeners
        self._hear_calls = tuple(x for x in listeners if _overrides(x, "before_call"))
        self._hear_answers = tuple(x for x in listeners if _overrides(x, "success"))
        self._publish_needs_lock()

    # --------------------------------- what inherited pybreaker code looks for

    @property
    def _state_storage(self) -> pybreaker.CircuitBreakerStorage:  # type: ignore[override]  # read only
        if self._mirror is not None:
            return self._mirror.storage
        return View(self._circuit, self._clock)

    @property
    def _state(self) -> Any:  # type: ignore[override]  # read only
        return self.state

    @property
    def _fail_max(self) -> int:  # type: ignore[override]  # read only
        return self.fail_max

    @property
    def _reset_timeout(self) -> float:  # type: ignore[override]  # read only
        return self.reset_timeout

    @property
    def _success_threshold(self) -> int:  # type: ignore[override]  # read only
        return self.success_threshold


def recovery_of(value: object) -> Growing:
    if isinstance(value, Growing):
        return value
    require_number("recovery", value, above=0.0)
    seconds = cast("float", value)
    return Growing(seconds, seconds)


def matchers_of(name: str, value: Any) -> tuple[Matcher, ...]:
    if value is None:
        return ()
    given: tuple[Any, ...] = (value,) if callable(value) else listed(name, value)
    for each in given:
        is_class = isinstance(each, type)
        if not callable(each) or (is_class and not issubclass(each, BaseException)):
            message = (
                f"{name}= holds {each!r}; give exception classes, or functions of "
                "the exception."
            )
            raise ConfigurationError(message)
        if is_async(each):
            message = (
                f"{name}= holds {each!r}, which is async. It is asked without being "
                "awaited, and a coroutine would count as yes for every error. Give "
                "a plain function."
            )
            raise ConfigurationError(message)
    return given


def listeners_of(value: Any) -> tuple[pybreaker.CircuitBreakerListener, ...]:
    given = listed("listeners", value or ())
    for each in given:
        if isinstance(each, type):
            message = f"listeners= holds the class {each.__qualname__}; give an object."
            raise ConfigurationError(message)
        if not any(hasattr(each, event) for event in _EVENTS):
            message = f"listeners= holds {each!r}, which has none of {_EVENTS}."
            raise ConfigurationError(message)
        _refuse_async("listeners", *(getattr(each, event, None) for event in _EVENTS))
    return given


def hooks_of(value: Any) -> tuple[Any, ...]:
    given = listed("hooks", value)
    for each in given:
        if not callable(each):
            message = f"hooks= holds {each!r}; give functions of a BreakerChanged."
            raise ConfigurationError(message)
    _refuse_async("hooks", *given)
    return given


def _refuse_async(name: str, *told: object) -> None:
    for each in told:
        if is_async(each):
            message = (
                f"{name}= holds {each!r}, which is async. It is told without being "
                "awaited, so it would never run. Give a plain function."
            )
            raise ConfigurationError(message)


def listed(name: str, value: Any) -> tuple[Any, ...]:
    if not hasattr(value, "__iter__"):
        message = f"{name}={value!r} must be a list."
        raise ConfigurationError(message)
    return tuple(value)


_EVENTS: Final = ("before_call", "failure", "success", "state_change")


def _without(items: tuple[Any, ...], item: object) -> tuple[Any, ...]:
    at = items.index(item)
    return items[:at] + items[at + 1 :]


def _overrides(listener: object, event: str) -> bool:
    method = getattr(listener, event, None)
    inherited = getattr(pybreaker.CircuitBreakerListener, event)
    return method is not None and getattr(method, "__func__", method) is not inherited
