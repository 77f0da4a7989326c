"""What a reader is given at once: runs of events, and gaps between them.

A reader that only wants the events gets them as they lie in the ring. Their
positions are known from the first of a run, so the objects that hold event and
position are made when somebody asks for them; making them for every event and
every reader would cost more than everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeAlias, cast, overload

from syncpatterns.realtime._core._values import Delivered, Gap, Position

if TYPE_CHECKING:
    from syncpatterns.realtime._event import Event

# A NamedTuple made like this costs half of what its own constructor does.
_new: Any = cast("Any", tuple).__new__


class Run:
    """Events of one channel at consecutive offsets.

    Args:
        epoch: Of the channel.
        first: Offset of the first event.
        events: One after the other, at least one.
        live_from: Events up to this offset were published before the reader came.
    """

    __slots__ = ("epoch", "events", "first", "live_from")

    def __init__(
        self, epoch: str, first: int, events: list[Event], live_from: int = 0
    ) -> None:
        self.epoch = epoch
        self.first = first
        self.events = events
        self.live_from = live_from

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Delivered]:
        offsets = range(self.first, self.first + len(self.events))
        positions = map(_new, repeat(Position), zip(repeat(self.epoch), offsets))
        before = max(0, min(len(offsets), self.live_from + 1 - self.first))
        replayed = chain(repeat(True, before), repeat(False))  # noqa: FBT003 - values of a field
        triples = zip(self.events, positions, replayed)  # noqa: B905 - the last is endless
        return map(_new, repeat(Delivered), triples)

    @property
    def channel(self) -> str:
        """Where the events were published."""
        return self.events[0].channel

    @property
    def before(self) -> Position:
        """Where a reader stands that has got none of these."""
        return Position(self.epoch, self.first - 1)

    @property
    def last(self) -> Position:
        """Where a reader stands that has got them all."""
        return Position(self.epoch, self.first + len(self.events) - 1)

    def split(self, count: int) -> tuple[Run, Run]:
        """Return the first *count* events, and the rest."""
        return (
            Run(self.epoch, self.first, self.events[:count], self.live_from),
            Run(self.epoch, self.first + count, self.events[count:], self.live_from),
        )


Part: TypeAlias = Run | Gap


def single(item: Delivered) -> Run:
    """Return a run of *item* alone."""
    epoch, offset = item.position
    return Run(epoch, offset, [item.event], offset if item.replayed else 0)


def take(parts: Sequence[Part], limit: int) -> tuple[list[Part], list[Part]]:
    """Return the first *limit* items of *parts*, and what is left."""
    room = limit
    for place, part in enumerate(parts):
        size = 1 if isinstance(part, Gap) else len(part)
        if size > room:
            if room == 0 or isinstance(part, Gap):
                return list(parts[:place]), list(parts[place:])
            head, tail = part.split(room)
            return [*parts[:place], head], [tail, *parts[place + 1 :]]
        room -= size
    return list(parts), []


class Batch(Sequence[Delivered | Gap]):
    """What `batch` returns: a sequence of `Delivered` and `Gap`, in order.

    Whoever needs the events only looks at `gaps` and takes `events`, which
    costs next to nothing.
    """

    __slots__ = ("_items", "parts")

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self._items: list[Delivered | Gap] | None = None

    @property
    def events(self) -> list[Event]:
        """The events alone, in order; do not change the list."""
        parts = self.parts
        if len(parts) == 1 and isinstance(parts[0], Run):
            return parts[0].events
        return [
            event for part in parts if isinstance(part, Run) for event in part.events
        ]

    @property
    def gaps(self) -> list[Gap]:
        """The gaps alone: wherever there is one, fetch the state anew."""
        return [part for part in self.parts if isinstance(part, Gap)]

    def __len__(self) -> int:
        return sum(1 if isinstance(part, Gap) else len(part) for part in self.parts)

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __iter__(self) -> Iterator[Delivered | Gap]:
        return iter(self._made())

    @overload
    def __getitem__(self, index: int) -> Delivered | Gap: ...

    @overload
    def __getitem__(self, index: slice) -> list[Delivered | Gap]: ...

    def __getitem__(
        self, index: int | slice
    ) -> Delivered | Gap | list[Delivered | Gap]:
        return self._made()[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._made() == list(
            cast("Sequence[object]", other)
        )

    __hash__ = None  # type: ignore[assignment]  # equal to a list, so as unhashable

    def __repr__(self) -> str:
        return f"Batch({self._made()!r})"

    def _made(self) -> list[Delivered | Gap]:
        if self._items is None:
            self._items = [
                item
                for part in self.parts
                for item in ((part,) if isinstance(part, Gap) else part)
            ]
        return self._items
