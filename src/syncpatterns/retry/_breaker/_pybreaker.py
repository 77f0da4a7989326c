"""Where pybreaker's own objects meet ours: its states and its storages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

import pybreaker

from syncpatterns.clock import Clock
from syncpatterns.retry._breaker._core import CLOSED, HALF_OPEN, OPEN, Change, Circuit

T = TypeVar("T")

_log = logging.getLogger("syncpatterns")


class _Through(pybreaker.CircuitBreakerState):
    """A state whose calls go through the breaker, which alone decides."""

    def call(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call *func* through the breaker this state belongs to."""
        return self._breaker.call(func, *args, **kwargs)

    def call_async(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """Return an awaitable that calls *func* through the breaker."""
        return cast("Any", self._breaker).call_async(func, *args, **kwargs)

    def generator_call(self, wrapped_generator: Any) -> Any:
        """Return *wrapped_generator* guarded by the breaker."""
        return self._breaker.call(lambda: wrapped_generator)


class ClosedState(_Through, pybreaker.CircuitClosedState):
    """pybreaker's closed state, as listeners see it."""


class OpenState(_Through, pybreaker.CircuitOpenState):
    """pybreaker's open state, as listeners see it."""


class HalfOpenState(_Through, pybreaker.CircuitHalfOpenState):
    """pybreaker's half-open state, as listeners see it."""


_STATES: dict[str, type[ClosedState | OpenState | HalfOpenState]] = {
    CLOSED: ClosedState,
    OPEN: OpenState,
    HALF_OPEN: HalfOpenState,
}


def state_object(
    breaker: pybreaker.CircuitBreaker, name: str
) -> ClosedState | OpenState | HalfOpenState:
    """Return a state object of pybreaker's for the state called *name*."""
    return _STATES[name](breaker, prev_state=None, notify=False)


class View(pybreaker.CircuitBreakerStorage):
    """A circuit as a pybreaker storage, for code that looks into it.

    Args:
        circuit: What is shown.
        clock: Its time, and the wall clock of `opened_at`.
    """

    def __init__(self, circuit: Circuit, clock: Clock) -> None:
        super().__init__("rolling-window")
        self._circuit = circuit
        self._clock = clock

    @property  # type: ignore[misc]  # shows and cannot set
    def state(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]  # as above
        """The state's name."""
        return self._circuit.state

    @property
    def counter(self) -> int:
        """Failures in the window."""
        return self._circuit.failures(self._clock.monotonic())

    @property
    def success_counter(self) -> int:
        """Answered probes."""
        return self._circuit.answered

    @property  # type: ignore[misc]  # as above
    def opened_at(self) -> datetime | None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as above
        """When it opened, by the wall clock; None while it is closed."""
        if self._circuit.state == CLOSED:
            return None
        age = self._clock.monotonic() - self._circuit.opened_at
        return datetime.fromtimestamp(self._clock.time() - age, UTC)


class Mirror:
    """Keeps a circuit and a storage of pybreaker in step.

    The storage holds the state, the time of opening and the counters, so
    several breakers and processes can share it; a storage knows no window, so
    pybreaker's own rule counts: failures in a row. A storage that fails is
    logged, and the circuit goes on by itself: it must not add an outage of its
    own. Called with the breaker's lock held.

    Args:
        storage: Any `pybreaker.CircuitBreakerStorage`.
        clock: The wall clock that processes share.
    """

    __slots__ = ("_clock", "storage")

    def __init__(self, storage: pybreaker.CircuitBreakerStorage, clock: Clock) -> None:
        self.storage = storage
        self._clock = clock

    def state(self, circuit: Circuit) -> str:
        """Return the stored state; the local one if it cannot be read."""
        try:
            return self.storage.state
        except Exception:  # noqa: BLE001 - whatever the storage raises must not stop a call
            _log.exception("A breaker's storage failed; the local state is shown")
            return circuit.state

    def counter(self, circuit: Circuit, now: float) -> int:
        """Return the stored count; the local one if it cannot be read."""
        try:
            return self.storage.counter
        except Exception:  # noqa: BLE001 - whatever the storage raises must not stop a call
            _log.exception("A breaker's storage failed; the local count is shown")
            return circuit.failures(now)

    def pull(self, circuit: Circuit, now: float) -> Change | None:
        """Follow a change that somebody else made; return it."""
        try:
            state = self.storage.state
            if state == circuit.state or state not in _STATES:
                return None
            left = self._left(circuit) if state == OPEN else 0.0
        except Exception:  # noqa: BLE001 - whatever the storage raises must not stop a call
            _log.exception("A breaker's storage failed; the local state decides")
            return None
        if state == OPEN:
            return circuit.open(now, left)
        return circuit.close() if state == CLOSED else circuit.half_open()

    def push(self, change: Change | None) -> None:
        """Store a change of ours."""
        if change is None:
            return
        storage = self.storage
        try:
            if change.new == OPEN:
                storage.opened_at = self._now()
            elif change.new == CLOSED:
                storage.reset_counter()
            storage.reset_success_counter()
            storage.state = change.new
        except Exception:  # noqa: BLE001 - whatever the storage raises must not stop a call
            _log.exception("A breaker's storage failed; the change stays local")

    def failed(self) -> int | None:
        """Count a failure; return how many there are, None if nobody knows."""
        try:
            self.storage.increment_counter()
            count = self.storage.counter
        except Exception:  # noqa: BLE001 - whatever the storage raises must not stop a call
            _log.exception("A breaker's storage failed; the local window decides")
            return None
        return count

    def answered(self, circuit: Circuit) -> int:
        """Return the stored count of answers; the local one if it cannot be read."""
        try:
            return self.storage.success_counter
        except Exception:  # noqa: BLE001 - whatever the storage raises must not stop a call
            _log.exception("A breaker's storage failed; the local count is shown")
            return circuit.answered

    def succeeded(self, *, probe: bool) -> int | None:
        """Count a success: of a probe, or one that ends a row of failures.

        Returns:
            How many probes have answered; None if nobody knows, or it was none.
        """
        try:
            if probe:
                self.storage.increment_success_counter()
                return self.storage.success_counter
            self.storage.reset_counter()
        except Exception:  # noqa: BLE001 - whatever the storage raises must not stop a call
            _log.exception("A breaker's storage failed; a success was not noted")
        return None

    def _left(self, circuit: Circuit) -> float:
        opened = self.storage.opened_at
        if opened is None:
            return 0.0  # as in pybreaker: unknown is long ago
        if opened.tzinfo is None:
            opened = opened.replace(tzinfo=UTC)
        left = opened + timedelta(seconds=circuit.recovery()) - self._now()
        # A clock that is ahead elsewhere must not keep this one shut for longer.
        return min(max(0.0, left.total_seconds()), circuit.recovery())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)
