"""The time that the cancel scopes around a task leave it, on asyncio and trio."""

from __future__ import annotations

import math

from anyio import current_effective_deadline, current_time  # noqa: TID251 - scopes keep the time of the loop, on no other clock


def left() -> float:
    """Return the seconds until an enclosing cancel scope fires.

    Infinity outside of a task; minus infinity where a scope is cancelled.
    """
    try:
        at = current_effective_deadline()
    except RuntimeError:  # no event loop runs in this thread
        return math.inf
    return at - current_time() if math.isfinite(at) else at
