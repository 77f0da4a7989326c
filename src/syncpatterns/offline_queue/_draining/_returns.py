"""How items go back that were not delivered."""

from __future__ import annotations

from typing import Final

from syncpatterns.offline_queue._core import Ack, Release, Settlement
from syncpatterns.offline_queue._flights import Evidence, Flight, Verdict

#: The word for items that are given back because the drain stops.
STOPPED: Final = "stopped"
#: Seconds before an item can be claimed again that was given back at once.
_COOL: Final = 0.1
#: Seconds at most before an item comes back whose delivery went wrong by itself.
_LONGEST_PAUSE: Final = 60.0


def pause_of(flight: Flight) -> float:
    """Return the seconds after which an item comes back that ended its delivery.

    At once, the next drain would end at the same item, before all the others.
    """
    return min(_LONGEST_PAUSE, 2.0 ** min(flight.item.deliveries - 1, 10))


def given_back(flight: Flight, delay: float = 0.0, why: str = STOPPED) -> Verdict:
    """Return the verdict on a delivery that was ended before it had one.

    Only if its handler had not begun is it certain that nobody was reached. A
    handler that has committed its acknowledgement is done, whatever ended it.
    """
    if flight.acked:
        return Verdict(Ack(flight.item.hold), Evidence.ANSWERED)
    unsent = not flight.begun
    return Verdict(Release(flight.item.hold, delay, unsent=unsent, error=why))


def cooled(verdict: Verdict) -> Settlement:
    """Return the settlement of *verdict*, with a moment of rest where it needs one.

    A handler that says "not now" without saying when would otherwise be asked
    in a circle, by a drain that has nothing else to do. A target that is away
    gets nothing anyway, and its items should go at once when it is back.
    """
    settlement = verdict.settlement
    if (
        not isinstance(settlement, Release)
        or settlement.delay >= _COOL
        or settlement.error == STOPPED
        or verdict.evidence is Evidence.UNREACHABLE
        or verdict.rest > 0
    ):
        return settlement
    return settlement._replace(delay=_COOL)
