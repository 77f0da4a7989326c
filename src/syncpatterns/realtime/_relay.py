"""From the outbox to the hub: one task a process, in commit order."""

from __future__ import annotations

import logging
import random
from typing import Final

import anyio
from anyio.abc import TaskStatus

from syncpatterns import _testpoints
from syncpatterns._bells import TaskBell
from syncpatterns.clock import Clock
from syncpatterns.errors import ConfigurationError, EngineClosed
from syncpatterns.realtime._core import StoredEvent
from syncpatterns.realtime._hub import Hub
from syncpatterns.realtime._offload import in_thread
from syncpatterns.realtime._ports import Outbox, RealtimeEngine

_log = logging.getLogger("syncpatterns.realtime")

_LONGEST_PAUSE: Final = 5.0
_FIRST_PAUSE: Final = 0.05
#: Polls after which the outbox is read although nothing seems to have changed.
_LOOK_ANYWAY: Final = 50


class Relay:
    """Reads committed events after its own position and hands them to a hub.

    It begins at the newest event: subscribers fetch older ones from the
    outbox. A commit of this process wakes it at once; commits of others are
    found by polling, which is also the floor should a wake-up be lost. An
    error of the engine is logged and the same rows are read again after a
    pause; the hub ignores what it has. Cancelling it leaves nothing behind.

    Args:
        engine: Where the events are committed.
        hub: Where they go; made with ``Hub(history=engine)``.
        poll: Seconds between two looks for commits of other processes.
        page: Rows a read.
        clock: Where the time comes from; the hub's if None.
        rng: For the jitter of the pauses after errors.
    """

    def __init__(
        self,
        engine: RealtimeEngine,
        hub: Hub,
        *,
        poll: float = 0.1,
        page: int = 512,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if hub.history is None:
            raise ConfigurationError(
                "The relay's hub must know the outbox: use Hub(history=engine)."
            )
        if not poll > 0 or page < 1:
            raise ConfigurationError("poll must be above 0 s and page at least 1 row.")
        self._engine = engine
        self._hub = hub
        self._poll = poll
        self._page = page
        self._clock = clock or hub.clock
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, keeps no secret
        self._outbox: Outbox | None = None
        self._version: int | None = None
        self._unchanged = 0
        self._failures = 0
        self._running = False
        self._seen = self._clock.monotonic()
        #: Position of the last row handed over; None before the first look.
        self.pos: int | None = None

    @property
    def healthy(self) -> bool:
        """Whether it runs and its last look at the outbox succeeded."""
        return self._running and self._failures == 0 and self.pos is not None

    @property
    def lag(self) -> float:
        """Seconds since the hub last had everything that was committed.

        Up to the polling interval while all is well; growing after an error.
        """
        return max(0.0, self._clock.monotonic() - self._seen)

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Relay until cancelled or until the engine is closed.

        With ``await task_group.start(relay.run)`` the start waits until the
        relay has its position: whatever commits later is handed over.
        """
        if self._running:
            raise ConfigurationError("This relay is running already; one is enough.")
        self._running = True
        bell = TaskBell()
        unlisten = self._engine.on_commit(bell.ring)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tick, bell)
                await self._serve(bell, task_status)
                tasks.cancel_scope.cancel()
        finally:
            unlisten()
            self._running = False

    # ----------------------------------------------------------------- inside

    async def _tick(self, bell: TaskBell) -> None:
        while True:
            await self._clock.asleep(self._poll)
            bell.ring()

    async def _serve(self, bell: TaskBell, task_status: TaskStatus[None]) -> None:
        started = False
        while True:
            try:
                await self._catch_up()
            except EngineClosed:
                _log.info("The engine is closed, so the relay ends.")
                return
            except Exception as error:  # noqa: BLE001 - logged; the outbox keeps all
                await self._pause(error)
                continue
            if self._failures:
                _log.warning("The relay reads the outbox again.")
            self._failures = 0
            self._seen = self._clock.monotonic()
            if not started:
                started = True
                task_status.started()
            await bell.wait(self._clock)

    async def _catch_up(self) -> None:
        if self.pos is None:
            await self._begin()
        while True:
            rows = await in_thread(self._look)
            if not rows:
                return
            _testpoints.hit("relay.after_read")
            self._hub.append(self._opened().epoch, rows)
            _testpoints.hit("relay.after_publish")
            # Only now: had the hub not taken them, they would be read again.
            self.pos = rows[-1].pos
            if len(rows) < self._page:
                return  # what commits from now on rings, or is found by the next poll

    async def _begin(self) -> None:
        """Take the newest row as position, and the hub's channels with it.

        A channel that was subscribed to before now may have moved on since;
        its readers fetch that from the outbox.
        """
        names = self._hub.channel_names()
        pos, tops = await in_thread(lambda: self._tops(names))
        self._hub.advance(tops)
        self.pos = pos

    def _tops(self, names: list[str]) -> tuple[int, dict[str, int]]:
        outbox = self._opened()
        # The position first: what commits in between is relayed as well.
        pos = outbox.top()
        return pos, {name: kept.top for name, kept in outbox.bounds(names).items()}

    def _look(self) -> list[StoredEvent]:
        """Return the next rows; on a worker thread.

        The version is read before the rows: a commit between the two is found
        by the next look, while the other order could miss it for ever.
        """
        version = self._engine.data_version()
        if version == self._version and self._unchanged < _LOOK_ANYWAY:
            self._unchanged += 1
            return []
        rows = self._opened().after(self.pos or 0, self._page)
        if len(rows) < self._page:
            self._version = version
            self._unchanged = 0
        return rows

    def _opened(self) -> Outbox:
        if self._outbox is None:
            self._outbox = self._engine.outbox()
        return self._outbox

    async def _pause(self, error: Exception) -> None:
        self._failures += 1
        self._version = None  # whatever happened, look at the rows next time
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))
        seconds = longest * self._rng.uniform(0.5, 1.0)
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        _log.log(
            level,
            "The relay could not read the outbox of %s (%s: %s); nothing is lost, it "
            "tries again in %.2f s.",
            self._engine.name,
            type(error).__name__,
            error,
            seconds,
        )
        await self._clock.asleep(seconds)
