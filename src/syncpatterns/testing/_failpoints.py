"""Fail at a named place of the library, at the n-th time it is passed.

FreeBSD and CockroachDB call them failpoints. They are armed from Python only:
no setting and no environment variable can make a production process use them.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from syncpatterns import _testpoints

__all__ = ["Failpoints", "kill_this_process"]


class Failpoints:
    """Counts the places passed, and acts at those it was told about.

    ::

        with Failpoints().raise_at("single.before_commit", OSError("gone")) as points:
            ...
        assert points.hits["single.before_commit"] == 1

    One at a time per process. Leaving the block disarms it, and raises
    AssertionError if a planned place was never reached.

    Attributes:
        hits: How often each place was passed.
    """

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self._plans: dict[tuple[str, int], Callable[[], object]] = {}
        self._lock = threading.Lock()

    def call_at(self, name: str, action: Callable[[], object], *, n: int = 1) -> Self:
        """Call *action* when *name* is passed for the *n*-th time.

        Args:
            name: The place; the library's own are listed in its documentation.
            action: Called in the thread that passes; may raise.
            n: Counted from 1.

        Raises:
            ValueError: If *n* is less than 1.
        """
        if n < 1:
            raise ValueError("hits are counted from 1")
        self._plans[name, n] = action
        return self

    def raise_at(self, name: str, error: BaseException, *, n: int = 1) -> Self:
        """Raise *error* when *name* is passed for the *n*-th time."""

        def fail() -> None:
            raise error

        return self.call_at(name, fail, n=n)

    def kill_at(self, name: str, *, n: int = 1) -> Self:
        """Kill this process, as ``kill -9`` does, at the *n*-th pass of *name*."""
        return self.call_at(name, kill_this_process, n=n)

    def arm(self) -> None:
        """Start counting and acting."""
        _testpoints.arm(self._hit)

    def disarm(self) -> None:
        """Stop counting and acting."""
        _testpoints.arm(None)

    def _hit(self, name: str) -> None:
        with self._lock:
            self.hits[name] += 1
            action = self._plans.pop((name, self.hits[name]), None)
        if action is not None:
            action()

    def __enter__(self) -> Self:
        self.arm()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disarm()
        if self._plans and error is None:
            missed = ", ".join(f"{name} (pass {n})" for name, n in self._plans)
            raise AssertionError(f"never reached: {missed}; passed: {dict(self.hits)}")


def kill_this_process() -> None:
    """End this process at once; nothing of it gets to clean up."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
