"""Looks whether targets that were lost are back."""

from __future__ import annotations

import logging

import anyio

from syncpatterns.offline_queue._draining._board import Board
from syncpatterns.offline_queue._draining._pace import LONGEST_LOOK
from syncpatterns.offline_queue._reaching._witnesses import Probe

_log = logging.getLogger("syncpatterns.offline_queue")


class Prober:
    """Asks each target that is away when it is time to, side by side.

    Args:
        board: The drain's.
    """

    def __init__(self, board: Board) -> None:
        self._board = board

    async def run(self) -> None:
        """Look until cancelled."""
        board = self._board
        async with anyio.create_task_group() as looks:
            while True:
                for target, probe in board.surface.targets.to_look_at():
                    looks.start_soon(self._look, target, probe)
                wait = board.surface.targets.wait()
                # After that, so that what was due by then is claimed now, and
                # what is due later wakes this task.
                board.claimer.ring()
                await board.prober.wait(board.clock, wait)

    async def look_now(self) -> None:
        """Look at every target that is away, and return when all have answered."""
        targets = self._board.surface.targets
        targets.hurry()
        await self.look_first(anew=True)
        targets.hurry()  # somebody waits for this pass: no waiting for others

    async def look_first(self, *, anew: bool = False) -> None:
        """Look at those for which it is time, and return when all have answered.

        A drain that ends when nothing can be delivered has to know what can be: its
        first claim was often made before anybody had looked, and it ended there.
        """
        async with anyio.create_task_group() as looks:
            for target, probe in self._board.surface.targets.to_look_at(anew=anew):
                looks.start_soon(self._look, target, probe)

    async def _look(self, target: str, probe: Probe) -> None:
        found: bool | None = None
        try:
            with anyio.move_on_after(LONGEST_LOOK) as scope:
                found = await probe.aprobe()
            if scope.cancelled_caught:
                found = False
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken probe found nobody
            _log.warning("%r failed with %s: %s", probe, type(error).__name__, error)
            found = False
        finally:
            self._board.surface.targets.looked(target, found=found)
            self._board.prober.ring()
