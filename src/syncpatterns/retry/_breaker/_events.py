"""What a breaker tells: its changes as facts, its state as a snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """A breaker went from one state to another.

    Facts of two threads may arrive in either order; the one with the higher
    *era* is the later one.

    Args:
        name: Name of the breaker, or None.
        old: ``closed``, ``open`` or ``half-open``.
        new: The same. If it is *old*, only the time is another: an open breaker was
            isolated, or opened again by hand.
        retry_after: Seconds until a call may be let through, 0 if it may now.
        era: Number of changes of this breaker so far.
    """

    name: str | None
    old: str
    new: str
    retry_after: float
    era: int


#: Called with each fact, after the change and outside every lock.
BreakerHook: TypeAlias = Callable[[BreakerChanged], object]


@dataclass(frozen=True, slots=True)
class BreakerSnapshot:
    """How a breaker stands, for a health page; holds nothing of any call.

    Args:
        name: Name of the breaker, or None.
        state: ``closed``, ``open`` or ``half-open``; ``open`` while isolated.
        failures: Failures in the window; once open, those that opened it.
        window: Seconds of the window.
        retry_after: Seconds until a call may be let through; 0 if it may now,
            infinity while isolated.
        opened_at_age: Seconds since it opened; None while it is closed.
        era: Number of changes so far.
        isolated: Somebody has isolated it.
        disabled: Somebody has disabled it: every call passes.
        threshold: How many failures open it.
    """

    name: str | None
    state: str
    failures: int
    window: float
    retry_after: float
    opened_at_age: float | None
    era: int
    isolated: bool
    disabled: bool
    threshold: int
