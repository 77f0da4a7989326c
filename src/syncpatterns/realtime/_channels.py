"""All channels of a hub, and what they may take together."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from syncpatterns.errors import StoreFull
from syncpatterns.realtime._channel import Channel, Cursor
from syncpatterns.realtime._core import (
    Columns,
    Limits,
    Log,
    PublishResult,
    StoredEvent,
    columns,
)
from syncpatterns.realtime._event import Event


class Channels:
    """Guarded by the hub's lock, but for `find`.

    Args:
        limits: What one channel may take.
        max_channels: How many there may be.
        max_bytes: What their rings may take together.
        idle_age: Seconds for which an unused one is remembered.
        now: Monotonic.
    """

    __slots__ = (
        "_by_name",
        "_bytes",
        "_idle_age",
        "_limits",
        "_max_bytes",
        "_max_channels",
        "_next_sweep",
    )

    def __init__(
        self,
        limits: Limits,
        *,
        max_channels: int,
        max_bytes: int,
        idle_age: float,
        now: float,
    ) -> None:
        self._limits = limits
        self._max_channels = max_channels
        self._max_bytes = max_bytes
        self._idle_age = idle_age
        self._by_name: dict[str, Channel] = {}
        self._bytes = 0
        self._next_sweep = now

    def find(self, name: str) -> Channel | None:
        """Return the channel if it is known."""
        return self._by_name.get(name)

    def names(self) -> list[str]:
        """Return the names of all channels."""
        return list(self._by_name)

    def readers_needs_lock(self) -> int:
        """Return how many readers all channels have."""
        return sum(channel.readers for channel in self._by_name.values())

    def unpark_all_needs_lock(self) -> dict[Cursor, None]:
        """Return everybody who waits."""
        woken: dict[Cursor, None] = {}
        for channel in self._by_name.values():
            woken |= channel.unpark()
        return woken

    def join_needs_lock(
        self,
        names: Sequence[str],
        epoch: str | None,
        tops: Mapping[str, int],
        now: float,
    ) -> list[Channel]:
        """Return the channels called *names*, each with one reader more.

        Args:
            names: Which; made if need be.
            epoch: Epoch of new ones; a new one each if None.
            tops: Where new ones stand.
            now: Monotonic.

        Raises:
            StoreFull: There is no room, and nothing has changed.
        """
        joined: list[Channel] = []
        try:
            for name in names:
                channel = self._get(name, now, epoch, tops.get(name, 0))
                channel.readers += 1
                joined.append(channel)
        except BaseException:
            for channel in joined:
                channel.readers -= 1
            raise
        self._sweep(now)
        return joined

    def publish_one_needs_lock(
        self, event: Event, now: float
    ) -> tuple[PublishResult, dict[Cursor, None] | None]:
        """Append *event*; return what became of it, and who waits for it."""
        channel = self._by_name.get(event.channel) or self._get(
            event.channel, now, None, 0
        )
        log = channel.log
        held, top = log.held, log.top
        result = log.publish(event, now)
        self._bytes += log.held - held
        channel.used = now
        if now >= self._next_sweep or self._bytes > self._max_bytes:
            self._sweep(now)
        if log.top == top or not channel.parked:
            return result, None
        return result, channel.unpark()

    def publish_needs_lock(
        self,
        events: Sequence[Event],
        facts: Columns,
        now: float,
        woken: dict[Cursor, None],
    ) -> Sequence[PublishResult]:
        """Append *events*, whose columns are *facts*; add who waits to *woken*."""
        results: Sequence[PublishResult]
        if facts.channel is not None:
            channel = self._get(facts.channel, now, None, 0)
            results = self._extend(channel, events, facts, now, woken)
        else:
            # All channels first: a full hub must not publish half of the events.
            channels = {
                name: self._get(name, now, None, 0) for name in set(facts.channels)
            }
            results = [
                self._extend(
                    channels[event.channel], (event,), columns((event,)), now, woken
                )[0]
                for event in events
            ]
        self._sweep(now)
        return results

    def mirror_needs_lock(
        self,
        channel: Channel,
        rows: Sequence[StoredEvent],
        events: Sequence[Event],
        now: float,
    ) -> dict[Cursor, None]:
        """Take over *events* at the offsets of *rows*; return who waits."""
        log = channel.log
        if self._by_name.get(log.channel) is not channel:
            return {}  # given up meanwhile
        held, top = log.held, log.top
        begin = 0
        for end in range(1, len(rows) + 1):  # a sweep may have taken some of them
            if end == len(rows) or rows[end].offset != rows[end - 1].offset + 1:
                log.append(events[begin:end], rows[begin].offset, now)
                begin = end
        self._bytes += log.held - held
        self._sweep(now)
        return channel.unpark() if log.top != top else {}

    def skip_needs_lock(self, name: str, top: int) -> dict[Cursor, None]:
        """The channel is at *top*, its events elsewhere; return who waits."""
        channel = self._by_name.get(name)
        if channel is None:
            return {}
        held = channel.log.held
        if not channel.log.skip_to(top):
            return {}
        self._bytes -= held
        return channel.unpark()

    # ----------------------------------------------------------------- inside

    def _extend(
        self,
        channel: Channel,
        events: Sequence[Event],
        facts: Columns,
        now: float,
        woken: dict[Cursor, None],
    ) -> Sequence[PublishResult]:
        log = channel.log
        held, top = log.held, log.top
        results = log.publish_all(events, facts, now)
        self._bytes += log.held - held
        channel.used = now
        if log.top != top and channel.parked:
            woken.update(channel.unpark())
        return results

    def _get(self, name: str, now: float, epoch: str | None, top: int) -> Channel:
        channel = self._by_name.get(name)
        if channel is None:
            if len(self._by_name) >= self._max_channels:
                self._make_room()
            log = Log(name, epoch or secrets.token_hex(4), self._limits, top)
            channel = self._by_name[name] = Channel(log, now)
        return channel

    def _make_room(self) -> None:
        unused = sorted(
            (channel.used, name)
            for name, channel in self._by_name.items()
            if not channel.readers
        )
        if not unused:
            raise StoreFull(
                f"The hub has {len(self._by_name)} channels and all have "
                "subscribers. Raise max_channels, or use fewer, broader channels."
            )
        # Several at a time, so that the sorting is paid for once.
        for _, name in unused[: max(1, self._max_channels // 16)]:
            self._forget(name)

    def _forget(self, name: str) -> None:
        self._bytes -= self._by_name.pop(name).log.held

    def _sweep(self, now: float) -> None:
        if self._bytes > self._max_bytes:
            self._relieve()
        if now < self._next_sweep:
            return
        self._next_sweep = now + self._limits.ring_age / 20
        for name, channel in list(self._by_name.items()):
            held = channel.log.held
            channel.log.expire(now)
            self._bytes += channel.log.held - held
            if not channel.readers and now - channel.used > self._idle_age:
                self._forget(name)

    def _relieve(self) -> None:
        """Empty rings, unused ones first, until a quarter is free."""
        order = sorted(
            self._by_name.values(), key=lambda each: (each.readers > 0, each.used)
        )
        for channel in order:
            if self._bytes <= self._max_bytes * 3 // 4:
                return
            self._bytes -= channel.log.held
            channel.log.clear()
