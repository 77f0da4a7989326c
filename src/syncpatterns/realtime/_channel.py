"""A channel of a hub: its log, and the readers that wait for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from syncpatterns.realtime._core import Log

if TYPE_CHECKING:
    from syncpatterns.realtime._subscription import HubSubscription


class Channel:
    """Guarded by the hub's lock.

    Attributes:
        log: The newest events.
        parked: Cursors whose readers wait for the next event, in their order.
        readers: How many subscriptions read it.
        used: When it was last published to or left by a reader; monotonic.
    """

    __slots__ = ("log", "parked", "readers", "used")

    def __init__(self, log: Log, now: float) -> None:
        self.log = log
        self.parked: dict[Cursor, None] = {}
        self.readers = 0
        self.used = now

    def unpark(self) -> dict[Cursor, None]:
        """Return who waits, and let nobody be waiting."""
        parked, self.parked = self.parked, {}
        return parked


class Cursor:
    """Where one reader stands in one channel.

    Attributes:
        channel: What it reads.
        reader: Whose it is.
        offset: Everything up to here was handed over.
        live_from: Events up to here were published before the reader came.
        parked: Whether the channel holds it, or is about to wake it.
    """

    __slots__ = ("channel", "live_from", "offset", "parked", "reader")

    def __init__(
        self, channel: Channel, reader: HubSubscription, offset: int, live_from: int
    ) -> None:
        self.channel = channel
        self.reader = reader
        self.offset = offset
        self.live_from = live_from
        self.parked = False

    def wake(self) -> None:
        """Let the reader look; only on the thread of its loop."""
        self.parked = False
        self.reader.nudge()


def wake(parked: dict[Cursor, None]) -> None:
    """Wake readers, each on its own loop; never with the hub's lock held."""
    if not parked:
        return
    here = threading.get_ident()
    for cursor in parked:
        loop = cursor.reader.loop
        if loop.thread == here:
            cursor.wake()
        else:
            loop.later(cursor.wake)
