"""What `on`, `wait` and `stop` may be, and how each of them is asked.

Our own forms answer from a `Failure` directly. Anything else is a tenacity
strategy and is shown a real `tenacity.RetryCallState`. tenacity is imported
when the first such strategy is asked, that is after a failure.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from syncpatterns.clock import Clock
from syncpatterns.errors import ConfigurationError
from syncpatterns.retry._core import Failure, Rng, Rules
from syncpatterns.retry._waits import Wait

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from tenacity.retry import retry_base

Predicate: TypeAlias = Callable[[Exception], bool]
On: TypeAlias = "type[Exception] | tuple[type[Exception], ...] | Predicate | retry_base"
WaitStrategy: TypeAlias = "Wait | Callable[[RetryCallState], float]"
StopStrategy: TypeAlias = "Callable[[RetryCallState], bool]"

#: Strategies of tenacity that judge a returned value, which is never shown.
_JUDGES_RESULTS = (
    "retry_if_result",
    "retry_if_not_result",
    "retry_unless_exception_type",
)


@dataclass(frozen=True, slots=True)
class Strategies:
    """The checked strategies of one `Retry`.

    Args:
        classes: What an error must be an instance of, or None.
        predicate: A function of the error, or None.
        on: A tenacity retry strategy, or None; one of the three is given.
        wait: Ours or tenacity's.
        stop: tenacity's, or None.
    """

    classes: tuple[type[Exception], ...] | None
    predicate: Predicate | None
    on: Callable[[RetryCallState], bool] | None
    wait: WaitStrategy
    stop: StopStrategy | None

    @property
    def plain(self) -> bool:
        """Whether none of them needs tenacity's state."""
        return self.on is None and self.stop is None and isinstance(self.wait, Wait)

    def matches(self, error: Exception) -> bool:
        """Say whether `on`, in one of our own forms, names *error*."""
        if self.classes is not None:
            return isinstance(error, self.classes)
        return bool(self.predicate(error)) if self.predicate is not None else False


def strategies(on: object, wait: object, stop: object) -> Strategies:
    """Check what the user gave.

    Raises:
        ConfigurationError: It can never work, or not as the user means it.
    """
    if not callable(wait) or inspect.isclass(wait):
        message = f"wait={wait!r} is no wait strategy; try full_jitter(1, 4)."
        raise ConfigurationError(message)
    if stop is not None and (not callable(stop) or inspect.isclass(stop)):
        message = (
            f"stop={stop!r} is no stop strategy; pass one of tenacity's, "
            "or leave it out and set attempts."
        )
        raise ConfigurationError(message)
    for name, value in (("on", on), ("wait", wait), ("stop", stop)):
        _refuse_async(name, value)
    classes, predicate, strategy = _read_on(on)
    return Strategies(
        classes,
        predicate,
        strategy,
        cast("WaitStrategy", wait),
        cast("StopStrategy | None", stop),
    )


def _read_on(
    on: object,
) -> tuple[tuple[type[Exception], ...] | None, Predicate | None, Any]:
    if isinstance(on, tuple) or inspect.isclass(on):
        return _read_classes(cast("tuple[object, ...] | type", on)), None, None
    if _is_tenacity_retry(on):
        _refuse_results(on)
        return None, None, on
    if callable(on):
        return None, cast("Predicate", on), None
    message = (
        f"on={on!r} does not say what to retry. Pass an exception class, a tuple "
        "of them, a function of the exception, or a tenacity retry strategy."
    )
    raise ConfigurationError(message)


def _read_classes(on: tuple[object, ...] | type) -> tuple[type[Exception], ...]:
    classes = on if isinstance(on, tuple) else (on,)
    if not classes:
        message = "on=() retries nothing; name the exceptions to retry."
        raise ConfigurationError(message)
    for item in classes:
        if not (inspect.isclass(item) and issubclass(item, Exception)):
            message = (
                f"on= names {item!r}. Only subclasses of Exception are retried: "
                "cancellation, KeyboardInterrupt and SystemExit always pass."
            )
            raise ConfigurationError(message)
    return cast("tuple[type[Exception], ...]", classes)


