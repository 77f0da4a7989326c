"""Publishing to, and reading from, channels inside one process."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, cast

from anyio.lowlevel import checkpoint

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import (
    ConfigurationError,
    EngineClosed,
    SubscriptionClosed,
)
from syncpatterns.realtime._channel import Channel, Cursor, wake
from syncpatterns.realtime._channels import Channels
from syncpatterns.realtime._core import (
    MAX_BODY,
    ON_LAG,
    Bounds,
    Delivered,
    Gap,
    Limits,
    OnLag,
    Position,
    PublishResult,
    StoredEvent,
    columns,
    valid_channel,
)
from syncpatterns.realtime._event import Event, from_outbox
from syncpatterns.realtime._offload import History
from syncpatterns.realtime._ports import Capabilities, Outbox, RealtimeEngine
from syncpatterns.realtime._subscription import HubSubscription, Wish

_log = logging.getLogger("syncpatterns.realtime")


class Hub:
    """Hands events to every subscriber of this process, each at its own pace.

    Each channel is one ring of its newest events, and a subscriber is a number
    in it. Publishing never waits for a subscriber, and one that reads too
    slowly is told what it lost (`Gap`); a thousand subscribers hold nothing a
    thousand times. Safe to use from any thread and from several event loops.

    Alone it lives in memory: events go to `publish`, and after a restart every
    channel has a new epoch. With *history* it mirrors an outbox: events are
    published in the business transaction, a `Relay` brings them here, and a
    subscriber resumes from the database where the ring no longer reaches,
    also after a restart.

    Args:
        history: An engine that has an outbox, or an outbox itself.
        ring: Events of a channel to resume from.
        ring_bytes: Bytes of them.
        ring_age: Seconds after which they are dropped.
        max_channels: Channels at once; the longest unused gives way, one that
            has subscribers never does.
        max_bytes: Bytes of all rings together; the longest unused are emptied.
        idle_age: Seconds for which an unused channel keeps its numbering. It
            outlives the ring, or a quiet night would cost everybody a Gap.
        recent: Ids of a channel by which a repeat is known.
        recent_age: Seconds for which it is known.
        clock: Where the time comes from.
    """

    def __init__(  # noqa: PLR0913 - every bound is the caller's to set, by name
        self,
        history: RealtimeEngine | Outbox | None = None,
        *,
        ring: int = 1024,
        ring_bytes: int = 1024 * 1024,
        ring_age: float = 600.0,
        max_channels: int = 10_000,
        max_bytes: int = 256 * 1024 * 1024,
        idle_age: float = 86_400.0,
        recent: int = 10_000,
        recent_age: float = 300.0,
        clock: Clock | None = None,
    ) -> None:
        _at_least_one(
            ring=ring, ring_bytes=ring_bytes, ring_age=ring_age, recent=recent,
            recent_age=recent_age, max_channels=max_channels, max_bytes=max_bytes,
            idle_age=idle_age,
        )  # fmt: skip
        self.clock = clock or SystemClock()
        self.history = _history(history)
        self.lock = threading.Lock()
        self.closed = False
        self._now = self.clock.monotonic
        self.channels = Channels(
            Limits(ring, ring_bytes, ring_age, recent, recent_age),
            max_channels=max_channels,
            max_bytes=max_bytes,
            idle_age=idle_age,
            now=self.clock.monotonic(),
        )

    def __repr__(self) -> str:
        kind = self.history.name if self.history else "memory"
        return f"Hub({kind}, {len(self.channel_names())} channels)"

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; see `Capabilities`."""
        stored = self.history is not None
        return Capabilities(
            durable=stored,
            resumable=True,
            cross_process=stored,
            transactional=stored,
            deduplicates=not stored,
            max_payload=MAX_BODY,
        )

    @property
    def subscribers(self) -> int:
        """How many subscriptions there are, one for each channel they read."""
        with self.lock:
            return self.channels.readers_needs_lock()

    # ------------------------------------------------------------- publishing

    def publish(self, event: Event) -> PublishResult:
        """Hand *event* to the subscribers of its channel; never waits for them.

        Callable on any thread; the order of calls is the order of delivery.

        Raises:
            PublishRejected: *event* is no `Event`.
            ConfigurationError: This hub mirrors an outbox.
            StoreFull: There are too many channels with subscribers.
            EngineClosed: The hub is closed.
        """
        if self.history is not None:
            self._refuse_mirror()
        if type(event) is not Event:
            columns([event])  # a raw event will do; of anything else it says so
        now = self._now()
        with self.lock:
            if self.closed:
                raise _closed()
            result, parked = self.channels.publish_one_needs_lock(event, now)
        if parked:
            wake(parked)
        return result

    def publish_many(self, events: Sequence[Event]) -> Sequence[PublishResult]:
        """Do `publish` for each of *events*, which all appear at once.

        Returns:
            One result for each event, in their order.
        """
        if self.history is not None:
            self._refuse_mirror()
        if not events:
            return []
        facts = columns(events)
        now = self._now()
        woken: dict[Cursor, None] = {}
        with self.lock:
            if self.closed:
                raise _closed()
            results = self.channels.publish_needs_lock(events, facts, now, woken)
        wake(woken)
        return results

    def publish_threadsafe(self, event: Event) -> PublishResult:
        """Do `publish`, which is callable on any thread anyway."""
        return self.publish(event)

    async def apublish(self, event: Event) -> PublishResult:
        """Do `publish`, and let the subscribers run."""
        result = self.publish(event)
        await checkpoint()
        return result

    async def apublish_many(self, events: Sequence[Event]) -> Sequence[PublishResult]:
        """Do `publish_many`, and let the subscribers run."""
        results = self.publish_many(events)
        await checkpoint()
        return results

    # ---------------------------------------------------------------- reading

    def subscribe(
        self,
        *channels: str,
        since: Mapping[str, Position] | Literal["live", "earliest"] = "live",
        buffer: int | None = None,
        on_lag: OnLag = "gap",
        types: Collection[str] | None = None,
    ) -> HubSubscription:
        """Return an async context manager; inside it the subscription is live.

        ::

            async with hub.subscribe("bookings") as subscription:
                async for item in subscription:
                    match item:
                        case Delivered(event=event):
                            show(event.data)
                        case Gap():
                            fetch_everything()

        Args:
            *channels: What to read; events of several channels come in no
                particular order among the channels.
            since: ``live``: what is published from now on. ``earliest``:
                everything that is still kept. Positions: what came after them;
                a channel without one begins live.
            buffer: How many events it may be behind before *on_lag* applies;
                None is the whole ring. With an outbox behind the hub it can be
                behind by all that is kept there, and *buffer* is no limit for
                ``gap``.
            on_lag: What happens when events were dropped that it had not read.
                ``gap``: a `Gap`, then the oldest event still held.
                ``disconnect``: `SubscriptionClosed`. ``conflate``: it only
                ever gets the newest event of each key, and a `Gap` if the
                newest of some key is lost.
            types: Only events of these types; None is all.

        Raises:
            ConfigurationError: No channel, a malformed name or option.
        """
        if not channels or not all(map(valid_channel, channels)):
            raise ConfigurationError(
                "subscribe() needs channels of 1 to 200 of the characters "
                "A-Z a-z 0-9 _ . : = @ , ; -"
            )
        if on_lag not in ON_LAG:
            raise ConfigurationError("on_lag is one of gap, disconnect, conflate.")
        if not _is_since(since):
            raise ConfigurationError("since is live, earliest or a dict of positions.")
        if buffer is not None:
            _at_least_one(buffer=buffer)
            if self.history is not None and on_lag == "gap":
                buffer = None
        names = tuple(dict.fromkeys(channels))
        if isinstance(types, str):
            raise ConfigurationError(
                f"types= takes a collection: types=({types!r},). A text would be "
                "read as its letters, and no event would ever come."
            )
        kinds = None if types is None else frozenset(types)
        return HubSubscription(self, Wish(names, since, buffer, on_lag, kinds))

    async def consume(
        self,
        handle: Callable[[Delivered | Gap], Any],
        *channels: str,
        since: Mapping[str, Position] | Literal["live", "earliest"] = "live",
        on_lag: OnLag = "gap",
    ) -> None:
        """Call *handle*, plain or async, with every item until the hub closes.

        What *handle* raises is logged with the event's id and type; it costs
        neither this consumer nor any other the next event.

        Raises:
            SubscriptionClosed: It lagged and *on_lag* is ``disconnect``.
        """
        async with self.subscribe(*channels, since=since, on_lag=on_lag) as items:
            try:
                async for item in items:
                    await _call(handle, item)
            except SubscriptionClosed as closed:
                if closed.code != "shutdown":
                    raise

    # -------------------------------------------------------------- life cycle

    def close(self) -> None:
        """End every subscription once it has read what is held; any thread.

        Publishing raises from now on. A second call does nothing.
        """
        with self.lock:
            self.closed = True
            woken = self.channels.unpark_all_needs_lock()
        wake(woken)

    # ---------------------------------------------------------- for the relay

    def append(self, epoch: str, rows: Iterable[StoredEvent]) -> None:
        """Take over committed events, in commit order; for a `Relay`.

        What is known already is ignored, so the same rows may come again.
        Channels that nobody has read here are left out: who comes later finds
        the events in the outbox.

        Args:
            epoch: The outbox's.
            rows: Its rows.
        """
        runs: dict[str, list[StoredEvent]] = {}
        for row in rows:
            runs.setdefault(row.channel, []).append(row)
        now = self.clock.monotonic()
        for name, run in runs.items():
            channel = self.channels.find(name)
            if channel is None or channel.log.epoch != epoch:
                continue
            events = [from_outbox(row) for row in run]
            with self.lock:
                parked = self.channels.mirror_needs_lock(channel, run, events, now)
            wake(parked)

    def advance(self, tops: Mapping[str, int]) -> None:
        """The outbox is at *tops*; readers below fetch the rest from there."""
        with self.lock:
            woken = [
                self.channels.skip_needs_lock(name, top) for name, top in tops.items()
            ]
        for parked in woken:
            wake(parked)

    def channel_names(self) -> list[str]:
        """Return the names of the channels that are known here."""
        with self.lock:
            return self.channels.names()

    # ----------------------------------------------------------------- inside

    async def look_up(
        self, channels: Sequence[str]
    ) -> tuple[str | None, Mapping[str, Bounds]]:
        """Return what the outbox has of *channels*; nothing without an outbox."""
        if self.history is None:
            await checkpoint()
            return None, {}
        return await self.history.bounds(channels)

    def join_needs_lock(
        self, names: Sequence[str], epoch: str | None, kept: Mapping[str, Bounds]
    ) -> list[Channel]:
        """Return the channels called *names*, each with one reader more."""
        if self.closed:
            raise SubscriptionClosed("shutdown")
        tops = {name: bounds.top for name, bounds in kept.items()}
        return self.channels.join_needs_lock(names, epoch, tops, self.clock.monotonic())

    def leave_needs_lock(self, cursor: Cursor) -> None:
        """A reader has left its channel."""
        cursor.channel.parked.pop(cursor, None)
        cursor.channel.readers -= 1
        cursor.channel.used = self.clock.monotonic()

    def _refuse_mirror(self) -> None:
        raise ConfigurationError(
            "This hub mirrors an outbox: publish with tx.publish() in the business "
            "transaction, or with an OutboxPublisher. What only this process knew "
            "could not be numbered."
        )


