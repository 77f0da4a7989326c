"""What `on`, `wait`, `stop` and `result` may be, and how each of them is asked.

Our own forms answer from the error directly. Anything else is a tenacity
strategy and is shown tenacity's state.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from syncpatterns.clock import Clock
from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import _tenacity
from syncpatterns.retry._backoff import drawer
from syncpatterns.retry._core import Progress, Rng, Rules
from syncpatterns.retry._waits import Wait

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from tenacity.retry import retry_base

Predicate: TypeAlias = Callable[[Exception], bool]
On: TypeAlias = "type[Exception] | tuple[type[Exception], ...] | Predicate | retry_base"
WaitStrategy: TypeAlias = "Wait | Callable[[RetryCallState], float]"
StopStrategy: TypeAlias = "Callable[[RetryCallState], bool]"
ResultPredicate: TypeAlias = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Strategies:
    """The checked strategies of one `Retry`.

    Args:
        classes: What an error must be an instance of, or None.
        predicate: A function of the error, or None.
        on: A tenacity retry strategy, or None; one of the three is given.
        wait: Ours or tenacity's.
        stop: tenacity's, or None.
        result: A function that says which returned values are not wanted.
        judging: Whether any of them judges returned values.
    """

    classes: tuple[type[Exception], ...] | None
    predicate: Predicate | None
    on: Callable[[RetryCallState], bool] | None
    wait: WaitStrategy
    stop: StopStrategy | None
    result: ResultPredicate | None
    judging: bool

    @property
    def plain(self) -> bool:
        """Whether none of them needs tenacity's state."""
        return self.on is None and self.stop is None and isinstance(self.wait, Wait)

    def matches(self, error: Exception) -> bool:
        """Say whether `on`, in one of our own forms, names *error*."""
        if self.classes is not None:
            named = isinstance(error, self.classes)
        else:
            named = self.predicate is not None and bool(self.predicate(error))
        return named or _tenacity.is_try_again(error)


def strategies(on: object, wait: object, stop: object, result: object) -> Strategies:
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
    if result is not None and not callable(result):
        message = (
            f"result={result!r} is no function of the returned value that says "
            "whether to try again."
        )
        raise ConfigurationError(message)
    given = (("on", on), ("wait", wait), ("stop", stop), ("result", result))
    for name, value in given:
        _tenacity.refuse_async(name, value)
    classes, predicate, strategy = _read_on(on, empty=result is not None)
    judging = strategy is not None and _tenacity.judges_results(strategy)
    return Strategies(
        classes,
        predicate,
        strategy,
        cast("WaitStrategy", wait),
        cast("StopStrategy | None", stop),
        cast("ResultPredicate | None", result),
        judging or result is not None,
    )


def _read_on(
    on: object, *, empty: bool
) -> tuple[tuple[type[Exception], ...] | None, Predicate | None, Any]:
    if isinstance(on, tuple) or inspect.isclass(on):
        classes = cast("tuple[object, ...] | type", on)
        return _read_classes(classes, empty=empty), None, None
    if _tenacity.is_retry_strategy(on):
        return None, None, on
    if callable(on):
        return None, cast("Predicate", on), None
    message = (
        f"on={on!r} does not say what to retry. Pass an exception class, a tuple "
        "of them, a function of the exception, or a tenacity retry strategy."
    )
    raise ConfigurationError(message)


def _read_classes(
    on: tuple[object, ...] | type, *, empty: bool
) -> tuple[type[Exception], ...]:
    classes = on if isinstance(on, tuple) else (on,)
    if not classes and not empty:
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


class PlainRules:
    """Rules of our own forms; without state, shared by all calls."""

    __slots__ = ("_classes", "_draw", "_strategies")

    def __init__(self, strategies: Strategies, wait: Wait, rng: Rng) -> None:
        self._strategies = strategies
        self._classes = strategies.classes or ()
        self._draw = drawer(wait.backoff, wait.rng or rng)

    def retryable(self, progress: Progress, error: Exception, /) -> bool:  # noqa: ARG002 - signature of Rules
        """Say whether `on` names the error."""
        return isinstance(error, self._classes) or self._strategies.matches(error)

    def unwanted(self, progress: Progress, value: object, /) -> bool:  # noqa: ARG002 - as TenacityRules
        """Say whether the returned *value* is a reason to try again."""
        result = self._strategies.result
        return result is not None and bool(result(value))

    def wait(self, progress: Progress, /) -> float:
        """Return the backoff after this attempt."""
        return self._draw(progress.attempt, progress.previous)

    def stop(self, progress: Progress, upcoming: float, /) -> bool:  # noqa: ARG002 - signature of Rules
        """Never stop: the number of attempts is limited elsewhere."""
        return False

    def forget(self) -> None:
        """Do nothing: nothing was kept."""


class TenacityRules:
    """Rules of one call of which at least one needs tenacity's state."""

    __slots__ = ("_clock", "_rng", "_state", "_strategies")

    def __init__(
        self,
        strategies: Strategies,
        rng: Rng,
        clock: Clock,
        started: float,
        call: tuple[Callable[..., Any] | None, tuple[Any, ...], Mapping[str, Any]],
    ) -> None:
        self._strategies = strategies
        self._rng = rng
        self._clock = clock
        self._state = _tenacity.new_state(started, call)

    def retryable(self, progress: Progress, error: Exception, /) -> bool:
        """Show the failure to the state, then ask `on`."""
        state, on = self._state, self._strategies.on
        _tenacity.show(state, progress, self._clock.monotonic(), error)
        if on is None:
            return self._strategies.matches(error)
        return bool(on(state)) or _tenacity.is_try_again(error)

    def unwanted(self, progress: Progress, value: object, /) -> bool:
        """Show the returned *value* to the state, then ask what judges it."""
        result, on = self._strategies.result, self._strategies.on
        if result is not None and result(value):
            _tenacity.show(self._state, progress, self._clock.monotonic(), None, value)
            return True
        if on is None or not self._strategies.judging:
            return False
        _tenacity.show(self._state, progress, self._clock.monotonic(), None, value)
        return bool(on(self._state))

    def wait(self, progress: Progress, /) -> float:
        """Ask the wait strategy."""
        wait = self._strategies.wait
        if isinstance(wait, Wait):
            rng = wait.rng or self._rng
            return wait.backoff.delay(progress.attempt, progress.previous, rng)
        return _tenacity.checked_seconds(wait(self._state))

    def stop(self, progress: Progress, upcoming: float, /) -> bool:  # noqa: ARG002 - signature of Rules
        """Ask the stop strategy; it sees the sleep that would come."""
        self._state.upcoming_sleep = upcoming
        stop = self._strategies.stop
        return stop is not None and bool(stop(self._state))

    def forget(self) -> None:
        """Drop the outcome: an error that is kept keeps its frames alive."""
        self._state.outcome = None


__all__ = [
    "On",
    "PlainRules",
    "ResultPredicate",
    "Rules",
    "StopStrategy",
    "Strategies",
    "TenacityRules",
    "WaitStrategy",
    "strategies",
]
