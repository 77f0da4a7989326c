"""`RetryBudget`: how much retrying a dependency is spared when it is down.

Backoff spreads the retries of an outage in time; only a budget makes them
fewer. Five attempts a call are five times the load on a server that is down
because of its load, and it stays down when the cause has passed. The idea is
the retry quota of the AWS SDKs and the retry throttling of gRPC (proposal A6).
"""

from __future__ import annotations

import math
import threading
from typing import SupportsIndex, cast

from syncpatterns._forks import renewed_in_child
from syncpatterns.errors import ConfigurationError

_ROUNDING = 1e-9  # ten deposits of .1 are .9999999999999999 and pay for one retry


class RetryBudget:
    """Tokens for retries: each costs one, each success brings back a part.

    While most calls succeed it is full and stops nothing. In an outage the
    tokens run out and every call gets one attempt, until calls succeed again.
    One object may be shared by any number of `Retry` objects, threads and
    tasks: give one to everything that calls the same server.

    Args:
        size: Most tokens, and how many there are at the start.
        ratio: Tokens that a successful call brings back.

    Attributes:
        tokens: How many there are. Read it, for a gauge; never set it.
        size: As given.
        ratio: As given.

    Raises:
        ConfigurationError: *size* is below 1 or not finite, or *ratio* is
            negative or not finite.
    """

    __slots__ = ("__weakref__", "_lock", "ratio", "size", "tokens")

    def __init__(self, size: float = 10.0, ratio: float = 0.2) -> None:
        self.size = _checked("size", size, 1.0)
        self.ratio = _checked("ratio", ratio, 0.0)
        self.tokens = self.size
        # A signal handler may retry too, while the thread it interrupts is in here.
        self._lock = threading.RLock()
        renewed_in_child(self)

    def _start_over(self) -> None:
        self._lock = threading.RLock()

    # By hand and not `with`, which takes 75 ns longer each time (Python 3.11), twice in
    # every retry. acquire() stands inside the `try`: after a Ctrl-C between those two
    # the lock would stay taken, and every other thread wait for it for ever. A Ctrl-C
    # that comes while it waits for the lock leaves nothing to release; to say so would
    # hide the Ctrl-C.

    def withdraw(self) -> bool:
        """Take one token for a retry; False, and nothing taken, if there is none."""
        lock = self._lock
        try:
            lock.acquire()
            left = self.tokens - 1.0
            if left < 0.0:
                if left < -_ROUNDING:
                    return False
                left = 0.0
            self.tokens = left
        finally:
            try:  # noqa: SIM105 - suppress() takes longer than the lock
                lock.release()
            except RuntimeError:  # it was never taken
                pass
        return True

    def deposit(self) -> None:
        """Credit a call that succeeded."""
        lock = self._lock
        try:
            lock.acquire()
            tokens = self.tokens + self.ratio
            self.tokens = tokens if tokens < self.size else self.size  # noqa: FURB136 - min() costs as much as the lock
        finally:
            try:  # noqa: SIM105 - as above
                lock.release()
            except RuntimeError:
                pass

    def refund(self) -> None:
        """Give back the token of a retry that was not made after all."""
        with self._lock:
            self.tokens = min(self.size, self.tokens + 1.0)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str:
        # A copy would be a second budget for the same server, by accident: as many
        # retries again as somebody has counted on.
        message = (
            "A RetryBudget cannot be copied or pickled, by itself or in a Retry: all "
            "who call one server share one budget. Make it at import, once in each "
            "process."
        )
        raise TypeError(message)

    def __repr__(self) -> str:
        return (
            f"RetryBudget(size={self.size:g}, ratio={self.ratio:g}, "
            f"tokens={self.tokens:g})"
        )


class Unlimited(RetryBudget):
    """No budget: always full, so that the loop need not ask whether there is one."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.size = self.tokens = math.inf

    def withdraw(self) -> bool:
        """Say yes."""
        return True

    def refund(self) -> None:
        """Do nothing."""

    def deposit(self) -> None:
        """Do nothing."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> str:
        return "UNLIMITED"  # the one there is


def _checked(name: str, value: object, least: float) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not least <= cast("float", value) < math.inf:
        message = (
            f"{name}={value!r} must be a finite number of at least {least:g}. For no "
            "budget pass budget=None to Retry, for no retries attempts=1."
        )
        raise ConfigurationError(message)
    return float(cast("float", value))


#: What ``budget=None`` means.
UNLIMITED = Unlimited()
