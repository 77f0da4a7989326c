"""Empties a queue on an event loop: one task group, asyncio or trio.

::

    claimer ──items──> workers ──verdicts──> acker ──commit──> slots are free
       ^  ^                ^                                        │
       │  └── stager       └── renewer (cancels what is lost)       │
       │      prober                                                │
       └────────────────────────────────────────────────────────────┘

All of it is shielded from cancellation: who stops the drain is heard by one
task, which then closes in order. Nothing is claimed any more; what no handler
has begun goes back at once; what runs gets its grace; the rest goes back; and
what has been answered is stored before the last task ends.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, cast

import anyio
from anyio.abc import TaskGroup, TaskStatus
from anyio.lowlevel import checkpoint

from syncpatterns.errors import ConfigurationError, EngineClosed, StoreUnavailable
from syncpatterns.offline_queue._core import Settled
from syncpatterns.offline_queue._draining._acker import Acker
from syncpatterns.offline_queue._draining._board import CLEANUP, Aloft, Board
from syncpatterns.offline_queue._draining._claimer import Claimer
from syncpatterns.offline_queue._draining._delivers import Delivers
from syncpatterns.offline_queue._draining._prober import Prober
from syncpatterns.offline_queue._draining._progress import Progress
from syncpatterns.offline_queue._draining._renewer import Renewer
from syncpatterns.offline_queue._draining._report import DrainReport, Tally
from syncpatterns.offline_queue._draining._returns import given_back, pause_of
from syncpatterns.offline_queue._draining._stager import Stager
from syncpatterns.offline_queue._draining._trouble import Trouble
from syncpatterns.offline_queue._flights import Verdict
from syncpatterns.offline_queue._ports import AsyncQueueStore

_log = logging.getLogger("syncpatterns.offline_queue")

#: Seconds of the event loop that a cancelled handler has to end, before its
#: item goes back all the same.
_TO_END: Final = 1.0


class Drain:
    """One drain of one queue; `run` it once.

    Args:
        surface: The surface of the queue.
        once: End as soon as nothing can be delivered now.
        concurrency: Most items under way.
        grace: Seconds that handlers get to end when the drain is stopped.
        hurry: Look at once at the targets that are away, and wait for it.

    Raises:
        ConfigurationError: A figure can never work.
    """

    def __init__(
        self,
        surface: Delivers,
        *,
        once: bool = False,
        concurrency: int = 8,
        grace: float = 5.0,
        hurry: bool = False,
    ) -> None:
        if type(concurrency) is not int or concurrency < 1:
            raise ConfigurationError(
                f"concurrency={concurrency!r} must be a whole number above 0."
            )
        given: object = grace
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if not number or not 0 <= grace < math.inf:
            raise ConfigurationError(
                f"grace={grace!r} must be a number of seconds, 0 or more."
            )
        self._surface = surface
        self._once = once
        self._concurrency = concurrency
        self._grace = grace
        self._hurry = hurry
        #: What was done, also by a drain that was cancelled, once it has ended.
        self.report = DrainReport()

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> DrainReport:
        """Drain until cancelled, or until it is over.

        Returns:
            What was done. A drain that is not *once* only ends with its engine.
        """
        store = await self._store()
        if store is None:
            return self.report
        board = Board(self._surface, store, self._concurrency)
        unlisten = [
            board.store.on_change(board.claimer.ring),
            self._surface.targets.on_change(board.prober.ring),
        ]
        try:
            await self._run(board, task_status)
        except BaseExceptionGroup as group:
            raise only(group) from None
        finally:
            for off in unlisten:
                off()
        return self.report

    # ----------------------------------------------------------------- inside

    async def _store(self) -> AsyncQueueStore | None:
        """Return the store; None if its engine is closed.

        A server that starts before its database goes on trying.
        """
        trouble = Trouble(
            self._surface.name, "its engine", "cannot be opened", "it waits"
        )
        while True:
            try:
                return await self._surface.aready()
            except EngineClosed:
                if self._once:
                    raise
                return None
            except StoreUnavailable as error:
                if self._once:
                    raise
                await self._surface.clock.asleep(trouble.again(error))

    async def _run(self, board: Board, task_status: TaskStatus[None]) -> None:
        progress = Progress(self._surface, board.store.name, board.tally)
        stager, prober, renewer = Stager(board), Prober(board), Renewer(board)
        async with anyio.create_task_group() as tasks:
            crew = _Crew(tasks)
            claimer = Claimer(
                board,
                start=lambda flight: tasks.start_soon(fly, flight),
                stager=stager,
                progress=progress,
                once=self._once,
            )
            acker = Acker(board, progress, claimer)
            fly = partial(self._fly, board, acker)
            for work in (acker.run, renewer.run, prober.run, stager.run):
                crew.start(work)
            over = anyio.Event()
            try:
                if self._hurry:
                    await prober.look_now()
                elif self._once:
                    await prober.look_first()
                crew.start(claimer.run, over.set)
                task_status.started()
                await over.wait()
            finally:
                with anyio.CancelScope(shield=True):
                    # asyncio.run() cancels every task by itself when the program
                    # ends, ours too, shield or not; let them hear of it.
                    await checkpoint()
                    if not acker.running:
                        crew.start(acker.run)
                        crew.start(renewer.run)
                    try:
                        await self._close(board, acker)
                        await self._take_stock(board, progress)
                    finally:
                        crew.dismiss()

    async def _fly(self, board: Board, acker: Acker, flight: Aloft) -> None:
        """Deliver one item; whatever happens, its slot gets a verdict."""
        verdict: Verdict | None = None
        if flight.halts != self._surface.targets.halts:
            flight.scope.cancel()  # paused since it was claimed, by a hook for instance
        try:
            with flight.scope:
                if not board.closing and not flight.scope.cancel_called:
                    verdict = await self._surface.adeliver(flight)
        except Exception:  # noqa: BLE001 - logged; the surface answers a handler's errors
            _log.exception("The delivery of item %d failed", flight.item.seq)
            verdict = given_back(flight, pause_of(flight), "delivery-failed")
        finally:
            self._land(board, acker, flight, verdict)

    def _land(
        self, board: Board, acker: Acker, flight: Aloft, verdict: Verdict | None
    ) -> None:
        if verdict is None:
            # Without a word of ours the handler has cancelled itself, or the
            # program ends: the one must not be asked again in a circle.
            ours = flight.scope.cancel_called or board.closing
            verdict = given_back(flight, 0.0 if ours else pause_of(flight))
        self._observe(board, flight, verdict)
        if flight.verdict is not None:
            return  # it did not end in time, and its item went back all the same
        flight.verdict = verdict
        if flight.lost:
            board.end(flight)
            stale = Settled(accepted=False, seq=flight.item.seq)
            board.tell(flight, verdict, stale)
        else:
            acker.take(flight)

    def _observe(self, board: Board, flight: Aloft, verdict: Verdict) -> None:
        """Learn from a delivery, once."""
        if not flight.observed:
            flight.observed = True
            self._surface.targets.observed(flight.item.target, verdict, board.width)

    async def _close(self, board: Board, acker: Acker) -> None:
        """End in order; see the module. Bounded, whatever handlers do."""
        board.closing = True
        board.claimer.ring()
        for flight in list(board.flights.values()):
            if not flight.begun:
                flight.scope.cancel()
        await self._landed(board, self._grace)
        for flight in list(board.flights.values()):
            flight.scope.cancel()
        await self._landed(board, _TO_END)
        for flight in list(board.flights.values()):
            if flight.verdict is None:
                _log.warning(
                    "The handler of item %d of queue %r does not end although it is "
                    "cancelled; the item is given back.",
                    flight.item.seq,
                    self._surface.name,
                )
                flight.verdict = given_back(flight)
                self._observe(board, flight, flight.verdict)
                acker.take(flight)
        if not await self._landed(board, CLEANUP):
            _log.error(
                "Queue %r could not give back %d items before it ended; they come "
                "back when their leases end.",
                self._surface.name,
                len(board.flights),
            )

    async def _landed(self, board: Board, seconds: float) -> bool:
        """Wait until nothing is under way; False if that took too long."""
        with anyio.move_on_after(seconds):
            while (board.flights or board.claiming) and not board.closed:
                await board.landed.wait(board.clock)
            return True
        return not board.flights

    async def _take_stock(self, board: Board, progress: Progress) -> None:
        """Say what was done and what is left, as far as the store can be asked."""
        away = self._surface.targets.away()
        self.report = board.tally.since(Tally(), 0, away)
        with anyio.move_on_after(CLEANUP):
            try:
                stats = await board.store.stats(self._surface.name)
            except Exception as error:
                if self._once and not isinstance(error, EngineClosed):
                    raise
                _log.info("Queue %r cannot be counted: %s", self._surface.name, error)
                return
            self.report = board.tally.since(Tally(), stats.live, away)
            progress.over(stats, away)


class _Crew:
    """The shielded tasks of a drain that run until they are dismissed."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._scopes: list[anyio.CancelScope] = []

    def start(
        self,
        work: Callable[[], Awaitable[object]],
        after: Callable[[], object] = lambda: None,
    ) -> None:
        """Run *work*, and call *after* however it ends."""
        scope = anyio.CancelScope(shield=True)
        self._scopes.append(scope)
        self._tasks.start_soon(self._run, work, after, scope)

    def dismiss(self) -> None:
        """Cancel all of them."""
        for scope in self._scopes:
            scope.cancel()

    async def _run(
        self,
        work: Callable[[], Awaitable[object]],
        after: Callable[[], object],
        scope: anyio.CancelScope,
    ) -> None:
        try:
            with scope:
                await work()
        finally:
            after()


def only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error in *group*, or the group if there are several."""
    while len(group.exceptions) == 1:
        (only,) = group.exceptions
        if not isinstance(only, BaseExceptionGroup):
            return only
        group = cast("BaseExceptionGroup[BaseException]", only)
    return group
