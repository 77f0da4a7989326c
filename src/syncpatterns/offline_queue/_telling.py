"""From what the store says has changed to the facts that hooks are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypedDict

from syncpatterns.events import Fact
from syncpatterns.offline_queue import _events as events
from syncpatterns.offline_queue._core import (
    Ack,
    Ended,
    Enqueued,
    Fail,
    Item,
    ItemState,
    Nack,
    NewItem,
    Park,
    Release,
    Replace,
    Settled,
    key_hash,
)

if TYPE_CHECKING:
    from syncpatterns.offline_queue._flights import Verdict
    from syncpatterns.offline_queue._shared import Shared


class _Of(TypedDict):
    operation: str
    key_hash: str
    engine: str
    queue: str
    seq: int


def _of(shared: Shared, seq: int, operation: str, digits: str) -> _Of:
    return _Of(
        operation=operation,
        key_hash=digits,
        engine=shared.stores.name,
        queue=shared.name,
        seq=seq,
    )


def of_item(shared: Shared, item: Item) -> _Of:
    """Return what every fact about *item* says."""
    return _of(shared, item.seq, item.operation, item.key_hash)


def of_new(shared: Shared, new: NewItem, seq: int) -> _Of:
    """Return what every fact about *new*, stored under *seq*, says."""
    digits = key_hash(new.scope, new.operation, new.key)
    return _of(shared, seq, new.operation, digits)


def of_number(shared: Shared, seq: int, names: Mapping[int, tuple[str, str]]) -> _Of:
    """Return what every fact about item *seq* says, as far as it is known."""
    return _of(shared, seq, *names.get(seq, ("", "")))


def about_enqueued(shared: Shared, new: NewItem, become: Enqueued) -> Iterator[Fact]:
    """Yield what is told of one new item."""
    of = of_new(shared, new, become.seq)
    if become.duplicate:
        yield events.ItemDuplicate(**of)
        return
    yield events.ItemEnqueued(**of)
    yield from about_ended(shared, become.dropped)
    if become.ended is not None and become.ended.seq == become.seq:
        own = become.ended._replace(operation=of["operation"], key_hash=of["key_hash"])
        yield about_end(shared, own)


def about_ended(shared: Shared, ended: Iterable[Ended]) -> Iterator[Fact]:
    """Yield what is told of items that have ended."""
    for each in ended:
        yield about_end(shared, each)


def of_ended(shared: Shared, ended: Ended) -> _Of:
    """Return what every fact about an item that has ended says."""
    return _of(shared, ended.seq, ended.operation, ended.key_hash)


def about_end(shared: Shared, ended: Ended) -> Fact:
    """Return what is told of an item that has ended."""
    of = of_ended(shared, ended)
    match ended.state:
        case ItemState.DONE:
            return events.ItemDelivered(**of)
        case ItemState.EXPIRED:
            return events.ItemExpired(**of)
        case ItemState.CANCELLED:
            return events.ItemCancelled(**of, reason=ended.reason)
        case ItemState.SUPERSEDED:
            return events.ItemCoalesced(**of, survivor=ended.survivor)
        case _:
            if ended.reason == "overflow":
                return events.ItemDropped(**of)
            return events.ItemDead(**of, reason=ended.reason)


def about_settled(
    shared: Shared, item: Item, verdict: Verdict, settled: Settled
) -> Iterator[Fact]:
    """Yield what is told of one settlement and of what ended with it."""
    of = of_item(shared, item)
    if not settled.accepted:
        yield events.ItemLeaseLost(**of)
        return
    extra = verdict.extra
    error = getattr(extra, "error", None)
    match verdict.settlement:
        case Ack():
            yield events.ItemDelivered(**of)
        case Nack(delay=delay):
            yield events.ItemRetried(
                **of, attempt=item.attempts + 1, seconds=delay, error=error
            )
        case Release(delay=delay):
            yield events.ItemReleased(
                **of,
                reason=getattr(extra, "reason", "") or "stopped",
                target=item.target,
                seconds=delay,
                error=error,
            )
        case Park(reason=reason):
            yield events.ItemParked(**of, reason=reason, error=error)
        case Fail(reason=reason, discard=True):
            yield events.ItemDiscarded(**of, reason=reason, error=error)
        case Fail(reason=reason):
            yield events.ItemDead(**of, reason=reason, error=error)
        case Replace(item=new):
            yield events.ItemCoalesced(**of, survivor=settled.seq)
            yield events.ItemEnqueued(**of_new(shared, new, settled.seq))
    own = item.seq
    yield from about_ended(shared, (each for each in settled.ended if each.seq != own))
