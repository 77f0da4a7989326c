"""One reader of some channels of a hub: a cursor for each, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

import anyio
from anyio.lowlevel import checkpoint

from syncpatterns._loops import Flag, Loop, current_loop
from syncpatterns.errors import SubscriptionClosed
from syncpatterns.realtime._channel import Cursor
from syncpatterns.realtime._core import (
    Batch,
    Bounds,
    Delivered,
    Gap,
    OnLag,
    Origin,
    Part,
    Position,
    Run,
    Step,
    after_lag,
    join_history,
    lag_gap,
    newest_of_each_key,
    next_step,
    of_types,
    start,
    take,
)
from syncpatterns.realtime._event import from_outbox
from syncpatterns.realtime._offload import History

if TYPE_CHECKING:
    from syncpatterns.realtime._hub import Hub

#: Events a read of the outbox: a page holds at most this many bodies in memory.
_PAGE: Final = 256


@dataclass(frozen=True, slots=True)
class Wish:
    """What a subscriber asked for; checked by `Hub.subscribe`."""

    channels: tuple[str, ...]
    since: Mapping[str, Position] | Literal["live", "earliest"]
    buffer: int | None
    on_lag: OnLag
    types: frozenset[str] | None

    def origin(self, channel: str) -> Origin:
        """Where to begin in *channel*."""
        if isinstance(self.since, str):
            return self.since
        return self.since.get(channel, "live")


class HubSubscription:
    """What `Hub.subscribe` gives; read it by one task at a time.

    ``async for`` gives one item at a time, `batch` all there are. Both raise
    `SubscriptionClosed` when the hub closes, after what it still holds.
    """

    __slots__ = (
        "_code",
        "_cursors",
        "_flag",
        "_hub",
        "_nudged",
        "_pending",
        "_wish",
        "loop",
        "recovered",
    )

    def __init__(self, hub: Hub, wish: Wish) -> None:
        self._hub = hub
        self._wish = wish
        self._cursors: list[Cursor] = []
        self._pending: list[Part] = []
        self._flag: Flag | None = None
        self._nudged = False
        self._code: str | None = None
        self.loop: Loop
        #: For each channel with a position asked for: whether nothing was lost.
        self.recovered: Mapping[str, bool] = {}

    async def __aenter__(self) -> Self:
        self.loop = current_loop()
        epoch, kept = await self._hub.look_up(self._wish.channels)
        with self._hub.lock:
            new = self._begin_needs_lock(epoch, kept)
        try:
            await self._look_again(new)
        except BaseException:
            self.close()
            raise
        return self

    async def _look_again(self, names: list[str]) -> None:
        """Take note of what was committed between the look and the join.

        Looked up at offset 1, offset 2 committed and relayed before the channel
        was known here: the relay had nobody to hand it to, and this reader,
        parked at 1, would hear of it only with the channel's next event.
        """
        if self._hub.history is None or not names:
            return
        _, kept = await self._hub.look_up(names)
        self._hub.advance({name: bounds.top for name, bounds in kept.items()})

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self, code: str = "closed") -> None:
        """End the subscription; a task that reads it gets `SubscriptionClosed`.

        Only on the thread of its loop. A second call does nothing.
        """
        if self._code is not None:
            return
        self._code = code
        with self._hub.lock:
            for cursor in self._cursors:
                self._hub.leave_needs_lock(cursor)
        self.nudge()

    @property
    def positions(self) -> dict[str, Position]:
        """Up to where each channel has been handed over: resume from here."""
        found = {
            cursor.channel.log.channel: Position(
                cursor.channel.log.epoch, cursor.offset
            )
            for cursor in self._cursors
        }
        for part in reversed(self._pending):  # not handed over yet, first one last
            if isinstance(part, Run):
                found[part.channel] = part.before
            elif part.asked is not None:
                found[part.channel] = part.asked
        return found

    # ---------------------------------------------------------------- reading

    def __aiter__(self) -> AsyncIterator[Delivered | Gap]:
        return self

    async def __anext__(self) -> Delivered | Gap:
        while not self._pending:
            await self.changed()
            batch = await self.gather(_PAGE)
            self._pending[:0] = batch.parts
        (item,) = self._take_pending(1)
        return item

    async def batch(self, max_items: int = 256, linger: float = 0.0) -> Batch:
        """Wait for at least one item and return what there is.

        Cancelled while waiting, it loses nothing: the next call begins where
        this one did.

        Args:
            max_items: Most items to return.
            linger: Seconds to wait for more once there is one.

        Returns:
            A sequence of `Delivered` and `Gap`; its `events` and `gaps` are
            there without making an object for each item.

        Raises:
            SubscriptionClosed: The hub or the subscription was closed, or it
                lagged and was opened with ``on_lag="disconnect"``.
            StoreUnavailable: History could not be read; call again.
        """
        if max_items < 1:
            raise ValueError(f"max_items must be at least 1, got {max_items}")
        while True:
            await self.changed()
            if linger > 0:
                await self._hub.clock.asleep(linger)
            batch = await self.gather(max_items)
            if batch:
                return batch

    async def changed(self) -> None:
        """Return once `gather` may have something, or after `nudge`."""
        if self._flag is not None:
            raise anyio.BusyResourceError("reading from")
        flag = self._park()
        if flag is None:
            await checkpoint()
            return
        try:
            await flag.wait()
        finally:
            self._flag = None

    def nudge(self) -> None:
        """Let `changed` return; only on the thread of the loop."""
        if self._flag is not None:
            self._flag.set()
        else:
            self._nudged = True

    async def gather(self, limit: int) -> Batch:
        """Return up to *limit* items that are there now, perhaps none.

        No item is taken before an await: what a cancelled call has read from
        the outbox waits in `_pending` for the next.
        """
        if self._hub.history is not None and not self._pending:
            await self._read_history(self._hub.history, limit)
        if self._pending:
            return self._take_pending(limit)
        with self._hub.lock:
            parts = self._take_needs_lock(limit)
        if self._wish.on_lag == "conflate":  # it may have taken more than asked for
            parts, self._pending = take(parts, limit)
        return Batch(parts)

    # ----------------------------------------------------------------- inside

    def _begin_needs_lock(
        self, epoch: str | None, kept: Mapping[str, Bounds]
    ) -> list[str]:
        """Take the place in each channel; return those that had no reader."""
        recovered: dict[str, bool] = {}
        channels = self._hub.join_needs_lock(self._wish.channels, epoch, kept)
        for channel in channels:
            log = channel.log
            begin = start(log, self._wish.origin(log.channel), kept.get(log.channel))
            self._cursors.append(Cursor(channel, self, begin.cursor, begin.live_from))
            if begin.gap is not None:
                self._pending.append(begin.gap)
            if begin.recovered is not None:
                recovered[log.channel] = begin.recovered
        self.recovered = recovered
        return [each.log.channel for each in channels if each.readers == 1]

    def _park(self) -> Flag | None:
        """Return what to wait on, or None if there is something to read now."""
        with self._hub.lock:
            if self._code is not None:
                raise SubscriptionClosed(self._code)
            if self._nudged or self._pending:
                self._nudged = False
                return None
            for cursor in self._cursors:
                if cursor.offset < cursor.channel.log.top:
                    return None
            if self._hub.closed:
                raise SubscriptionClosed("shutdown")
            # Under the same lock that publishing takes: nothing comes between.
            self._flag = self.loop.flag()
            for cursor in self._cursors:
                if not cursor.parked:
                    cursor.parked = True
                    cursor.channel.parked[cursor] = None
            return self._flag

    def _step(self, cursor: Cursor) -> Step:
        return next_step(
            cursor.channel.log,
            cursor.offset,
            self._buffer,
            history=self._hub.history is not None,
        )

    async def _read_history(self, history: History, limit: int) -> None:
        """Put a page of a channel that is behind its ring into `_pending`."""
        with self._hub.lock:
            behind = [
                each for each in self._cursors if self._step(each) is Step.HISTORY
            ]
        if not behind:
            return
        cursor = behind[0]
        log = cursor.channel.log
        rows = await history.page(log.channel, cursor.offset, min(limit, _PAGE))
        page = [(row.offset, from_outbox(row)) for row in rows]
        with self._hub.lock:
            parts, cursor.offset = join_history(
                log, cursor.offset, page, cursor.live_from
            )
        self._pending += self._shaped(parts)

    def _take_pending(self, limit: int) -> Batch:
        parts, self._pending = take(self._pending, limit)
        return Batch(parts)

    def _take_needs_lock(self, limit: int) -> list[Part]:
        parts: list[Part] = []
        room = limit
        for cursor in self._cursors:
            step = self._step(cursor) if room > 0 else Step.WAIT
            if step is Step.LAGGED:
                if self._wish.on_lag == "disconnect":
                    if parts:  # hand these over first; the next call ends it
                        break
                    raise SubscriptionClosed("lagged")
                room -= self._catch_up_needs_lock(cursor, parts)
            if step in {Step.RING, Step.LAGGED} and room > 0:
                room -= self._run_needs_lock(cursor, room, parts)
        if len(self._cursors) > 1:  # else a busy channel would hold up the others
            self._cursors.append(self._cursors.pop(0))
        return parts

    def _catch_up_needs_lock(self, cursor: Cursor, parts: list[Part]) -> int:
        """Move a cursor that is too far behind; return how many gaps it costs."""
        log = cursor.channel.log
        lost = self._wish.on_lag != "conflate" or log.loses(cursor.offset)
        if lost:
            parts.append(lag_gap(log, cursor.offset))
        cursor.offset = after_lag(log, self._buffer)
        return int(lost)

    def _run_needs_lock(self, cursor: Cursor, room: int, parts: list[Part]) -> int:
        """Add the next run of *cursor* to *parts*; return how many items it is."""
        log = cursor.channel.log
        # What is conflated has to be looked at whole, or an old value of a key
        # would go out although its newest is already here.
        conflate = self._wish.on_lag == "conflate"
        events = log.after(cursor.offset, log.top if conflate else room)
        run = Run(log.epoch, cursor.offset + 1, events, cursor.live_from)
        cursor.offset += len(events)
        if conflate or self._wish.types is not None:
            shaped = self._shaped([run])
            parts += shaped
            return len(shaped)
        parts.append(run)
        return len(events)

    def _shaped(self, parts: list[Part]) -> list[Part]:
        """Return *parts* as this reader wants them."""
        if self._wish.on_lag == "conflate":
            parts = newest_of_each_key(parts)
        if self._wish.types is not None:
            parts = of_types(parts, self._wish.types)
        return parts

    @property
    def _buffer(self) -> int | None:
        return None if self._wish.on_lag == "conflate" else self._wish.buffer