def _is_since(since: object) -> bool:
    if isinstance(since, str):
        return since in {"live", "earliest"}
    return isinstance(since, Mapping) and all(
        isinstance(position, Position)
        for position in cast("Mapping[str, object]", since).values()
    )


def _closed() -> EngineClosed:
    return EngineClosed("The hub is closed, so nothing was published.")


def _history(source: RealtimeEngine | Outbox | None) -> History | None:
    if source is None:
        return None
    if isinstance(source, RealtimeEngine):
        return History(source.outbox())
    if callable(getattr(type(source), "history", None)):
        return History(source)
    raise ConfigurationError(
        f"A {type(source).__name__} keeps no events. Give the hub an engine with an "
        'outbox, such as connect("sqlite:///app.db"), or nothing for memory.'
    )


def _at_least_one(**options: float) -> None:
    for name, value in options.items():
        if not value >= 1:
            raise ConfigurationError(f"{name} must be at least 1, got {value!r}.")


async def _call(
    handle: Callable[[Delivered | Gap], Any], item: Delivered | Gap
) -> None:
    try:
        answer = handle(item)
        if inspect.isawaitable(answer):
            await answer
    except Exception:  # noqa: BLE001 - theirs alone; the next event must come
        what = item.event if isinstance(item, Delivered) else item
        _log.exception("A consumer failed on %r and goes on", what)
