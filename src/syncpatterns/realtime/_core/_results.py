"""The answers to a batch of events, made when somebody looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, overload

from syncpatterns.realtime._core._values import Position, PublishResult


class PublishResults(Sequence[PublishResult]):
    """What became of *count* new events at *first* and the offsets after it.

    Most publishers never look, and a thousand results nobody reads would cost
    as much as publishing the events.
    """

    __slots__ = ("_count", "_epoch", "_first")

    def __init__(self, epoch: str, first: int, count: int) -> None:
        self._epoch = epoch
        self._first = first
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> PublishResult: ...

    @overload
    def __getitem__(self, index: slice) -> list[PublishResult]: ...

    def __getitem__(self, index: int | slice) -> PublishResult | list[PublishResult]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._count))]
        offset = range(self._first, self._first + self._count)[index]
        return PublishResult(
            Position(self._epoch, offset), duplicate=False, stage="delivered"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(
            cast("Sequence[object]", other)
        )

    __hash__ = None  # type: ignore[assignment]  # equal to a list, so as unhashable

    def __repr__(self) -> str:
        return repr(list(self))
