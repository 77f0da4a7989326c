"""An engine whose outbox is a list, and which fails when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from syncpatterns.errors import StoreUnavailable
from syncpatterns.realtime import Event
from syncpatterns.realtime._core import Bounds, StoredEvent, stored_form


class FakeEngine:
    """Commits to a list; every method may be called on any thread.

    Attributes:
        failures: How many of the next reads fail.
        reads: How many reads of rows there were.
        announce: Whether commits call the listeners.
    """

    name = "fake"
    epoch = "fa4e0001"

    def __init__(self) -> None:
        self.rows: list[StoredEvent] = []
        self.failures = 0
        self.reads = 0
        self.announce = True
        self.listeners: list[Callable[[], None]] = []
        self.before_page: Callable[[], None] | None = None
        self.after_page: Callable[[], None] | None = None
        self._version = 1
        self._pos = 0
        self._tops: dict[str, int] = {}
        self._lock = threading.Lock()

    def commit(self, *events: Event) -> None:
        """Add *events* in one step."""
        with self._lock:
            for event in events:
                channel, event_id, kind, body = stored_form(event, 0.0)
                self._pos += 1
                offset = self._tops[channel] = self._tops.get(channel, 0) + 1
                row = StoredEvent(self._pos, channel, offset, event_id, kind, body, 0.0)
                self.rows.append(row)
            self._version += 1
        if self.announce:
            for listener in list(self.listeners):
                listener()

    def forget(self, channel: str, up_to: int) -> None:
        """Sweep rows of *channel*."""
        with self._lock:
            self.rows = [
                row for row in self.rows if row.channel != channel or row.offset > up_to
            ]

    def outbox(self) -> FakeEngine:
        """Return the outbox, which is this very object."""
        return self

    def data_version(self) -> int:
        """Return a number that changes with each commit."""
        self._fail()
        return self._version

    def on_commit(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Register *listener*."""
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def after(self, pos: int, limit: int) -> list[StoredEvent]:
        """Return rows after *pos*."""
        self._fail()
        self.reads += 1
        with self._lock:
            return [row for row in self.rows if row.pos > pos][:limit]

    def history(self, channel: str, offset: int, limit: int) -> list[StoredEvent]:
        """Return rows of *channel* after *offset*."""
        if self.before_page is not None:
            self.before_page()
        self._fail()
        with self._lock:
            page = [
                row
                for row in self.rows
                if row.channel == channel and row.offset > offset
            ][:limit]
        if self.after_page is not None:
            self.after_page()
        return page

    def bounds(self, channels: Sequence[str]) -> dict[str, Bounds]:
        """Return what is kept of *channels*."""
        self._fail()
        with self._lock:
            return {name: self._bounds(name) for name in channels}

    def top(self) -> int:
        """Return the newest position."""
        self._fail()
        return self._pos

    def sweep(self, before: float, limit: int) -> int:
        """Sweep nothing."""
        return 0

    def _bounds(self, channel: str) -> Bounds:
        kept = [row.offset for row in self.rows if row.channel == channel]
        top = self._tops.get(channel, 0)
        return Bounds(min(kept, default=top + 1), top)

    def _fail(self) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise StoreUnavailable("fake: the disk is elsewhere")
