"""Looking at a queue, pausing it, and taking items back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from syncpatterns._flow import Flow
from syncpatterns.errors import ConfigurationError, OutcomeGone
from syncpatterns.offline_queue import _events as events
from syncpatterns.offline_queue._core import Ended, Filter, Item, ItemState, Pause
from syncpatterns.offline_queue._steps import Ask, Step
from syncpatterns.offline_queue._taking._keys import storable
from syncpatterns.offline_queue._taking._receipts import Receipt, receipt_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncpatterns.offline_queue._shared import Shared

#: More would be read into memory at once; page with ``after=``.
MOST = 1000
_LONGEST = 500


def which(
    states: Iterable[ItemState | str],
    operation: str,
    target: str,
    lane: str | None,
    reason: str,
) -> Filter:
    """Return what to list.

    Raises:
        ConfigurationError: A state has no such name.
    """
    given: object = states
    try:
        chosen = tuple(
            ItemState(each) for each in ([given] if isinstance(given, str) else states)
        )
    except (TypeError, ValueError):
        known = ", ".join(state.value for state in ItemState)
        raise ConfigurationError(f"states= takes some of {known}.") from None
    for option, value in (
        ("operation", operation),
        ("target", target),
        ("lane", lane or ""),
        ("reason", reason),
    ):
        if value != "" and not storable(value, _LONGEST):
            raise ConfigurationError(f"{option}= takes the text of one.")
    return Filter(chosen, operation, target, lane, reason)


def listed(chosen: Filter, after: int, limit: int) -> Flow[Step, list[Item]]:
    """Return items, oldest first."""
    numbers: tuple[object, ...] = (after, limit)
    whole = all(type(number) is int for number in numbers)
    if not whole or not 1 <= limit <= MOST:
        raise ConfigurationError(
            f"limit= is 1 to {MOST}; page with after=, the last number that was seen."
        )
    items: list[Item] = yield from Ask("items", chosen, after, limit)
    return items


def one(shared: Shared, seq: int) -> Flow[Step, Item | None]:
    """Return the item of this number, if it is live or DEAD.

    Raises:
        ConfigurationError: It is no number.
    """
    _check_number(shared, seq)
    item: Item | None = yield from Ask("get", seq)
    return item


def _check_number(shared: Shared, seq: object) -> None:
    if type(seq) is not int:
        raise ConfigurationError(
            f"{shared.name}: an item is found by its number, such as receipt.id, not "
            "by "
            f"a {type(seq).__name__}."
        )


def asked(method: str, *args: Any) -> Flow[Step, Any]:
    """Return what the store answers."""
    return (yield from Ask(method, *args))


def paused(
    shared: Shared, target: str, seconds: float | None, reason: str
) -> Flow[Step, None]:
    """Stop deliveries, and tell of it."""
    until = math.inf if seconds is None else seconds
    given: object = until
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not until > 0:
        raise ConfigurationError(
            f"{shared.name}: seconds= is above 0, or None: until resume()."
        )
    if not storable(reason, _LONGEST) or not reason.isprintable():
        raise ConfigurationError(f"{shared.name}: reason= takes one word.")
    _check_target(shared, target)
    yield from Ask("pause", target, float(until), reason)
    shared.targets.halted()
    shared.tell(
        events.QueuePaused(
            engine=shared.stores.name,
            queue=shared.name,
            target=target,
            seconds=float(until),
            reason=reason,
        )
    )


def resumed(shared: Shared, target: str) -> Flow[Step, list[Pause]]:
    """Go on, and tell of it."""
    _check_target(shared, target)
    ended: list[Pause] = yield from Ask("resume", target)
    shared.targets.resume(target)
    name, engine = shared.name, shared.stores.name
    for pause in ended:
        shared.tell(
            events.QueueResumed(
                engine=engine, queue=name, target=pause.target, reason=pause.reason
            )
        )
    return ended


def _check_target(shared: Shared, target: str) -> None:
    if target != "" and not storable(target, _LONGEST):
        raise ConfigurationError(
            f"{shared.name}: a target is named as in @queue.handler(..., "
            "target='crm'); "
            "None stands for all."
        )


def receipt(shared: Shared, seq: int) -> Flow[Step, Receipt[Any]]:
    """Return the receipt of item *seq*.

    Raises:
        OutcomeGone: There is no such item any more.
    """
    item = yield from one(shared, seq)
    if item is not None:
        return receipt_of(shared, seq, item)
    ended: Ended | None = yield from Ask("ended", seq)
    if ended is None:
        raise OutcomeGone(
            f"{shared.name} on {shared.stores.name}: there is no item {seq}, or how it "
            "ended is no longer kept (keep_results=)."
        )
    return Receipt(seq, "", ended.key_hash, ended.operation, None, shared)
