"""Does what time alone asks for: what is due, what lapsed, what is too old."""

from __future__ import annotations

import logging

from syncpatterns.errors import EngineClosed
from syncpatterns.offline_queue._draining._board import Board
from syncpatterns.offline_queue._draining._pace import LONGEST_STAGE, SHORTEST_STAGE
from syncpatterns.offline_queue._draining._trouble import Trouble

_log = logging.getLogger("syncpatterns.offline_queue")


class Stager:
    """Stages when something is due, and when others have changed what is due.

    Args:
        board: The drain's.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._trouble = Trouble(
            board.surface.name,
            board.store.name,
            "could not look for what is due",
            "nothing is lost",
        )
        self._version: int | None = None

    def stir(self) -> None:
        """Look again, unless nobody has committed since the last look."""
        if self._board.store.changes() != self._version:
            self._board.stager.ring()

    async def run(self) -> None:
        """Stage until cancelled."""
        board = self._board
        while not board.closed:
            wait = await self.stage()
            began = board.clock.monotonic()
            if await board.stager.wait(board.clock, wait):
                # A burst of commits is one look.
                passed = board.clock.monotonic() - began
                await board.clock.asleep(SHORTEST_STAGE - passed)

    async def stage(self) -> float:
        """Stage once; return the seconds until it is worth doing again."""
        board = self._board
        try:
            # Before the look: a commit during it is found by the next one.
            version = board.store.changes()
            staged = await board.store.stage(board.surface.name)
        except EngineClosed:
            board.close()
            return 0.0
        except Exception as error:  # noqa: BLE001 - logged; time goes on asking
            return self._trouble.again(error)
        self._trouble.over()
        self._version = version
        board.tally.staged(staged)
        try:
            board.surface.staged(staged)
        except Exception:  # noqa: BLE001 - logged; a slip of the surface stops no drain
            _log.exception("What time has changed was not told")
        if staged.ready or staged.lapsed or staged.resumed or staged.ended:
            board.claimer.ring()
        return min(max(staged.next_due, SHORTEST_STAGE), LONGEST_STAGE)
