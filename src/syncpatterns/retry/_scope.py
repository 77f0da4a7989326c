"""The time that the cancel scopes around a task leave it, on asyncio and trio."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from sys import modules

from anyio import current_effective_deadline, current_time, lowlevel  # noqa: TID251 - scopes keep the time of the loop, on no other clock


def left() -> float:
    """Return the seconds until an enclosing cancel scope fires.

    Infinity outside of a task; minus infinity where a scope is cancelled.
    """
    try:
        # Every retry in a task asks. Half of anyio's answer is finding out which
        # event loop runs; where nobody imported trio, there is nothing to find out.
        # Where somebody did, asyncio may even be the host of trio's guest mode.
        at = current_effective_deadline() if "trio" in modules else _on_asyncio()
    except RuntimeError:  # no event loop runs in this thread
        return inf
    if at == inf:
        return inf
    return at if at == -inf else at - current_time()


def _ask_asyncio() -> float:
    """Answer as anyio's side of asyncio does, and call it directly from then on."""
    global _on_asyncio  # noqa: PLW0603 - to look it up takes as long as the answer
    backend = getattr(lowlevel.current_token(), "backend_class", None)
    ask = getattr(backend, "current_effective_deadline", current_effective_deadline)
    _on_asyncio = ask
    return ask()


_on_asyncio: Callable[[], float] = _ask_asyncio
