"""Did a settlement land whose answer was lost? Read off what is stored now.

A commit can succeed although its answer never came. The second try is then
refused, as if somebody else had taken the item over, and a worker that
reported its item as lost would be wrong.
"""

from __future__ import annotations

from syncpatterns.offline_queue._core._settlements import (
    Ack,
    Fail,
    Nack,
    Park,
    Release,
    Replace,
    Settlement,
)
from syncpatterns.offline_queue._core._values import Ended, Item, ItemState

#: Where each settlement leaves an item, as long as nothing else happens to it.
_LEFT: dict[type[Settlement], tuple[ItemState, ...]] = {
    Nack: (ItemState.SCHEDULED, ItemState.READY, ItemState.WAITING),
    Release: (ItemState.SCHEDULED, ItemState.READY, ItemState.WAITING),
    Park: (ItemState.PARKED,),
    Fail: (ItemState.DEAD,),
}


def landed(
    settlement: Settlement, held: Item, now: Item | None, ended: Ended | None
) -> bool:
    """Tell whether *settlement* has changed the item, as far as can be told.

    The token grows with each claim. While it is still the worker's and the item
    is not LEASED any more, the worker's own word has changed it. If somebody
    else has claimed it since, either that word had set it free, or the lease
    ended in silence, and then it has a lapse more.

    Args:
        settlement: What the worker had said.
        held: The item as the worker got it.
        now: The item as it is stored now, None if it has ended.
        ended: How it ended, None if it has not.
    """
    if now is not None:
        if now.token == held.token:
            return now.state in _LEFT.get(type(settlement), ())
        freed = isinstance(settlement, (Nack, Release, Park, Fail))
        return freed and now.lapses <= held.lapses
    match settlement:
        case Ack():
            return ended is not None and ended.state is ItemState.DONE
        case Replace():
            return ended is not None and ended.state is ItemState.SUPERSEDED
        case Fail(discard=True):
            return ended is not None and ended.state is ItemState.DEAD
        case _:
            # Somebody has dealt with it since. Nothing of this worker's is
            # dropped by that, so there is nothing to report as lost.
            return True
