"""The newest events of one channel, shared by all its subscribers.

A subscriber is a number, the offset it has read up to; publishing is one
append, however many there are. (A queue for each would hold every event once a
subscriber, and none of them could be resumed from.)

A log is not safe to share among threads: whoever holds it also holds a lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from syncpatterns.errors import PublishRejected
from syncpatterns.realtime._core._recent import Ages, Recent
from syncpatterns.realtime._core._results import PublishResults
from syncpatterns.realtime._core._values import Position, PublishResult

if TYPE_CHECKING:
    from syncpatterns.realtime._event import Event


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a channel remembers.

    Args:
        ring: Most events to resume from.
        ring_bytes: Most bytes of them; the newest event always stays.
        ring_age: Seconds after which they are dropped.
        recent: Most ids to know a repeat by, and most keys to know a stale
            version by.
        recent_age: Seconds for which a repeat is known.
    """

    ring: int = 1024
    ring_bytes: int = 1024 * 1024
    ring_age: float = 600.0
    recent: int = 10_000
    recent_age: float = 300.0


class Columns(NamedTuple):
    """What a log needs of some events, an attribute a column."""

    ids: list[str]
    channels: list[str]
    keys: list[str | None]
    sizes: list[int]

    @property
    def channel(self) -> str | None:
        """The channel of all events; None if they are of several."""
        first = self.channels[0]
        return first if self.channels.count(first) == len(self.channels) else None

    @property
    def plain(self) -> bool:
        """Whether no event has a key."""
        return self.keys.count(None) == len(self.keys)


def columns(events: Iterable[Event]) -> Columns:
    """Return the columns of *events*, at least one.

    One prepared tuple of each event is read instead of four attributes: events
    of a burst are not in the processor's cache, and the first look at each
    costs more than everything that is done with it afterwards.

    Raises:
        PublishRejected: One of them is no event.
    """
    try:
        briefs = [event.brief for event in events]
    except AttributeError as error:
        raise PublishRejected(
            "A hub takes events only. Publish a syncpatterns.Event."
        ) from error
    return Columns(
        [brief[0] for brief in briefs],
        [brief[1] for brief in briefs],
        [brief[2] for brief in briefs],
        [brief[3] for brief in briefs],
    )


