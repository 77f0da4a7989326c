"""How a queue is looked at and steered: the part of `OfflineQueue` for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from syncpatterns.offline_queue._looking import _control as control
from syncpatterns.offline_queue._looking._shelf import Shelf, numbers
from syncpatterns.offline_queue._steps import ado, do
from syncpatterns.offline_queue._taking._receipts import Receipt, cancelled

if TYPE_CHECKING:
    from syncpatterns.offline_queue._core import (
        Ended,
        Item,
        ItemState,
        Pause,
        QueueStats,
    )
    from syncpatterns.offline_queue._shared import Shared


class Looks:
    """Shows and steers; see `OfflineQueue`.

    Attributes:
        dead: Items that failed for good, with their payloads.
        parked: Items of which somebody has to decide.
    """

    _shared: Shared
    dead: Shelf
    parked: Shelf

    def items(
        self,
        *,
        states: Iterable[ItemState | str] = (),
        operation: str = "",
        target: str = "",
        lane: str | None = None,
        reason: str = "",
        after: int = 0,
        limit: int = 100,
    ) -> list[Item]:
        """Return up to *limit* items, live and DEAD, oldest first.

        Args:
            states: Any of these; all if empty.
            operation: Of this operation.
            target: For this target.
            lane: Of this lane.
            reason: PARKED or DEAD for this reason.
            after: Only numbers above this one: the last that was seen.
            limit: At most so many, up to 1000.
        """
        which = control.which(states, operation, target, lane, reason)
        return do(self._shared, lambda: control.listed(which, after, limit))

    async def aitems(
        self,
        *,
        states: Iterable[ItemState | str] = (),
        operation: str = "",
        target: str = "",
        lane: str | None = None,
        reason: str = "",
        after: int = 0,
        limit: int = 100,
    ) -> list[Item]:
        """Do `items` on an event loop."""
        which = control.which(states, operation, target, lane, reason)
        return await ado(self._shared, lambda: control.listed(which, after, limit))

    def get(self, id: int) -> Item | None:  # noqa: A002 - what a receipt calls it
        """Return an item that is live or DEAD.

        Raises:
            ConfigurationError: *id* is no number.
        """
        return do(self._shared, lambda: control.one(self._shared, id))

    async def aget(self, id: int) -> Item | None:  # noqa: A002 - as above
        """Do `get` on an event loop."""
        return await ado(self._shared, lambda: control.one(self._shared, id))

    def receipt(self, id: int) -> Receipt[Any]:  # noqa: A002 - as above
        """Return the receipt of an item, for a process that has only its number.

        Raises:
            OutcomeGone: There is no such item any more.
        """
        return do(self._shared, lambda: control.receipt(self._shared, id))

    async def areceipt(self, id: int) -> Receipt[Any]:  # noqa: A002 - as above
        """Do `receipt` on an event loop."""
        return await ado(self._shared, lambda: control.receipt(self._shared, id))

    def stats(self) -> QueueStats:
        """Return how much is in it, at a cost that does not depend on how much."""
        stats: QueueStats = do(self._shared, lambda: control.asked("stats"))
        return stats

    async def astats(self) -> QueueStats:
        """Do `stats` on an event loop."""
        stats: QueueStats = await ado(self._shared, lambda: control.asked("stats"))
        return stats

    def blocked_lanes(self) -> dict[str, int]:
        """Return the lanes that a DEAD head holds up, each with its number."""
        lanes: dict[str, int]
        lanes = do(self._shared, lambda: control.asked("blocked_lanes"))
        return lanes

    async def ablocked_lanes(self) -> dict[str, int]:
        """Do `blocked_lanes` on an event loop."""
        lanes: dict[str, int]
        lanes = await ado(self._shared, lambda: control.asked("blocked_lanes"))
        return lanes

    def cancel(self, which: Iterable[Item | Receipt[Any] | int]) -> int:
        """Take items back that nobody holds; return how many of them could be.

        Those that wait for them end too (``on_parent="cascade"``), and are not
        counted: they are DEAD, and kept.
        """
        seqs = numbers(self._shared, which)
        return _of(seqs, do(self._shared, lambda: cancelled(self._shared, seqs)))

    async def acancel(self, which: Iterable[Item | Receipt[Any] | int]) -> int:
        """Do `cancel` on an event loop."""
        seqs = numbers(self._shared, which)
        return _of(seqs, await ado(self._shared, lambda: cancelled(self._shared, seqs)))

    def pause(
        self,
        target: str | None = None,
        seconds: float | None = None,
        reason: str = "by-hand",
    ) -> None:
        """Stop delivering to *target*, in every process; what runs goes on.

        Args:
            target: None for the whole queue.
            seconds: For how long; None: until `resume`. A longer pause is never
                cut short by a shorter one.
            reason: Why, as one word; shown by `stats`.
        """
        name = target or ""
        flow = control.paused
        do(self._shared, lambda: flow(self._shared, name, seconds, reason))

    async def apause(
        self,
        target: str | None = None,
        seconds: float | None = None,
        reason: str = "by-hand",
    ) -> None:
        """Do `pause` on an event loop."""
        name = target or ""
        flow = control.paused
        await ado(self._shared, lambda: flow(self._shared, name, seconds, reason))

    def resume(self, target: str | None = None) -> list[Pause]:
        """Deliver to *target* again, and return the pauses that ended.

        What was PARKED because nobody was signed in is delivered too.

        Args:
            target: None ends every pause.
        """
        return do(self._shared, lambda: control.resumed(self._shared, target or ""))

    async def aresume(self, target: str | None = None) -> list[Pause]:
        """Do `resume` on an event loop."""
        return await ado(
            self._shared, lambda: control.resumed(self._shared, target or "")
        )


def _of(seqs: list[int], ended: Iterable[Ended]) -> int:
    """Return how many of *seqs* are among *ended*."""
    return len({each.seq for each in ended}.intersection(seqs))
