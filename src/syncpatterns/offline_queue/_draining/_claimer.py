"""Takes what can start now, and finds out when there is more.

As long as all goes well the acker claims too: as many as it settles, in the same
commit. Each slot is filled by one of the two. Those of a batch that is being settled
are taken until the commit is through, and then by what came with it; the claimer
fills those that are free.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from syncpatterns import _testpoints
from syncpatterns._landing import whole
from syncpatterns.errors import EngineClosed
from syncpatterns.offline_queue._core import Item, QueueStats
from syncpatterns.offline_queue._draining._board import CLEANUP, Aloft, Board
from syncpatterns.offline_queue._draining._pace import BUSY_STAGE, CLAIM_ANYWAY, POLL
from syncpatterns.offline_queue._draining._progress import Progress
from syncpatterns.offline_queue._draining._stager import Stager
from syncpatterns.offline_queue._draining._trouble import Trouble
from syncpatterns.offline_queue._ports import ClaimRequest

_log = logging.getLogger("syncpatterns.offline_queue")


class Claim(NamedTuple):
    """A claim that is being made.

    Args:
        request: What the store is asked for.
        begun: When, by the drain's clock.
        halts: How often deliveries had been paused by then.
    """

    request: ClaimRequest
    begun: float
    halts: int


class Claimer:
    """Claims up to the free slots, so that nothing waits in a worker's hand.

    Args:
        board: The drain's.
        start: Begins one delivery.
        stager: Stirred when others have committed.
        progress: Told when a wave begins and ends.
        once: End as soon as nothing can be delivered now.
    """

    def __init__(
        self,
        board: Board,
        *,
        start: Callable[[Aloft], object],
        stager: Stager,
        progress: Progress,
        once: bool,
    ) -> None:
        self._board = board
        self._start = start
        self._stager = stager
        self._progress = progress
        self._once = once
        self._trouble = Trouble(
            board.surface.name, board.store.name, "could not claim", "nothing is lost"
        )
        self._poll = POLL[0]
        self._seen: int | None = None
        self._tried_at = 0.0
        self._staged_at = 0.0

    async def run(self) -> None:
        """Claim until the drain is closing, or until *once* is over."""
        board = self._board
        while not board.closing and not board.closed:
            try:
                got = await self._claim() if board.free > 0 else 0
                idle = not got and not board.flights
                if idle:
                    await self._idle()
                if idle and self._once:
                    return
                await self._wait(got)
            except EngineClosed:
                _log.info("The engine is closed, so queue %r ends.", board.surface.name)
                board.close()
                return
            except Exception as error:
                if self._once:
                    raise
                seconds = self._trouble.again(error)
                await board.claimer.wait(board.clock, seconds)
                continue
            self._trouble.over()

    async def _claim(self) -> int:
        """Claim what fits, and start it; return how many that was."""
        board = self._board
        # Before the claim: a commit during it is found by the next one.
        seen = board.store.changes()
        claim = self.begin(board.free)
        items: list[Item] = []
        stats: QueueStats | None = None
        board.claiming = True
        try:
            items = await whole(board.store.claim(claim.request), CLEANUP)
            _testpoints.hit("drain.after_claim")
            if items and not self._progress.under_way:
                # Before the first of them starts: an item that ends while the store
                # is asked would be counted as done, and once more as waiting.
                stats = await board.count()
        finally:
            self.end(claim, items)
            board.claiming = False
            board.landed.ring()
        self._seen, self._tried_at = seen, claim.begun
        if stats is not None:
            self._progress.began(stats)
        return len(items)

    def begin(self, limit: int) -> Claim:
        """Return what to claim for *limit* slots; `end` must follow."""
        board = self._board
        now = board.clock.monotonic()
        if now - self._staged_at >= BUSY_STAGE:
            self._staged_at = now
            self._stager.stir()
        targets, surface = board.surface.targets, board.surface
        halts = targets.halts
        request = targets.request(surface.name, limit, surface.lease, board.width)
        return Claim(request, now, halts)

    def end(self, claim: Claim, items: list[Item]) -> None:
        """Have the deliveries of *items* started; none if the claim has failed."""
        board = self._board
        board.surface.targets.claimed(claim.request, items)
        for item in items:
            self._start(board.add(item, claim.begun, claim.halts))

    async def _idle(self) -> None:
        """Nothing can be delivered now and nothing is under way."""
        board = self._board
        ends = self._progress.under_way
        if ends and (stats := await board.count()) is not None:
            self._progress.over(stats, board.surface.targets.away())

    async def _wait(self, got: int) -> None:
        """Return when it is worth claiming again."""
        board = self._board
        if got and board.free > 0:
            self._poll = POLL[0]
        while not board.closing and not board.closed:
            if board.free <= 0:
                await board.claimer.wait(board.clock)
                return
            if await board.claimer.wait(board.clock, self._poll):
                self._stager.stir()
                return
            if board.store.changes() != self._seen:
                self._poll = POLL[0]
                self._stager.stir()
                return
            self._poll = min(2 * self._poll, POLL[1])
            if board.clock.monotonic() - self._tried_at >= CLAIM_ANYWAY:
                return
