"""What `on`, `wait`, `stop` and `result` may be, and how each of them is asked.

Our own forms answer from the error directly. Anything else is a tenacity
strategy and is shown tenacity's state.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    NoReturn,
    Self,
    SupportsIndex,
    TypeAlias,
    cast,
)

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import _tenacity
from syncpatterns.retry._backoff import drawer
from syncpatterns.retry._core import Progress, Rng, Rules
from syncpatterns.retry._waits import SCHEDULES, Wait

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
        on_value: What of *on* judges returned values, or None.
        allowed: Attempts that a tenacity stop strategy allows, if it says just
            that; it is not asked then.
    """

    classes: tuple[type[Exception], ...] | None
    predicate: Predicate | None
    on: Callable[[RetryCallState], bool] | None
    wait: WaitStrategy
    stop: StopStrategy | None
    result: ResultPredicate | None
    on_value: Callable[[RetryCallState], bool] | None
    allowed: float | None

    @property
    def plain(self) -> bool:
        """Whether none of them needs tenacity's state."""
        return self.on is None and self.stop is None and isinstance(self.wait, Wait)

    @property
    def judging(self) -> bool:
        """Whether any of them judges returned values."""
        return self.on_value is not None or self.result is not None

    def matches(self, error: Exception) -> bool:
        """Say whether `on`, in one of our own forms, names *error*."""
        if self.classes is not None:
            named = isinstance(error, self.classes)
        else:
            named = self.predicate is not None and bool(self.predicate(error))
        return named or _tenacity.is_try_again(error)


def strategies(
    on: object, wait: object, stop: object, result: object, rng: Rng
) -> Strategies:
    """Check what the user gave; a wait of ours without a generator gets *rng*.

    Raises:
        ConfigurationError: It can never work, or not as the user means it.
    """
    uncalled = any(wait is each for each in SCHEDULES)
    if uncalled or not callable(wait) or inspect.isclass(wait):
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
    if isinstance(wait, Wait) and wait.rng is None:
        wait = Wait(wait.backoff, rng)
    classes, predicate, strategy = _read_on(on, empty=result is not None)
    allowed = _tenacity.as_attempts(stop)
    on_value = None if strategy is None else _tenacity.judge_of(strategy)
    return Strategies(
        classes,
        predicate,
        strategy,
        cast("WaitStrategy", wait),
        None if allowed is not None else cast("StopStrategy | None", stop),
        cast("ResultPredicate | None", result),
        on_value,
        allowed,
    )


def _read_on(
    on: object, *, empty: bool
) -> tuple[tuple[type[Exception], ...] | None, Predicate | None, Any]:
    if isinstance(on, tuple) or inspect.isclass(on):
        classes = cast("tuple[object, ...] | type", on)
        return _read_classes(classes, empty=empty), None, None
    if _tenacity.is_retry_strategy(on):
        named = _tenacity.as_classes(on)
        return named, None, on if named is None else None
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

    __slots__ = ("_classes", "_strategies", "stop", "wait")

    _classes: type[Exception] | tuple[type[Exception], ...]
    wait: Callable[[Progress], float]
    stop: Callable[[Progress, float], bool] | None

    def __init__(self, strategies: Strategies, wait: Wait, rng: Rng) -> None:
        self._strategies = strategies
        named = strategies.classes or ()
        # To look into a tuple takes twice as long, and most name one class.
        self._classes = named[0] if len(named) == 1 else named
        self.wait = drawer(wait.backoff, wait.rng or rng)
        self.stop = None

    def retryable(self, progress: Progress, error: Exception, /) -> bool:  # noqa: ARG002 - signature of Rules
        """Say whether `on` names the error."""
        return isinstance(error, self._classes) or self._strategies.matches(error)

    def unwanted(self, progress: Progress, value: object, /) -> bool:  # noqa: ARG002 - as TenacityRules
        """Say whether the returned *value* is a reason to try again."""
        result = self._strategies.result
        return result is not None and bool(result(value))

    def forget(self) -> None:
        """Do nothing: nothing was kept."""

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        message = (
            "A Retry cannot be pickled: it holds functions, and jitter that would be "
            "in step with its copy's. Make it at import, once in each process."
        )
        raise TypeError(message)


__all__ = [
    "On",
    "PlainRules",
    "ResultPredicate",
    "Rules",
    "StopStrategy",
    "Strategies",
    "WaitStrategy",
    "strategies",
]
