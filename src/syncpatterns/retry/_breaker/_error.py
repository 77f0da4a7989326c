"""What a caller gets from a breaker that does not let it through."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import pybreaker

from syncpatterns.errors import CallRejected


class CircuitOpen(CallRejected, pybreaker.CircuitBreakerError):
    """The breaker is open: the service was not asked and nothing was done.

    A rejection is the cheap part of an outage, so it must be cheap itself:
    its text is made only when somebody reads it, and *name* and *retry_after*
    are its `args`, which also makes it picklable. A breaker makes it by
    `rejection`, which runs no Python code at all.

    Args:
        name: Name of the breaker, None if it has none.
        retry_after: Seconds until a call may be let through; infinity if
            the breaker is isolated.
    """

    problem = "circuit-open"
    title = "The service is not being asked for now. Nothing was done."

    def __init__(self, name: str | None = None, retry_after: float = 0.0) -> None:
        super().__init__()
        self.args = (name, retry_after)

    @property
    def name(self) -> str | None:
        """Name of the breaker."""
        return cast("str | None", self.args[0])

    @property
    def retry_after(self) -> float:
        """Seconds until a call may be let through."""
        return cast("float", self.args[1])

    @retry_after.setter
    def retry_after(self, seconds: float) -> None:
        self.args = (self.args[0], seconds)

    @property
    def facts(self) -> dict[str, Any]:
        """The breaker's name, and the seconds to wait unless it is isolated."""
        facts: dict[str, Any] = {"breaker": self.name}
        if math.isfinite(self.retry_after):
            facts["retry_after_s"] = round(self.retry_after, 3)
        return facts

    def __str__(self) -> str:
        name = "an unnamed circuit" if self.name is None else f"circuit {self.name!r}"
        if math.isinf(self.retry_after):
            return (
                f"The {name.removeprefix('an ')} is isolated by hand, so nothing was "
                "sent. It stays so until its breaker is reset."
            )
        return (
            f"The {name.removeprefix('an ')} is open after too many failures, so "
            f"nothing was sent. Try again in {self.retry_after:.3f} s."
        )


#: Makes a `CircuitOpen` of (CircuitOpen, name, seconds), as its constructor does.
rejection: Callable[[type[CircuitOpen], str | None, float], CircuitOpen] = (
    CircuitOpen.__new__
)
