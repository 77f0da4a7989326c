"""The figures of a circuit, checked when they are given."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final, cast

from syncpatterns.errors import ConfigurationError

#: Shortest default lease of a probe: one that lasts less than the call itself
#: could never close the circuit.
_SHORTEST_LEASE: Final = 30.0
_MAX_DOUBLINGS: Final = 1000


@dataclass(frozen=True, slots=True)
class Growing:
    """A recovery time that grows with each failed probe and resets on a close.

    Args:
        first: Seconds from the opening to the first probe.
        cap: Longest interval in seconds.
        factor: What each failed probe multiplies the interval by.

    Raises:
        ConfigurationError: A figure can never work.
    """

    first: float = 2.0
    cap: float = 300.0
    factor: float = 2.0

    def __post_init__(self) -> None:
        require_number("recovery: first", self.first, above=0.0)
        require_number("recovery: cap", self.cap, least=self.first)
        require_number("recovery: factor", self.factor, least=1.0)

    def interval(self, failed_probes: int) -> float:
        """Return the seconds to stay open after *failed_probes* in a row."""
        try:
            grown = self.first * self.factor ** min(failed_probes, _MAX_DOUBLINGS)
        except OverflowError:
            return self.cap
        return min(self.cap, grown)


@dataclass(frozen=True, slots=True)
class Rules:
    """The figures of a circuit, checked.

    Args:
        failures: How many failures open it.
        window: Seconds in which they must fall.
        min_rate: Least share of failures among the calls they span, 0 to 1.
        recovery: How long it stays open.
        probes: Calls let through at the same time while it is half open.
        successes: Answered probes that close it.
        probe_lease: Seconds a probe may take; None: as long as the circuit
            was open, at least 30.
        slow_call: Seconds from which an answer counts as a failure, or None.

    Raises:
        ConfigurationError: A figure can never work.
    """

    failures: int = 5
    window: float = 60.0
    min_rate: float = 0.5
    recovery: Growing = field(default_factory=lambda: Growing(300.0, 300.0))
    probes: int = 1
    successes: int = 1
    probe_lease: float | None = None
    slow_call: float | None = None

    def __post_init__(self) -> None:
        for name in ("failures", "probes", "successes"):
            require_count(name, getattr(self, name))
        require_number("window", self.window, above=0.0)
        require_number("min_rate", self.min_rate, most=1.0)
        for name in ("probe_lease", "slow_call"):
            value = getattr(self, name)
            if value is not None:
                require_number(name, value, above=0.0)

    def lease(self, failed_probes: int) -> float:
        """Return the seconds a probe may take."""
        if self.probe_lease is not None:
            return self.probe_lease
        return max(_SHORTEST_LEASE, self.recovery.interval(failed_probes))


def require_number(
    name: str,
    value: object,
    *,
    least: float = 0.0,
    most: float = math.inf,
    above: float | None = None,
) -> None:
    """Refuse what is no finite number in the range.

    Raises:
        ConfigurationError: It is not.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number:
        given = cast("float", value)
        if least <= given <= most and given < math.inf and given != above:
            return
    low = f"of at least {least:g}" if above is None else f"above {above:g}"
    high = "" if most == math.inf else f" and at most {most:g}"
    message = f"{name}={value!r} must be a finite number {low}{high}."
    raise ConfigurationError(message)


def require_count(name: str, value: Any) -> None:
    """Refuse what is no whole number of at least 1.

    Raises:
        ConfigurationError: It is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message = f"{name}={value!r} must be a whole number of at least 1."
        raise ConfigurationError(message)
