"""Where a subscriber begins, and what it gets next: never silence over a loss."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from syncpatterns.realtime._core._batch import Batch, Part, Run, single
from syncpatterns.realtime._core._log import Log
from syncpatterns.realtime._core._values import Bounds, Gap, GapReason, Position

if TYPE_CHECKING:
    from syncpatterns.realtime._event import Event

Origin: TypeAlias = Position | Literal["live", "earliest"]
OnLag: TypeAlias = Literal["gap", "disconnect", "conflate"]
ON_LAG: Final[frozenset[str]] = frozenset({"gap", "disconnect", "conflate"})


@dataclass(frozen=True, slots=True)
class Start:
    """Where a subscriber of one channel begins.

    Args:
        cursor: Offset it has "read" already.
        live_from: Events up to here were published before it came.
        recovered: Whether nothing was lost since the position it asked for;
            None if it asked for none.
        gap: What it is told first.
    """

    cursor: int
    live_from: int
    recovered: bool | None = None
    gap: Gap | None = None


def start(log: Log, origin: Origin, kept: Bounds | None = None) -> Start:
    """Decide where a subscriber begins.

    Args:
        log: What this process holds of the channel.
        origin: ``live``, ``earliest``, or the last position it saw.
        kept: What the outbox keeps; None if there is no outbox. It may be
            ahead of *log* (the relay has not read the newest commits yet) and
            reaches further back.
    """
    top = log.top if kept is None else max(log.top, kept.top)
    oldest = log.tail if kept is None else min(log.tail, kept.oldest - 1)
    if origin == "live":
        return Start(top, top)
    if origin == "earliest":
        return Start(oldest, top)
    if origin.epoch == log.epoch and oldest <= origin.offset <= top:
        return Start(origin.offset, top, recovered=True)
    # An offset beyond the top of the same epoch: a database was put back from a
    # backup, and these numbers will be given to other events.
    same = origin.epoch == log.epoch and origin.offset <= top
    gap = _gap(log, origin, top, "trimmed" if same else "epoch")
    return Start(log.tail, top, recovered=False, gap=gap)


def lag_gap(log: Log, cursor: int) -> Gap:
    """Return what a subscriber is told that read too slowly."""
    return _gap(log, Position(log.epoch, cursor), log.top, "lagged")


def trimmed_gap(log: Log, cursor: int) -> Gap:
    """Return what a subscriber is told whose history was swept as it read."""
    return _gap(log, Position(log.epoch, cursor), log.top, "trimmed")


def _gap(log: Log, asked: Position, top: int, reason: GapReason) -> Gap:
    return Gap(log.channel, asked, Position(log.epoch, top), reason)


class Step(Enum):
    """Where the next events of a subscriber come from."""

    WAIT = auto()
    RING = auto()
    HISTORY = auto()
    LAGGED = auto()


def next_step(log: Log, cursor: int, buffer: int | None, *, history: bool) -> Step:
    """Decide what a subscriber at *cursor* does.

    Args:
        log: What this process holds of the channel.
        cursor: Offset it has read up to. It may be ahead of the log: the
            outbox had a commit that the relay has not brought yet.
        buffer: How many events it may be behind; None is as many as are held.
        history: Whether an outbox can be asked for what the log has dropped.
    """
    if cursor >= log.top:
        return Step.WAIT
    if buffer is not None and log.top - cursor > buffer:
        return Step.LAGGED
    if cursor >= log.tail:
        return Step.RING
    return Step.HISTORY if history else Step.LAGGED


def after_lag(log: Log, buffer: int | None) -> int:
    """Return the cursor of a subscriber that was told of its lag."""
    tail = log.tail
    return tail if buffer is None else max(tail, log.top - buffer)


def join_history(
    log: Log, cursor: int, page: Sequence[tuple[int, Event]], live_from: int = 0
) -> tuple[list[Part], int]:
    """Return what a page of history brings to a subscriber, and its new cursor.

    The cursor alone joins history to what is live: a page may end before, at
    or behind the ring's newest event, and whatever comes next is what follows
    the cursor. Nothing has to be buffered, compared or thrown away.

    Args:
        log: What this process holds of the channel.
        cursor: Offset the page was asked for.
        page: Offsets and events after *cursor*, in order, as the outbox has
            them; a sweep may have taken some since the subscriber began.
        live_from: See `Run`.
    """
    parts: list[Part] = []
    run: list[Event] = []
    for offset, event in page:
        if offset <= cursor:
            continue
        if offset != cursor + 1:
            parts.append(trimmed_gap(log, cursor))
            run = []
        if not run:
            parts.append(Run(log.epoch, offset, run, live_from))
        run.append(event)
        cursor = offset
    if not page and cursor < log.tail:
        parts.append(trimmed_gap(log, cursor))
        cursor = log.tail
    return parts, cursor


def newest_of_each_key(parts: Iterable[Part]) -> list[Part]:
    """Return *parts* without events that a later one of the same key replaces.

    Gaps and events without a key all stay; the order of what stays is kept.
    """
    newest: dict[object, Part] = {}
    for place, item in enumerate(Batch(list(parts))):
        key = None if isinstance(item, Gap) else item.event.key
        if key is not None:
            # Taken out first: the later event belongs at the later place.
            newest.pop(key, None)
        part = item if isinstance(item, Gap) else single(item)
        newest[place if key is None else key] = part
    return list(newest.values())


def of_types(parts: Iterable[Part], types: Collection[str]) -> list[Part]:
    """Return *parts* with events of *types* only; every gap stays."""
    return [
        item if isinstance(item, Gap) else single(item)
        for item in Batch(list(parts))
        if isinstance(item, Gap) or item.event.type in types
    ]
