"""One delivery of one item: what goes out, and the verdict that comes back.

Calls and drains send flights out, handlers are called for them, targets are judged
by their verdicts: all of a queue speaks in these three.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from syncpatterns.offline_queue._core import Item, Settlement

if TYPE_CHECKING:
    from anyio import CapacityLimiter


class Evidence(StrEnum):
    """What a delivery says about its target.

    ANSWERED: it did it, or said a definite no. FAILED: it answered, and was not
    well. UNREACHABLE: nobody was there, or the line broke. NOTHING: it was not
    asked, or nobody can tell.
    """

    ANSWERED = "answered"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    NOTHING = "nothing"


class Verdict(NamedTuple):
    """What one delivery came to.

    Args:
        settlement: What the store is told.
        evidence: What it says about the target.
        rest: Seconds for which the target is not to be asked; infinity until
            somebody resumes it.
        pause: Why every process is to leave the target alone for *rest*
            seconds, as one word such as ``retry-after``; empty if only this
            process has a reason, such as a breaker of its own.
        extra: For the surface, which gets the verdict back in `Delivers.settled`.
    """

    settlement: Settlement
    evidence: Evidence = Evidence.NOTHING
    rest: float = 0.0
    pause: str = ""
    extra: Any = None


class Flight:
    """One delivery of one item.

    Attributes:
        item: What is delivered.
        acked: Its Ack was stored already, in a transaction of the handler's.
        acked_with: The result given then, for whoever waits for this delivery.
        begun: Set by the surface just before the handler runs: from here on
            somebody may have been reached.
        lost: Somebody else holds the item by now, so the handler should end.
        limiter: Where threads for blocking handlers come from, on an event
            loop; None in a blocking worker.
    """

    __slots__ = ("acked", "acked_with", "begun", "item", "limiter", "lost")

    def __init__(self, item: Item, limiter: CapacityLimiter | None = None) -> None:
        self.item = item
        self.acked = False
        self.acked_with: Any = None
        self.begun = False
        self.lost = False
        self.limiter = limiter
