"""That a breaker of this process has changed, told to the pages that are open.

It is no business event: it is kept nowhere and means nothing to another process.
So it goes the way that the progress of a batch goes, past the outbox. A page that
missed it finds out by itself, since it also looks from time to time.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

from syncpatterns.errors import EngineClosed
from syncpatterns.realtime import Event
from syncpatterns.retry import BreakerChanged

#: Every page of this process may hear it; it says nothing about any tenant.
CHANNEL: Final = "process.breakers"
TYPE: Final = "breaker.changed"


class Announcer(Protocol):
    """The part of a hub in memory that this needs."""

    def publish(self, event: Event) -> object:
        """Hand *event* to who listens; never wait for them."""
        ...


class BreakerNews:
    """A hook of a circuit breaker that tells each change; safe on any thread.

    Args:
        announcer: Where it is told.
    """

    __slots__ = ("_announcer",)

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer

    def __call__(self, change: BreakerChanged) -> None:
        """Tell *change*."""
        waits = math.isfinite(change.retry_after)  # for ever is no number in JSON
        data = {
            "name": change.name,
            "from": change.old,
            "state": change.new,
            "retry_after_s": math.ceil(change.retry_after) if waits else None,
            "era": change.era,
        }
        try:
            self._announcer.publish(Event(CHANNEL, TYPE, data))
        except EngineClosed:
            # The server is stopping and its streams have ended: nobody listens.
            return
