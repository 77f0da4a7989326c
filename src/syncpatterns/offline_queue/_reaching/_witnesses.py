"""Who can say how a target is: a probe that looks, and a breaker that has seen it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Probe(Protocol):
    """Asks whether a target is there."""

    def probe(self) -> bool:
        """Answer on this thread."""
        ...

    async def aprobe(self) -> bool:
        """Answer on the running event loop, without blocking it."""
        ...


class Gate(Protocol):
    """Who may say that a target is not to be asked: a `CircuitBreaker`."""

    @property
    def retry_after(self) -> float:
        """Seconds until a call may be let through; infinity if nobody knows."""
        ...

    @property
    def current_state(self) -> str:
        """``closed``, or anything else while only one may ask."""
        ...
