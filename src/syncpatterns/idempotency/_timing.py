"""When to ask again and when to give up, as pure functions; all in seconds."""

from __future__ import annotations

from typing import Final

#: A waiter asks the store first after this pause, then after twice as long ...
POLL_FIRST: Final = 0.020
#: ... up to this one.
POLL_LAST: Final = 0.250

#: How long a caller waits for the call that has its key.
PATIENCE: Final = 5.0

#: A result that the store did not take is offered again for this long.
RECORD_PATIENCE: Final = 5.0

#: Part of the lease after which its owner believes it lost. Below 1, so that
#: the owner has stopped before the store gives the key to somebody else.
GIVE_UP: Final = 0.95


def poll_pause(tries: int, lease_left: float, remaining: float) -> float | None:
    """Return how long to wait before asking the store again; None: give up.

    Args:
        tries: How often it was asked already.
        lease_left: After this the key is free to take, if nobody renews.
        remaining: What is left of the caller's patience.
    """
    if remaining <= 0:
        return None
    # A millisecond past the lease: asked at the very end it may be a rounding
    # error early, and the next pause would be one rounding error long.
    pause = min(POLL_FIRST * 2.0 ** min(tries, 16), POLL_LAST, lease_left + 0.001)
    return min(pause, remaining)


def record_pause(tries: int, now: float, deadline: float) -> float | None:
    """Return how long to wait before storing the result again; None: give up."""
    pause = min(0.05 * 2.0 ** min(tries, 16), 1.0)
    return pause if now + pause < deadline else None


def ask_again_after(lease_left: float, patience: float) -> float:
    """Return a Retry-After: no longer than the lease, nor than a wait in here."""
    return max(1.0, min(lease_left, max(patience, 1.0)))
