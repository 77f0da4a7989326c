"""Stores what deliveries came to: many in one commit, none ever twice.

And claims as many in the same commit, as long as all goes well.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from syncpatterns import _testpoints
from syncpatterns._landing import whole
from syncpatterns.errors import EngineClosed, StoreUnavailable
from syncpatterns.offline_queue._core import (
    Ack,
    Ended,
    Hold,
    Item,
    Settled,
    Settlement,
)
from syncpatterns.offline_queue._core._lost_answers import landed
from syncpatterns.offline_queue._draining._board import CLEANUP, Aloft, Board
from syncpatterns.offline_queue._draining._claimer import Claimer
from syncpatterns.offline_queue._draining._progress import Progress
from syncpatterns.offline_queue._draining._returns import cooled
from syncpatterns.offline_queue._draining._trouble import Trouble
from syncpatterns.offline_queue._flights import Verdict
from syncpatterns.offline_queue._ports import Turn

_log = logging.getLogger("syncpatterns.offline_queue")

#: Failed tries of a batch after which its settlements are stored one by one.
_TOGETHER: Final = 3
#: Failed tries after which one that the store does not take is given up.
_ALONE: Final = 6


class Acker:
    """Settles in batches: whatever has come back while the last commit ran.

    Args:
        board: The drain's.
        progress: Told after each commit.
        claimer: Starts what was claimed with a settlement.
    """

    def __init__(self, board: Board, progress: Progress, claimer: Claimer) -> None:
        self._board = board
        self._progress = progress
        self._claimer = claimer
        self._waiting: list[Aloft] = []
        self._doubtful: set[Hold] = set()  # a try failed, perhaps after its commit
        self._trouble = Trouble(
            board.surface.name,
            board.store.name,
            "could not store what deliveries came to",
            "their leases are kept",
        )
        self.running = False

    def take(self, flight: Aloft) -> None:
        """Have the verdict of *flight* stored."""
        self._waiting.append(flight)
        self._board.acker.ring()

    async def run(self) -> None:
        """Settle until cancelled; what was not stored then is left for the next run."""
        board = self._board
        self.running = True
        try:
            while True:
                while self._waiting:
                    await self._turn()
                await board.acker.wait(board.clock)
        finally:
            self.running = False

    async def _turn(self) -> None:
        """Store all that has landed by now.

        It waits for no more of them: while one commit runs, the next batch
        gathers by itself, and the larger the slower the disk is.
        """
        batch, self._waiting = self._waiting, []
        try:
            await self._settle(batch)
        finally:
            if batch:  # this task was cancelled, perhaps after the commit
                self._doubtful.update(flight.item.hold for flight in batch)
                self._waiting[:0] = batch
        await self._measure()

    async def _measure(self) -> None:
        if self._progress.due and (stats := await self._board.count()) is not None:
            self._progress.measured(stats)

    async def _settle(self, batch: list[Aloft]) -> None:
        """Store the verdicts of *batch*, however often it takes."""
        board = self._board
        tries = 0
        while batch:
            try:
                await self._pause_targets(batch)
                try:
                    await self._store(batch if tries < _TOGETHER else batch[:1])
                finally:
                    # Also where a look-up failed: who was told is not told again.
                    flights = board.flights
                    batch[:] = [each for each in batch if each.item.hold in flights]
                self._trouble.over()
            except EngineClosed:
                board.close()
                for flight in batch:
                    board.end(flight)
                batch.clear()
            except Exception as error:  # noqa: BLE001 - logged; the lease is kept meanwhile
                tries += 1
                await self._failed(batch, tries, error)

    async def _failed(self, batch: list[Aloft], tries: int, error: Exception) -> None:
        board = self._board
        self._doubtful.update(flight.item.hold for flight in batch)
        seconds = self._trouble.again(error)
        if tries >= _ALONE and not isinstance(error, StoreUnavailable):
            # Not the store is in trouble, but this one settlement.
            flight = batch.pop(0)
            _log.error(
                "Queue %r gives up storing what became of item %d (%s); it comes back "
                "when its lease ends.",
                board.surface.name,
                flight.item.seq,
                flight.item.key_hash,
            )
            board.end(flight)
        await board.clock.asleep(seconds)

    async def _pause_targets(self, batch: Sequence[Aloft]) -> None:
        """Pause before the items go back: nobody may claim them in between."""
        board = self._board
        pauses: dict[tuple[str, str], float] = {}
        for flight in batch:
            verdict = _verdict(flight)
            if verdict.pause and verdict.rest > 0:
                which = (flight.item.target, verdict.pause)
                pauses[which] = max(pauses.get(which, 0.0), verdict.rest)
        for (target, reason), seconds in pauses.items():
            await board.store.pause(board.surface.name, target, seconds, reason)

    async def _store(self, batch: Sequence[Aloft]) -> None:
        board, name = self._board, self._board.surface.name
        _testpoints.hit("drain.before_settle")
        said = [cooled(_verdict(flight)) for flight in batch]
        if self._goes_on(batch):
            answers = await self._settle_and_claim(said)
        else:
            answers = await board.store.settle(name, said)
        _testpoints.hit("drain.after_settle")
        for flight, answer in zip(batch, answers, strict=True):
            settled = answer
            doubtful = flight.acked or flight.item.hold in self._doubtful
            if not settled.accepted and doubtful:
                settled = await self._looked_up(flight, answer)
            self._tell(flight, settled)

    def _goes_on(self, batch: Sequence[Aloft]) -> bool:
        """Tell whether as many may be claimed in the commit that settles *batch*.

        Only where all is well: what a failed try has claimed, nobody would know of.
        """
        board = self._board
        return not board.closing and all(
            isinstance(verdict.settlement, Ack)
            and verdict.rest <= 0
            and flight.item.hold not in self._doubtful
            for flight in batch
            for verdict in (_verdict(flight),)
        )

    async def _settle_and_claim(self, said: Sequence[Settlement]) -> list[Settled]:
        board = self._board
        claim = self._claimer.begin(len(said))
        turn = Turn([], [])
        try:
            work = board.store.settle_and_claim(claim.request, said)
            turn = await whole(work, CLEANUP)
            _testpoints.hit("drain.after_claim")
        finally:
            self._claimer.end(claim, turn.items)
        return turn.settled

    async def _looked_up(self, flight: Aloft, answer: Settled) -> Settled:
        """Find out whether an earlier try of ours has landed after all."""
        board, name = self._board, self._board.surface.name
        item: Item | None = await board.store.get(name, flight.item.seq)
        ended: Ended | None = await board.store.ended(name, flight.item.seq)
        if not landed(_verdict(flight).settlement, flight.item, item, ended):
            return answer
        return Settled(True, answer.seq, (ended,) if ended is not None else ())  # noqa: FBT003 - a value's field

    def _tell(self, flight: Aloft, settled: Settled) -> None:
        board = self._board
        verdict = _verdict(flight)
        self._doubtful.discard(flight.item.hold)
        board.tally.settled(verdict.settlement, settled)
        board.end(flight)
        board.tell(flight, verdict, settled)


def _verdict(flight: Aloft) -> Verdict:
    if flight.verdict is None:
        raise RuntimeError("a flight without a verdict was to be settled")
    return flight.verdict
