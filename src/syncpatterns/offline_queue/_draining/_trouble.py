"""Trouble with the store: said once as a warning, and tried again after a while."""

from __future__ import annotations

import logging
from typing import Final

from syncpatterns.retry import full_jitter

_log = logging.getLogger("syncpatterns.offline_queue")

_AGAIN: Final = full_jitter(base=0.1, cap=5.0)


class Trouble:
    """What fails again and again, until it is over.

    Args:
        queue: Name of the queue.
        engine: Name of the engine.
        what: What could not be done, as ``could not claim``.
        consolation: What holds all the same, as a clause.
    """

    def __init__(self, queue: str, engine: str, what: str, consolation: str) -> None:
        self._queue = queue
        self._engine = engine
        self._what = what
        self._consolation = consolation
        self.failures = 0

    def again(self, error: Exception) -> float:
        """Log *error*; return the seconds after which to try again."""
        self.failures += 1
        seconds = _AGAIN.delay(self.failures)
        # An outage of an hour is one warning, not a thousand.
        _log.log(
            logging.WARNING if self.failures == 1 else logging.DEBUG,
            "Queue %r %s on %s (%s: %s); %s, and it tries again in %.2f s.",
            self._queue,
            self._what,
            self._engine,
            type(error).__name__,
            error,
            self._consolation,
            seconds,
        )
        return seconds

    def over(self) -> None:
        """Note that it worked."""
        if self.failures:
            _log.warning(
                "Queue %r works on %s again, after %d failed tries.",
                self._queue,
                self._engine,
                self.failures,
            )
        self.failures = 0
