"""What a drain tells: how far it is, and which targets are away.

Each is about a queue, not about one item.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from syncpatterns.offline_queue._draining._drain_report import DrainReport
from syncpatterns.offline_queue._facts import QueueFact


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStarted(QueueFact):
    """A drain found something to deliver.

    Args:
        total: Items that were to be delivered at that moment.
    """

    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainProgress(QueueFact):
    """A drain has come further.

    Args:
        done: Items that have ended since it started; never goes back.
        total: Those, and the ones that are still to be delivered; grows by
            what is enqueued meanwhile.
        percent: How much is done, from 0 to 100. It never goes back: while
            more is enqueued than delivered it stands still. 100 only when
            nothing is left.
        eta: Seconds that the rest will take at the pace so far; None as long
            as there is no pace to speak of.
    """

    done: int = 0
    total: int = 0
    percent: float = 0.0
    eta: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainFinished(QueueFact):
    """Nothing is left that could be delivered now, or the drain was told to end.

    Args:
        report: What was done since it started, and what is left.
    """

    report: DrainReport = field(default_factory=DrainReport)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOffline(QueueFact):
    """A target gets nothing for now; its items wait and use no attempt.

    Args:
        target: Which.
        reason: ``unreachable``; or ``resting``, where a breaker or the target
            itself said when to come back.
        seconds: Until it is looked at again.
    """

    target: str = ""
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOnline(QueueFact):
    """A target that was away answers again, and gets all there is for it."""

    target: str = ""
