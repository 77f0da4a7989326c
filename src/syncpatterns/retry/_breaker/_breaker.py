"""`CircuitBreaker`: construction, control and view of a breaker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal, NoReturn, SupportsIndex, cast

import pybreaker

from syncpatterns._forks import renewed_in_child
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import ConfigurationError
from syncpatterns.retry._breaker._compat import (
    BreakerCompat,
    hooks_of,
    listeners_of,
    matchers_of,
    recovery_of,
)
from syncpatterns.retry._breaker._core import CLOSED, OPEN, Change, Circuit
from syncpatterns.retry._breaker._events import (
    BreakerHook,
    BreakerSnapshot,
)
from syncpatterns.retry._breaker._pybreaker import Mirror
from syncpatterns.retry._breaker._rules import Growing, Rules
from syncpatterns.retry._breaker._verdicts import Matcher

_SYSTEM_CLOCK = SystemClock()


class CircuitBreaker(BreakerCompat):
    """Stop asking a service that is down; let one call at a time look again.

    Opens when *failures* calls have failed within *window* seconds and these
    were at least *min_rate* of the calls they span. While it is open every
    call is answered with `CircuitOpen` at once. After *recovery* seconds one
    probe is let through: its success closes the circuit, its failure opens it
    again. A probe holds a lease; one that hangs is replaced when that ends.

    It is a `pybreaker.CircuitBreaker`: listeners, storages, ``exclude``,
    ``current_state``, ``open()``, ``close()`` and the rest of its interface
    work. Unlike pybreaker it holds no lock while a call runs, guards async
    functions, and raises the caller's own error when it trips.

    ::

        sms = CircuitBreaker(name="sms")


        @sms
        async def send(message: Message) -> Receipt: ...

    The ideas: M. Nygard, "Release It!"; eras from sony/gobreaker, the minimum
    rate from Hystrix and resilience4j, isolation from Polly.

    Args:
        name: Label for errors, events and health; free of personal data.
        failures: How many failures open it (pybreaker: *fail_max*).
        window: Seconds in which they must fall. A failure exactly that old no
            longer counts.
        min_rate: Least share of failures among the calls between the first
            and the last of them, 0 to 1; 0 counts failures only.
        recovery: Seconds it stays open, or a `Growing` interval (pybreaker:
            *reset_timeout*).
        probes: Calls let through at a time while half open.
        successes: Answered probes that close it (*success_threshold*).
        probe_lease: Seconds after which a probe's place is given to another;
            None: the recovery time, at least 30.
        count: ``"calls"``: at most one failure vote per logical call, that of its
            first attempt, however often `Retry` repeats it; ``"attempts"``: one each,
            also for a breaker that only later attempts ask.
        exclude: Exceptions that mean the service has answered: classes, or
            functions of the exception. They count as successes.
        ignore: Exceptions that say nothing about the service. A `CallRejected`
            of another guard is always ignored, and so are cancellation,
            KeyboardInterrupt and every other BaseException.
        slow_call: Seconds from which an answer counts as a failure.
        listeners: pybreaker listeners. One that overrides only ``failure`` and
            ``state_change`` costs a successful call nothing.
        hooks: Called with a `BreakerChanged` after each change.
        clock: Where time comes from.
        state_storage: A pybreaker storage that shares state and counters. It
            has no window, so failures in a row count, and *window* and
            *min_rate* cannot be set.
        throw_new_error_on_trip: Raise `CircuitOpen` from the error that opened
            the circuit, as pybreaker does, instead of that error.
        fail_max: pybreaker's name of *failures*.
        reset_timeout: pybreaker's name of *recovery*.
        success_threshold: pybreaker's name of *successes*.

    Raises:
        ConfigurationError: A value can never work, or two say different things.
    """

    __slots__ = ()

    def __init__(  # noqa: PLR0913 - options, each keyword-only
        self,
        name: str | None = None,
        *,
        failures: int = 5,
        window: float = 60.0,
        min_rate: float = 0.5,
        recovery: float | Growing = 300.0,
        probes: int = 1,
        successes: int = 1,
        probe_lease: float | None = None,
        count: Literal["calls", "attempts"] = "calls",
        exclude: Iterable[Matcher] | Matcher | None = (),
        ignore: Iterable[Matcher] | Matcher | None = (),
        slow_call: float | None = None,
        listeners: Iterable[pybreaker.CircuitBreakerListener] | None = (),
        hooks: Iterable[BreakerHook] = (),
        clock: Clock | None = None,
        state_storage: pybreaker.CircuitBreakerStorage | None = None,
        throw_new_error_on_trip: bool = False,
        fail_max: int | None = None,
        reset_timeout: float | None = None,
        success_threshold: int | None = None,
    ) -> None:
        # pybreaker's own __init__ is not run: every attribute it would set is
        # answered here, and its states, storage and lists would more than
        # double the size of a breaker, of which there is one per host or tenant.
        if name is not None and not isinstance(cast("object", name), str):
            message = (
                f"name={name!r} is not a string. Unlike pybreaker's, the figures "
                "of this breaker are keywords: failures=5, recovery=60."
            )
            raise ConfigurationError(message)
        if cast("object", count) not in ("calls", "attempts"):
            message = f"count={count!r} must be 'calls' or 'attempts'."
            raise ConfigurationError(message)
        failures = _one_of("failures", failures, 5, "fail_max", fail_max)
        recovery = _one_of("recovery", recovery, 300.0, "reset_timeout", reset_timeout)
        successes = _one_of(
            "successes", successes, 1, "success_threshold", success_threshold
        )
        if state_storage is not None and (window, min_rate) != (60.0, 0.5):
            message = (
                "A state_storage counts failures in a row and knows no window; "
                "leave window= and min_rate= out, or the storage."
            )
            raise ConfigurationError(message)
        self._lock = threading.RLock()
        self._name = name
        self._clock: Clock = _SYSTEM_CLOCK if clock is None else clock
        given = cast("object", clock)
        if isinstance(given, type) or not hasattr(self._clock, "monotonic"):
            message = f"clock={clock!r} is no Clock: it has no monotonic()."
            raise ConfigurationError(message)
        self._monotonic = _monotonic_of(self._clock)
        self._circuit = Circuit(
            Rules(
                failures=failures,
                window=window,
                min_rate=min_rate,
                recovery=recovery_of(recovery),
                probes=probes,
                successes=successes,
                probe_lease=probe_lease,
                slow_call=slow_call,
            )
        )
        self._per_call = count == "calls"
        self._excluded_exceptions = matchers_of("exclude", exclude)
        self._ignored = matchers_of("ignore", ignore)
        self._listeners = listeners_of(listeners)
        self._hooks = hooks_of(hooks)
        self._throw_new_error_on_trip = throw_new_error_on_trip
        self._mirror = None
        if state_storage is not None:
            given = cast("object", state_storage)
            if isinstance(given, type) or not hasattr(given, "increment_counter"):
                message = (
                    f"state_storage={state_storage!r} is no pybreaker storage; try "
                    "pybreaker.CircuitMemoryStorage('closed')."
                )
                raise ConfigurationError(message)
            self._mirror = Mirror(state_storage, self._clock)
            self._mirror.pull(self._circuit, self._monotonic())
        self._look_at_listeners_needs_lock()
        renewed_in_child(self)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        # A shallow copy would share the circuit and not what is read of it
        # without the lock: it would go on calling when the other one is open.
        message = (
            "A CircuitBreaker cannot be copied or pickled: all who call one service "
            "share one object. Make it at import, once in each process."
        )
        raise TypeError(message)

    def _start_over(self) -> None:
        """Free the child of a fork from a lock that another thread held."""
        self._lock = threading.RLock()
        self._publish_needs_lock()

    # ----------------------------------------------------------------- control

    def isolate(self) -> None:
        """Let no call through until `reset`, for maintenance on the other side.

        Verdicts of calls under way no longer count. Listeners and hooks hear of it
        as of a circuit that opens, for ever. Of one that is open already hooks hear
        "open to open", as the time is another, and listeners, whom the state alone
        is told, nothing.
        """
        with self._lock:
            before = self._circuit.shown
            known = self._circuit.isolated
            self._settle(self._circuit.isolate)
            change = Change(before, OPEN, self._circuit.era)
        if known:
            return
        if before != OPEN:
            self._tell_listeners(change)
        self._tell_hooks(change)

    def reset(self) -> None:
        """End an isolation and close, whatever the state was."""
        self._tell(self._settle(self._circuit.reset))

    def disable(self) -> None:
        """Let every call through and count nothing until `enable`.

        An isolation stays in force.
        """
        self._settle(self._circuit.disable)

    def enable(self) -> None:
        """End `disable`: go on in the state it was in, with nothing counted."""
        self._settle(self._circuit.enable)

    # -------------------------------------------------------------------- view

    @property
    def retry_after(self) -> float:
        """Seconds until a call may be let through; 0 now, infinity if isolated.

        Asks a *state_storage*, as a call does, and tells what has changed there.
        """
        self._follow()
        with self._lock:
            return self._circuit.retry_after(self._monotonic())

    @property
    def is_idle(self) -> bool:
        """Whether it is closed and nobody has isolated or disabled it."""
        circuit = self._circuit
        overridden = circuit.isolated or circuit.disabled
        return self.current_state == CLOSED and not overridden

    def snapshot(self) -> BreakerSnapshot:
        """Return how the breaker stands at one moment, for a health page.

        Asks a *state_storage*, as a call does, and tells what has changed there.
        """
        seen = None
        with self._lock:
            circuit, now = self._circuit, self._monotonic()
            try:
                failures = self._count_needs_lock(now)
                seen = self._pull_needs_lock(now)
                if seen is not None:  # it was the count of the state before
                    failures = self._count_needs_lock(now)
            finally:
                self._publish_needs_lock()
            is_open = circuit.state != CLOSED
            shown = BreakerSnapshot(
                name=self._name,
                state=circuit.shown,
                failures=failures,
                window=circuit.rules.window,
                retry_after=circuit.retry_after(now),
                opened_at_age=now - circuit.opened_at if is_open else None,
                era=circuit.era,
                isolated=circuit.isolated,
                disabled=circuit.disabled,
                threshold=circuit.rules.failures,
            )
        self._tell(seen)
        return shown

    def __repr__(self) -> str:
        # For a log line or a debugger: a storage is not asked, nobody is told, and the
        # lock, which others hold while they ask a storage, is not waited for.
        circuit = self._circuit
        failures, rules = circuit.failures(self._monotonic()), circuit.rules
        mode = (
            " isolated" if circuit.isolated else " disabled" if circuit.disabled else ""
        )
        counted = (
            f"{failures} of {rules.failures} failures in {rules.window:g} s"
            if self._mirror is None
            else "as last heard of its storage"
        )
        return f"<CircuitBreaker {self._name!r}{mode} {circuit.shown}, {counted}>"


def _one_of(name: str, value: Any, default: Any, alias: str, other: Any) -> Any:
    if other is None:
        return value
    if value not in (default, other):  # a list, given by mistake, has no hash
        message = f"{name}={value!r} and {alias}={other!r} are the same figure."
        raise ConfigurationError(message)
    return other


def _monotonic_of(clock: Clock) -> Callable[[], float]:
    if type(clock) is SystemClock:
        return time.monotonic  # noqa: TID251 - what SystemClock reads, without a Python call per rejection
    return clock.monotonic
