"""Rules of which at least one is a strategy of tenacity.

Imported, and tenacity with it, when the first such `Retry` is made.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, cast

from tenacity import RetryCallState, Retrying

from syncpatterns.clock import Clock
from syncpatterns.retry import _tenacity
from syncpatterns.retry._core import Progress
from syncpatterns.retry._rules import Strategies

#: What every state shows as its controller. Strategies may look at it; it
#: never runs anything, since the loop is ours.
_CONTROLLER = Retrying(reraise=True)


class TenacityRules(RetryCallState):
    """The state of one call, as strategies know it, and what our loop asks of it.

    tenacity's own constructor is not called: it would read the machine's clock.
    The outcome is made when somebody looks at it; most strategies do not.

    Args:
        strategies: What to ask.
        clock: Where time comes from.
        started: When the call began, on that clock.
        fn: The function; None for a block.
        args: Its arguments.
        kwargs: Its keyword arguments.
    """

    retry_object = _CONTROLLER
    next_action = None
    stop: Callable[[Progress, float], bool] | None = None
    #: The outcome, or what it will be made of.
    _seen: Any = None

    def __init__(  # pyright: ignore[reportMissingSuperCall]  # said above
        self,
        strategies: Strategies,
        clock: Clock,
        started: float,
        fn: Callable[..., Any] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.start_time = started
        self.fn: Any = fn
        self.args = args
        self.kwargs = kwargs
        self._strategies = strategies
        self._clock = clock

    def retryable(self, progress: Progress, error: Exception, /) -> bool:
        """Show the failure, then ask `on`."""
        self._show(progress, error, None)
        strategies = self._strategies
        on = strategies.on
        if on is None:
            named = isinstance(error, strategies.classes or ())
            return named or strategies.matches(error)
        return bool(on(self)) or _tenacity.is_try_again(error)

    def unwanted(self, progress: Progress, value: object, /) -> bool:
        """Show the returned *value*, then ask what judges it."""
        self._show(progress, None, value)
        result, on = self._strategies.result, self._strategies.on_value
        if result is not None and result(value):
            return True
        return on is not None and bool(on(self))

    def wait(self, progress: Progress, /) -> float:  # noqa: ARG002 - signature of Rules
        """Ask the wait strategy."""
        seconds = self._strategies.wait(self)
        if type(seconds) is float and 0.0 <= seconds < inf:
            return seconds
        return _tenacity.checked_seconds(seconds)

    @property
    def outcome(self) -> Any:
        """What the attempt gave; None before its end, and when all is decided."""
        seen = self._seen
        if type(seen) is tuple:
            made = _tenacity.Outcome(
                *cast("tuple[int, Exception | None, object]", seen)
            )
            seen = self._seen = made
        return seen

    @outcome.setter
    def outcome(self, value: Any) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]  # an attribute there
        self._seen = value

    def forget(self) -> None:
        """Drop the outcome: an error that is kept keeps its frames alive."""
        self._seen = None

    def _show(self, progress: Progress, error: Exception | None, value: object) -> None:
        self.attempt_number = attempt = progress.attempt
        self._seen = (attempt, error, value)
        self.idle_for = progress.slept
        self.upcoming_sleep = progress.previous
        self.outcome_timestamp = self._clock.monotonic() + progress.skipped


class StoppingRules(TenacityRules):
    """The same with a stop strategy; most stop after a number of attempts alone."""

    def stop(self, progress: Progress, upcoming: float, /) -> bool:  # noqa: ARG002 - signature of Rules  # pyright: ignore[reportIncompatibleVariableOverride]  # bound when it is asked for
        """Ask the stop strategy; it sees the sleep that would come."""
        stop = self._strategies.stop
        if stop is None:
            return False
        self.upcoming_sleep = upcoming
        return bool(stop(self))
