"""A token bucket that never waits: it says how long the caller would have to."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Bucket:
    """So many a second, with room for a burst.

    Args:
        rate: Tokens a second.
        burst: Tokens that can be saved up; at least 1.
        now: A clock in seconds that never goes back.

    Raises:
        ValueError: A figure makes no sense.
    """

    def __init__(self, rate: float, burst: float, now: Callable[[], float]) -> None:
        if not 0 < rate < float("inf") or not 1 <= burst < float("inf"):
            raise ValueError(
                f"rate must be above 0 and burst at least 1, not {rate!r}, {burst!r}"
            )
        self.rate = rate
        self._burst = burst
        self._now = now
        self._tokens = burst
        self._at = now()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take one token; return 0, or the seconds until there will be one."""
        with self._lock:
            now = self._now()
            grown = self._tokens + max(0.0, now - self._at) * self.rate
            self._tokens = min(self._burst, grown)
            self._at = now
            if self._tokens >= 1:
                self._tokens -= 1
                return 0.0
            return (1 - self._tokens) / self.rate