def _is_tenacity_retry(on: object) -> bool:
    tenacity = sys.modules.get("tenacity")  # not imported: nobody can hold one
    return tenacity is not None and isinstance(on, tenacity.retry_base)


def _refuse_async(name: str, value: object) -> None:
    call = getattr(type(value), "__call__", None)  # noqa: B004 - the method itself is inspected
    if inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(call):
        message = (
            f"{name}= is an async function. A strategy decides at once, without "
            "waiting; a coroutine would count as true. Use a plain function."
        )
        raise ConfigurationError(message)


def _refuse_results(strategy: object) -> None:
    import tenacity  # noqa: PLC0415 - the strategy given has imported it already

    judges = tuple(getattr(tenacity, name) for name in _JUDGES_RESULTS)
    if isinstance(strategy, judges):
        message = (
            f"{type(strategy).__name__} judges the returned value, but strategies "
            "are asked only after a failure. Raise an exception for a result that "
            "should be retried, and name it in on=."
        )
        raise ConfigurationError(message)
    for part in getattr(strategy, "retries", ()):
        _refuse_async("on", part)
        _refuse_results(part)


class PlainRules:
    """Rules of our own forms; without state, shared by all calls."""

    __slots__ = ("_backoff", "_rng", "_strategies")

    def __init__(self, strategies: Strategies, wait: Wait, rng: Rng) -> None:
        self._strategies = strategies
        self._backoff = wait.backoff
        self._rng = wait.rng or rng

    def retryable(self, failure: Failure, /) -> bool:
        """Say whether `on` names the error."""
        return self._strategies.matches(failure.error)

    def wait(self, failure: Failure, /) -> float:
        """Return the backoff after this attempt."""
        return self._backoff.delay(failure.attempt, failure.previous, self._rng)

    def stop(self, failure: Failure, upcoming: float, /) -> bool:  # noqa: ARG002 - signature of Rules
        """Never stop: the number of attempts is limited elsewhere."""
        return False


class TenacityRules:
    """Rules of one call of which at least one needs tenacity's state."""

    __slots__ = ("_clock", "_rng", "_state", "_strategies")

    def __init__(
        self,
        strategies: Strategies,
        rng: Rng,
        clock: Clock,
        started: float,
        call: tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]],
    ) -> None:
        import tenacity  # noqa: PLC0415 - needed only after a failure

        self._strategies = strategies
        self._rng = rng
        self._clock = clock
        # A controller of our own that never runs: strategies may look at it.
        controller = tenacity.Retrying(reraise=True)
        state = tenacity.RetryCallState(controller, *call)
        state.start_time = started
        self._state = state

    def retryable(self, failure: Failure, /) -> bool:
        """Show the failure to the state, then ask `on`."""
        state, error = self._state, failure.error
        state.attempt_number = failure.attempt
        state.idle_for = failure.slept
        state.upcoming_sleep = failure.previous
        state.set_exception((type(error), error, error.__traceback__))
        state.outcome_timestamp = self._clock.monotonic()
        if self._strategies.on is not None:
            return bool(self._strategies.on(state))
        return self._strategies.matches(error)

    def wait(self, failure: Failure, /) -> float:
        """Ask the wait strategy."""
        wait = self._strategies.wait
        if isinstance(wait, Wait):
            rng = wait.rng or self._rng
            return wait.backoff.delay(failure.attempt, failure.previous, rng)
        return wait(self._state)

    def stop(self, failure: Failure, upcoming: float, /) -> bool:  # noqa: ARG002 - signature of Rules
        """Ask the stop strategy; it sees the sleep that would come."""
        self._state.upcoming_sleep = upcoming
        stop = self._strategies.stop
        return stop is not None and bool(stop(self._state))

    def forget(self) -> None:
        """Drop the failure: an error that is kept keeps its frames alive."""
        self._state.outcome = None


__all__ = [
    "On",
    "PlainRules",
    "Rules",
    "StopStrategy",
    "Strategies",
    "TenacityRules",
    "WaitStrategy",
    "strategies",
]
