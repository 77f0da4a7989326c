"""What we know of tenacity's strategies without importing tenacity.

A strategy is a function of tenacity's `RetryCallState`. The outcome in it is a
light object of our own: tenacity's is a future, made for threads that wait for
it, and costs more than all the rest of a retry.
"""

from __future__ import annotations

import inspect
import math
import sys
from typing import Any, cast

from syncpatterns._functions import is_async
from syncpatterns.errors import ConfigurationError

#: Strategies that say no to every returned value, so it need not be shown.
_SEE_ONLY_ERRORS = frozenset(
    {
        "_retry_always",  # as `on`: every Exception; a value is never "again"
        "_retry_never",
        "retry_if_exception",
        "retry_if_exception_cause_type",
        "retry_if_exception_message",
        "retry_if_exception_type",
        "retry_if_not_exception_type",
    }
)

#: Where tenacity's classes, of `tenacity.asyncio` too, keep what they ask.
_COMBINATIONS = {
    "retry_all": "retries",
    "retry_any": "retries",
    "stop_all": "stops",
    "stop_any": "stops",
}
_PREDICATES = {
    "retry_if_exception": "predicate",
    "retry_if_not_result": "predicate",
    "retry_if_result": "predicate",
}


class Outcome:
    """What an attempt gave, with the methods of `tenacity.Future`."""

    __slots__ = ("_error", "_value", "attempt_number")

    def __init__(self, attempt: int, error: Exception | None, value: object) -> None:
        self.attempt_number = attempt
        self._error = error
        self._value = value

    @property
    def failed(self) -> bool:
        """Whether the attempt raised."""
        return self._error is not None

    def exception(self, timeout: float | None = None) -> Exception | None:  # noqa: ARG002 - a future's signature
        """Return what it raised, or None."""
        return self._error

    def result(self, timeout: float | None = None) -> Any:  # noqa: ARG002 - a future's signature
        """Return the value, or raise what the attempt raised."""
        if self._error is not None:
            raise self._error
        return self._value

    def done(self) -> bool:
        """Say yes: an attempt is shown when it has ended."""
        return True

    def cancelled(self) -> bool:
        """Say no: a cancelled attempt is never shown."""
        return False


def is_retry_strategy(on: object) -> bool:
    """Say whether *on* is one of tenacity's, or a subclass of theirs."""
    tenacity = sys.modules.get("tenacity")  # not imported: nobody can hold one
    return tenacity is not None and isinstance(on, tenacity.retry_base)


def is_try_again(error: Exception) -> bool:
    """Say whether *error* is tenacity's demand for another attempt."""
    tenacity = sys.modules.get("tenacity")
    return tenacity is not None and isinstance(error, tenacity.TryAgain)


def judge_of(strategy: object) -> Any:
    """Return what of a retry strategy judges returned values; None: nothing does.

    Of an `|` those parts that do: `retry_always`, which is for errors here, would
    have every value again. All of an `&` must say yes, so one part that sees only
    errors settles it. Of a class that we do not know we must assume that it looks.
    """
    import tenacity  # noqa: PLC0415 - whoever holds a strategy has imported it

    kind = type(strategy)
    if kind is tenacity.retry_any:
        found = [judge_of(part) for part in parts(strategy)]
        judges = [each for each in found if each is not None]
        return tenacity.retry_any(*judges) if judges else None
    if kind is tenacity.retry_all:
        others = [p for p in parts(strategy) if p is not tenacity.retry_always]
        found = [judge_of(part) for part in others]
        return tenacity.retry_all(*found) if found and None not in found else None
    known = kind.__module__ == "tenacity.retry" and kind.__name__ in _SEE_ONLY_ERRORS
    return None if known else strategy


def parts(strategy: object) -> tuple[object, ...]:
    """Return what a combination of tenacity's strategies is made of."""
    found = _attribute(strategy, _COMBINATIONS)
    return cast("tuple[object, ...]", found) if isinstance(found, tuple) else ()


def _attribute(strategy: object, names: dict[str, str]) -> object:
    """Return what a class of tenacity's, or a subclass of it, keeps by its name.

    Of any other class an attribute of that name means something else: the stops of
    a tram line, three of them.
    """
    for kind in type(strategy).__mro__:
        if kind.__module__.startswith("tenacity.") and kind.__name__ in names:
            return getattr(strategy, names[kind.__name__], None)
    return None


def as_classes(on: object) -> tuple[type[Exception], ...] | None:
    """Return the classes that the plainest strategy names, which need no state."""
    import tenacity  # noqa: PLC0415 - as above

    if type(on) is not tenacity.retry_if_exception_type:
        return None
    named: Any = on.exception_types
    several = isinstance(named, tuple)
    classes = cast("tuple[object, ...]", named if several else (named,))
    if not all(inspect.isclass(item) for item in classes):  # a union, or nested
        return None
    return cast("tuple[type[Exception], ...]", classes)


def as_attempts(stop: object) -> float | None:
    """Return the number of attempts that the plainest stop strategy allows."""
    tenacity = sys.modules.get("tenacity")
    if tenacity is None or type(stop) is not tenacity.stop_after_attempt:
        return None
    most: object = cast("Any", stop).max_attempt_number
    return most if isinstance(most, (int, float)) else None


def refuse_async(name: str, value: object) -> None:
    """Refuse a coroutine function: alone, as a predicate, or in a combination.

    Raises:
        ConfigurationError: A coroutine would count as true.
    """
    if is_async(value) or is_async(_attribute(value, _PREDICATES)):
        message = (
            f"{name}= is, or asks, an async function. A strategy decides at once, "
            "without waiting; a coroutine would count as true. Use a plain function."
        )
        raise ConfigurationError(message)
    for part in parts(value):
        refuse_async(name, part)


def checked_seconds(seconds: object) -> float:
    """Return what a wait strategy answered.

    Raises:
        ConfigurationError: It is no usable number of seconds.
    """
    if isinstance(seconds, (int, float)) and 0.0 <= seconds < math.inf:
        return float(seconds)
    message = (
        f"A wait strategy answered {seconds!r}. It must return the seconds to "
        "wait, zero or more and finite."
    )
    raise ConfigurationError(message)
