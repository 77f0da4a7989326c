"""What every pattern is made with: a home for what it keeps, a clock, hooks."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Hook


class Home(NamedTuple):
    """Where records of one kind are kept; at least one of the two stores is there.

    Args:
        name: Of the engine.
        blocking: The store for threads.
        awaiting: The store for event loops.
    """

    name: str
    blocking: Any
    awaiting: Any


def home_of(given: object, method: str, port: type, call: str) -> Home | None:
    """Return the stores of an engine, or the store that *given* is itself.

    Args:
        given: An engine or a store.
        method: Makes the engine's blocking store; the other one's begins with async_.
        port: What a store has, checked at run time.
        call: One of the port's methods; ``async def`` in a store for event loops.

    Returns:
        None: It is neither.
    """
    blocking, awaiting = _made_by(given, method), _made_by(given, f"async_{method}")
    if blocking is None and awaiting is None:
        if isinstance(given, type) or not isinstance(given, port):
            return None
        if inspect.iscoroutinefunction(getattr(given, call)):
            awaiting = given
        else:
            blocking = given
    name = str(getattr(given, "name", None) or type(given).__name__)
    return Home(name, blocking, awaiting)


def _made_by(given: object, method: str) -> object | None:
    make = None if isinstance(given, type) else getattr(given, method, None)
    return make() if callable(make) else None


def clock_of(where: str, home: object, clock: object) -> Clock:
    """Return *clock*, or else the engine's own, or else the machine's.

    Args:
        where: How an error begins.
        home: The engine.
        clock: What was given.

    Raises:
        ConfigurationError: *clock* is no clock.
    """
    if clock is None:
        clock = getattr(home, "clock", None)
        return clock if isinstance(clock, Clock) else SystemClock()
    if isinstance(clock, type) or not isinstance(clock, Clock):
        raise ConfigurationError(
            f"{where}: clock= takes a syncpatterns.clock.Clock, not {clock!r}."
        )
    return clock


def checked_hooks(where: str, hooks: object) -> tuple[Hook, ...]:
    """Return *hooks* as a tuple of functions.

    Args:
        where: How an error begins.
        hooks: What was given.

    Raises:
        ConfigurationError: One cannot be called, or it is no list.
    """
    if isinstance(hooks, Iterable) and not isinstance(hooks, str):
        found = tuple(cast("Iterable[Hook]", hooks))
        if all(callable(hook) for hook in found):
            return found
    raise ConfigurationError(
        f"{where}: hooks= takes a list of functions, not {hooks!r}."
    )
