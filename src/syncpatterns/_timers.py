"""Clocks that can call back: a fake clock does, the machine's does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from syncpatterns.clock import Clock

CallLater: TypeAlias = Callable[[float, Callable[[], object]], Callable[[], None]]


def timers_of(clock: Clock) -> CallLater | None:
    """Return the clock's ``call_later(seconds, callback) -> cancel``, if it has one.

    What waits on such a clock needs no thread that sleeps on it, and is done
    when the clock's `advance` returns.
    """
    call_later: CallLater | None = getattr(clock, "call_later", None)
    return call_later