class Log:
    """A ring of events at offsets that are dense and only grow.

    Args:
        channel: Its name.
        epoch: Identity of the numbering.
        limits: How much to keep.
        top: Offset of the newest event so far, which lies elsewhere.
    """

    __slots__ = (
        "_ages",
        "_base",
        "_bytes",
        "_events",
        "_keys",
        "_limits",
        "_recent",
        "_sizes",
        "_unkeyed",
        "_versions",
        "channel",
        "epoch",
        "top",
    )

    def __init__(self, channel: str, epoch: str, limits: Limits, top: int = 0) -> None:
        self.channel = channel
        self.epoch = epoch
        self.top = top
        self._limits = limits
        self._base = top  # _events[0] has offset _base + 1
        self._events: list[Event] = []
        self._sizes: list[int] = []
        self._bytes = 0
        self._ages = Ages(limits.ring_age)
        self._recent = Recent(limits.recent, limits.recent_age)
        self._versions: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._unkeyed = top

    @property
    def tail(self) -> int:
        """The oldest cursor that can still be served: what follows is here."""
        return max(self._base, self.top - self._limits.ring)

    @property
    def position(self) -> Position:
        """Where the channel stands."""
        return Position(self.epoch, self.top)

    @property
    def held(self) -> int:
        """Bytes of the events that are held."""
        return self._bytes

    # ------------------------------------------------------------- publishing

    def publish(self, event: Event, now: float) -> PublishResult:
        """Append *event* unless it is a repeat or an older version of its key."""
        known = self._recent.find(event.id, now)
        if known is not None:
            return PublishResult(
                Position(self.epoch, known), duplicate=True, stage="delivered"
            )
        key, version = event.key, event.key_version
        if key is not None and version is not None and not self._newer(key, version):
            return PublishResult(None, duplicate=False, stage="suppressed")
        self._recent.add((event.id,), event.id, now)
        self._extend((event,), (event.size,), now, plain=key is None)
        return PublishResult(
            Position(self.epoch, self.top), duplicate=False, stage="delivered"
        )

    def publish_all(
        self, events: Sequence[Event], facts: Columns, now: float
    ) -> Sequence[PublishResult]:
        """Do `publish` for each of *events*, whose columns are *facts*."""
        ids = facts.ids
        if not facts.plain or not self._recent.all_new(ids):
            return [self.publish(event, now) for event in events]
        first = self.top + 1
        self._recent.add(ids, ids[-1], now)
        self._extend(events, facts.sizes, now, plain=True)
        return PublishResults(self.epoch, first, len(ids))

    def append(self, events: Sequence[Event], first: int, now: float) -> bool:
        """Take over *events* that an outbox has numbered from *first* on.

        What is known already is left out, so a relay may send twice. Where a
        stretch is missing, the log begins anew after it: a reader who stands
        before it sees that it lies below the tail.

        Returns:
            Whether there was anything new.
        """
        known = self.top + 1 - first
        if known >= len(events):
            return False
        if known < 0:
            self.skip_to(first - 1)
        new = events[max(0, known) :]
        facts = columns(new)
        self._extend(new, facts.sizes, now, plain=facts.plain)
        return True

    def skip_to(self, top: int) -> bool:
        """The channel is at *top* and what lies before is to be read elsewhere."""
        if top <= self.top:
            return False
        self._events.clear()
        self._sizes.clear()
        self._bytes = 0
        self._ages = Ages(self._limits.ring_age)
        self._keys.clear()
        self._base = self.top = self._unkeyed = top
        return True

    # ---------------------------------------------------------------- reading

    def after(self, cursor: int, limit: int) -> list[Event]:
        """Return up to *limit* events after *cursor*, which is `tail` or more."""
        start = cursor - self._base
        return self._events[start : start + limit]

    def loses(self, cursor: int) -> bool:
        """Tell whether the newest event of some key is lost to *cursor*.

        Asked for a subscriber that only wants the newest of each key: events
        that the ring has dropped do it no harm if a newer one is still here.
        """
        tail = self.tail
        if cursor >= tail:
            return False
        if cursor < self._base and cursor < self._unkeyed <= tail:
            return True
        dropped = self._events[max(0, cursor - self._base) : tail - self._base]
        if any(event.key is None for event in dropped):
            return True
        return any(cursor < last <= tail for last in self._keys.values())

    # ------------------------------------------------------------ housekeeping

    def clear(self) -> None:
        """Drop every event; the numbering and what was seen lately stay."""
        self._drop(len(self._events))

    def expire(self, now: float) -> None:
        """Drop what is too old."""
        self._recent.expire(now)
        self._drop(self._ages.expired(now) - self._base)

    # ----------------------------------------------------------------- inside

    def _extend(
        self, events: Sequence[Event], sizes: Sequence[int], now: float, *, plain: bool
    ) -> None:
        first = self.top + 1
        self.top += len(events)
        self._events += events
        self._sizes += sizes
        self._bytes += sum(sizes)
        if not plain:
            self._note_keys(events, first)
        self._ages.add(now, self.top)
        self._trim(now)

    def _trim(self, now: float) -> None:
        limits = self._limits
        if self._ages.due(now):
            self._drop(self._ages.expired(now) - self._base)
        # A quarter more than the ring before a cut, since a cut moves the rest.
        if len(self._events) * 4 >= limits.ring * 5 + 64:
            self._drop(len(self._events) - limits.ring)
        if self._bytes > limits.ring_bytes:
            self._drop(self._too_heavy())

    def _too_heavy(self) -> int:
        excess = self._bytes - self._limits.ring_bytes
        count = 0
        while excess > 0 and count < len(self._events) - 1:
            excess -= self._sizes[count]
            count += 1
        return count

    def _drop(self, count: int) -> None:
        if count <= 0:
            return
        count = min(count, len(self._events))
        self._base += count
        for place in range(count - 1, -1, -1):
            if self._events[place].key is None:
                self._unkeyed = self._base - (count - 1 - place)
                break
        self._bytes -= sum(self._sizes[:count])
        del self._events[:count]
        del self._sizes[:count]

    def _newer(self, key: str, version: int) -> bool:
        last = self._versions.pop(key, -1)
        self._versions[key] = max(last, version)
        while len(self._versions) > self._limits.recent:
            del self._versions[next(iter(self._versions))]
        return version > last

    def _note_keys(self, events: Iterable[Event], first: int) -> None:
        keys = self._keys
        for offset, event in enumerate(events, first):
            if event.key is not None:
                keys.pop(event.key, None)
                keys[event.key] = offset
        while len(keys) > self._limits.recent:
            oldest = next(iter(keys))
            self._unkeyed = max(self._unkeyed, keys.pop(oldest))
