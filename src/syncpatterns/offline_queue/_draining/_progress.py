"""How far a drain is: told now and then, never backwards, and honest at the end.

No I/O: whoever drains asks the store, blocking or awaiting, and hands the
figures in.
"""

from __future__ import annotations

from typing import Final

from syncpatterns.offline_queue._core import ItemState, QueueStats
from syncpatterns.offline_queue._draining._delivers import Delivers
from syncpatterns.offline_queue._draining._report import Tally
from syncpatterns.offline_queue._events import (
    DrainFinished,
    DrainProgress,
    DrainStarted,
)

#: Seconds between two facts, so that a fast drain is not busy talking.
EVERY: Final = 0.5
#: The most that is said while something is left, or may yet turn up.
_ALMOST: Final = 99.9
#: States that a drain still has to deal with; who is PARKED waits for a person.
_TO_DELIVER: Final = (
    ItemState.READY,
    ItemState.WAITING,
    ItemState.SCHEDULED,
    ItemState.LEASED,
)


def to_deliver(stats: QueueStats) -> int:
    """Return how many items are still to be delivered."""
    return sum(stats.states.get(state, 0) for state in _TO_DELIVER)


class Progress:
    """Tells a drain's hooks how far it is, in waves.

    A wave begins with the first item that is claimed, and is over when nothing
    can be delivered now.

    Args:
        surface: The surface of the queue.
        engine: Name of the engine.
        tally: What the drain has done, counted by others.
    """

    def __init__(self, surface: Delivers, engine: str, tally: Tally) -> None:
        self._surface = surface
        self._engine = engine
        self._tally = tally
        self._before: Tally | None = None
        self._began = 0.0
        self._due = 0.0
        self._percent = 0.0

    @property
    def under_way(self) -> bool:
        """Whether a wave has begun."""
        return self._before is not None

    @property
    def due(self) -> bool:
        """Whether it is time to say how far it is."""
        return self.under_way and self._surface.clock.monotonic() >= self._due

    def began(self, stats: QueueStats) -> None:
        """Say that a wave has begun; *stats* are of before its first item started."""
        now = self._surface.clock.monotonic()
        self._before = self._tally.copy()
        self._began, self._due, self._percent = now, now + EVERY, 0.0
        self._surface.tell(
            DrainStarted(
                queue=self._surface.name, engine=self._engine, total=to_deliver(stats)
            )
        )

    def measured(self, stats: QueueStats) -> None:
        """Say how far it is."""
        self._tell(to_deliver(stats), over=False)

    def over(self, stats: QueueStats, away: tuple[str, ...]) -> None:
        """Say that the wave is over, if there was one."""
        if self._before is None:
            return
        self._tell(to_deliver(stats), over=True)
        report = self._tally.since(self._before, stats.live, away)
        self._before = None
        self._surface.tell(
            DrainFinished(queue=self._surface.name, engine=self._engine, report=report)
        )

    def _tell(self, left: int, *, over: bool) -> None:
        if self._before is None:
            return
        now = self._surface.clock.monotonic()
        self._due = now + EVERY
        done = self._tally.ended - self._before.ended
        total = done + left
        # While more comes in than goes out the bar stands still.
        share = 100.0 * done / total if total else 100.0
        self._percent = max(self._percent, min(share, _ALMOST))
        if over and not left:
            self._percent = 100.0
        seconds = now - self._began
        eta = left * seconds / done if done and seconds > 0 else None
        self._surface.tell(
            DrainProgress(
                queue=self._surface.name,
                engine=self._engine,
                done=done,
                total=total,
                percent=self._percent,
                eta=eta if left else 0.0,
            )
        )
