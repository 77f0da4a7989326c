"""What somebody has to look at: DEAD items, and PARKED ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from syncpatterns._flow import Flow
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue import _events as events
from syncpatterns.offline_queue._core import Ended, Item, ItemState
from syncpatterns.offline_queue._looking import _control as control
from syncpatterns.offline_queue._steps import Ask, Step, ado, do
from syncpatterns.offline_queue._taking._foreign import refuse_foreign
from syncpatterns.offline_queue._taking._receipts import Receipt
from syncpatterns.offline_queue._telling import about_end, of_ended, of_item

if TYPE_CHECKING:
    from syncpatterns.offline_queue._shared import Shared

# Inside the class, `list` is its method.
_Items: TypeAlias = list[Item]
_Numbers: TypeAlias = list[int]

#: Items are read and changed so many at a time.
_BATCH: Final = 500


class Shelf:
    """The DEAD or the PARKED items of one queue.

    Args:
        shared: Of the queue.
        state: Which of the two.
    """

    __slots__ = ("_shared", "_state")

    def __init__(
        self, shared: Shared, state: Literal[ItemState.DEAD, ItemState.PARKED]
    ) -> None:
        self._shared = shared
        self._state = state

    def list(
        self,
        *,
        operation: str = "",
        target: str = "",
        reason: str = "",
        after: int = 0,
        limit: int = 100,
    ) -> _Items:
        """Return up to *limit* of them with numbers above *after*, oldest first.

        Up to 1000 at a time: more would be read into memory at once.
        """
        which = control.which((self._state,), operation, target, None, reason)
        return do(self._shared, lambda: control.listed(which, after, limit))

    async def alist(
        self,
        *,
        operation: str = "",
        target: str = "",
        reason: str = "",
        after: int = 0,
        limit: int = 100,
    ) -> _Items:
        """Do `list` on an event loop."""
        which = control.which((self._state,), operation, target, None, reason)
        return await ado(self._shared, lambda: control.listed(which, after, limit))

    def requeue(
        self, which: Iterable[Item | Receipt[Any] | int], *, tail: bool = False
    ) -> int:
        """Let them run again, under their old number and key.

        Args:
            which: Items, receipts or numbers.
            tail: At the end of their lane instead of in their old place. What
                others wait for (``after=``, `Ref`) keeps its place all the same:
                behind them it would wait for those that wait for it.

        Returns:
            How many will; one that is not on this shelf (any more) is left alone.
        """
        seqs = numbers(self._shared, which)
        return do(self._shared, lambda: self._requeued(seqs, tail=tail))

    async def arequeue(
        self, which: Iterable[Item | Receipt[Any] | int], *, tail: bool = False
    ) -> int:
        """Do `requeue` on an event loop."""
        seqs = numbers(self._shared, which)
        return await ado(self._shared, lambda: self._requeued(seqs, tail=tail))

    def discard(self, which: Iterable[Item | Receipt[Any] | int]) -> int:
        """End them for good; return how many that were.

        Their receipts raise `ItemFailed`, and what waits behind them goes on.
        """
        seqs = numbers(self._shared, which)
        return do(self._shared, lambda: self._discarded(seqs))

    async def adiscard(self, which: Iterable[Item | Receipt[Any] | int]) -> int:
        """Do `discard` on an event loop."""
        seqs = numbers(self._shared, which)
        return await ado(self._shared, lambda: self._discarded(seqs))

    def _requeued(self, seqs: _Numbers, *, tail: bool) -> Flow[Step, int]:
        shared, count = self._shared, 0
        seqs = sorted(seqs)  # parents first, also over the portions
        for at in range(0, len(seqs), _BATCH):
            mine = yield from self._here(seqs[at : at + _BATCH])
            done = yield from Ask("requeue", list(mine), tail=tail)
            count += len(done)
            shared.tell(
                *(events.ItemRequeued(**of_item(shared, mine[seq])) for seq in done)
            )
        return count

    def _discarded(self, seqs: _Numbers) -> Flow[Step, int]:
        shared, count = self._shared, 0
        for at in range(0, len(seqs), _BATCH):
            mine = yield from self._here(seqs[at : at + _BATCH])
            ended: Sequence[Ended] = yield from Ask("discard", list(mine))
            count += sum(each.seq in mine for each in ended)
            shared.tell(
                *(
                    events.ItemDiscarded(**of_ended(shared, each), reason=each.reason)
                    if each.seq in mine
                    else about_end(shared, each)  # a child of one of them
                    for each in ended
                )
            )
        return count

    def _here(self, seqs: Iterable[int]) -> Flow[Step, dict[int, Item]]:
        """Return those of *seqs* that are on this shelf."""
        found: dict[int, Item] = {}
        for seq in seqs:
            item: Item | None = yield from Ask("get", seq)
            if item is not None and item.state is self._state:
                found[seq] = item
        return found


def numbers(shared: Shared, which: Iterable[Item | Receipt[Any] | int]) -> list[int]:
    """Return the numbers of items, receipts or numbers, each once.

    Raises:
        ConfigurationError: It is something else, or a receipt of another queue.
    """
    given: object = which
    if isinstance(given, (int, str, Item, Receipt)) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"Give a list of items, receipts or numbers: {given!r}."
        )
    found: dict[int, None] = {}
    for each in which:
        if isinstance(each, Item):
            seq: object = each.seq
        else:
            refuse_foreign(shared, each)
            seq = each.id if isinstance(each, Receipt) else each
        if type(seq) is not int:
            raise ConfigurationError(
                f"Give items, receipts or numbers, not a {type(each).__name__}."
            )
        found[seq] = None
    return list(found)
