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
    Nack: (ItemState.SCHEDULED, ItemState.READY),
    Release: (ItemState.SCHEDULED, ItemState.READY, ItemState.WAITING),
    Park: (ItemState.PARKED,),
    Fail: (ItemState.DEAD,),
}


def landed(settlement: Settlement, item: Item | None, ended: Ended | None) -> bool:
    """Tell whether *settlement* has changed the item.

    The token grows with each claim. While it is still the worker's and the item
    is not LEASED any more, the worker's own word has changed it.

    Args:
        settlement: What the worker had said.
        item: The item as it is stored now, None if it has ended.
        ended: How it ended, None if it has not.
    """
    if item is not None:
        same = item.token == settlement.hold.token
        return same and item.state in _LEFT.get(type(settlement), ())
    if ended is None:
        return False
    match settlement:
        case Ack():
            return ended.state is ItemState.DONE
        case Replace():
            return ended.state is ItemState.SUPERSEDED
        case Fail():
            return settlement.discard and ended.state is ItemState.DEAD
        case _:
            return False
