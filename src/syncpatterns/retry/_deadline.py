"""Until when: a deadline that reaches every call below it.

A caller who has two seconds gains nothing from a retry in four. So the time
left travels with the call, in a context variable, and whoever would sleep or
ask a server can see how much there is. The idea is Go's context deadline and
gRPC's, which cover all attempts of a call together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from sys import modules
from types import TracebackType
from typing import TypeVar

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import ConfigurationError

T = TypeVar("T")

#: On asyncio nobody can have made a cancel scope before this was imported.
ANYIO_BACKEND = "anyio._backends._asyncio"

#: The clock of every deadline and `Retry` that was not given another.
SYSTEM_CLOCK = SystemClock()


class Deadline:
    """A moment on a clock, or the nearest of several on different clocks.

    Args:
        clock: Whose monotonic time counts.
        at: The moment, in seconds of that clock.
        outer: The deadline around it, on another clock, or None.
    """

    __slots__ = ("at", "clock", "outer")

    def __init__(self, clock: Clock, at: float, outer: Deadline | None) -> None:
        self.clock = clock
        self.at = at
        self.outer = outer

    def left(self) -> float:
        """Return the seconds until then; negative when it has passed."""
        left = self.at - self.clock.monotonic()
        return left if self.outer is None else min(left, self.outer.left())


#: The deadline of the running call, set by `deadline` and by ``timeout=``.
current: ContextVar[Deadline | None] = ContextVar("syncpatterns_deadline", default=None)


class DeadlineScope:
    """A ``with`` block whose calls have until *seconds* from its beginning."""

    __slots__ = ("_clock", "_seconds", "_token")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._token: Token[Deadline | None] | None = None

    def __enter__(self) -> None:
        at = self._clock.monotonic() + self._seconds
        self.enter_until(at)

    def enter_until(self, at: float) -> None:
        """Enter with the moment *at* of the clock instead of a duration."""
        clock, outer = self._clock, current.get()
        if outer is not None and outer.clock is clock:
            at, outer = min(at, outer.at), outer.outer  # can only shorten
        self._token = current.set(Deadline(clock, at, outer))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            restore(current, token)


def restore(variable: ContextVar[T], token: Token[T]) -> None:
    """Give *variable* the value from before, where it was changed.

    A task that is still waiting when its loop is closed is closed by the garbage
    collector, in whatever context that runs in, which never saw the change. To
    say so would take the place of the GeneratorExit that closes it, and an outer
    circuit breaker would count a failure.
    """
    with suppress(ValueError):
        variable.reset(token)


def deadline(seconds: float, *, clock: Clock | None = None) -> DeadlineScope:
    """Give everything in the ``with`` block *seconds*, retries and sleeps included.

    A `Retry` inside does not begin a sleep that would end later: its caller
    gets the attempt's own error at once. Nothing that runs is interrupted; for
    that use a cancel scope, or pass `remaining` to your client as its time-out.
    A block inside a block can only shorten the time. The block may hold sync
    and async code; tasks started in it inherit the deadline.

    ::

        with deadline(2.0):
            reserve(order)

    Args:
        seconds: How long; zero or less is a deadline that has passed, infinity
            adds none.
        clock: Where time comes from.

    Raises:
        ConfigurationError: *seconds* is no number; or, on entry, the block is
            entered already: each ``with`` needs one of its own.
    """
    given: object = seconds
    number = isinstance(given, (int, float)) and not isinstance(given, bool)
    if not number or math.isnan(seconds):
        message = f"deadline({seconds!r}): give a number of seconds."
        raise ConfigurationError(message)
    return _Block(SYSTEM_CLOCK if clock is None else clock, seconds)


class _Block(DeadlineScope):
    """A `DeadlineScope` in the user's hands, who may enter it while it is entered."""

    __slots__ = ()

    def enter_until(self, at: float) -> None:
        # It would lose what was before, and the deadline would never end.
        if self._token is not None:
            message = (
                "This deadline block is entered already, here or in another thread "
                "or task. Write `with deadline(seconds):` in each place."
            )
            raise ConfigurationError(message)
        super().enter_until(at)


def remaining() -> float:
    """Return the seconds left for the running call: zero or more, or infinity.

    That is the least of every `deadline` around it, of the ``timeout=`` of a
    `Retry` around it, and, in a task, of its anyio or trio cancel scopes.
    """
    return left_until(current.get())


def left_until(until: Deadline | None) -> float:
    """Return the seconds left, were *until* the deadline; cancel scopes count too."""
    left = math.inf if until is None else until.left()
    return max(0.0, min(left, scope_left()))


@contextmanager
def exactly(until: Deadline | None) -> Generator[None]:
    """Put *until* in the place of the deadline, also where it is later or none."""
    token = current.set(until)
    try:
        yield
    finally:
        restore(current, token)


def in_scopes() -> bool:
    """Say whether there can be a cancel scope around the running code."""
    if ANYIO_BACKEND in modules:
        return True
    ask = getattr(modules.get("trio.lowlevel"), "in_trio_task", None)
    return ask is not None and bool(ask())


def _before_anyio() -> float:
    """Answer while there can be no scope; at the first that can be, import anyio."""
    global scope_left  # noqa: PLW0603 - the import statement alone costs half a retry
    if not in_scopes():
        return math.inf
    from syncpatterns.retry._scope import left  # noqa: PLC0415 - as above

    scope_left = left
    return left()


#: Seconds until the task's own cancel scopes end it; infinity where there are none.
scope_left: Callable[[], float] = _before_anyio
