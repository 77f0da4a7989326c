"""Keeps what is under way ours: one renewal for all of it."""

from __future__ import annotations

import math

from syncpatterns.errors import EngineClosed
from syncpatterns.offline_queue._draining._board import Aloft, Board
from syncpatterns.offline_queue._draining._trouble import Trouble


class Renewer:
    """Moves the leases of a drain every third of them, in one call.

    The call is its own, and no settlement waits before it: ten renewals behind
    a thousand acks would be how a busy queue loses what it works on. Whoever
    is not ours any more has its handler cancelled.

    Args:
        board: The drain's.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._trouble = Trouble(
            board.surface.name,
            board.store.name,
            "could not renew leases",
            "they have not ended yet",
        )

    async def run(self) -> None:
        """Renew until cancelled."""
        board = self._board
        while not board.closed:
            if not board.flights:
                await board.renewer.wait(board.clock, math.inf)
                continue
            third = board.surface.lease / 3
            await board.clock.asleep(third / 4 if self._trouble.failures else third)
            await self._renew()

    async def _renew(self) -> None:
        board = self._board
        flights = list(board.flights.values())
        if not flights:
            return
        now = board.clock.monotonic()
        holds = [flight.item.hold for flight in flights]
        try:
            held = await board.store.extend(
                board.surface.name, holds, board.surface.lease
            )
        except EngineClosed:
            board.close()
            return
        except Exception as error:  # noqa: BLE001 - logged; tried again in time
            self._failed(error, flights)
            return
        self._trouble.over()
        ours = set(held)
        for flight in flights:
            if flight.item.hold in ours:
                flight.renewed_at = now
            elif flight.verdict is None:
                # One with a verdict may just have been settled: the answer to
                # its settlement says whether it was ours.
                self._lose(flight)

    def _failed(self, error: Exception, flights: list[Aloft]) -> None:
        board = self._board
        self._trouble.again(error)
        now = board.clock.monotonic()
        for flight in flights:
            if (
                flight.verdict is None
                and now - flight.renewed_at >= board.surface.lease
            ):
                # It may be another's by now, and nobody can tell: end it. Its
                # release is fenced, and refused if so.
                flight.scope.cancel()

    def _lose(self, flight: Aloft) -> None:
        flight.lost = True
        flight.scope.cancel()
