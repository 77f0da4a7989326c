"""From drafts to items in the store: room, merging, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from syncpatterns._flow import Flow
from syncpatterns.errors import QueueFull
from syncpatterns.events import Fact
from syncpatterns.offline_queue._core import Enqueued, Outdated, Overflow
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.offline_queue._shared import Shared
from syncpatterns.offline_queue._steps import Ask, Compute, Step, Store, StoreHeld, Wait
from syncpatterns.offline_queue._taking._drafts import Draft, merged
from syncpatterns.offline_queue._telling import about_enqueued

#: How often a payload is merged anew, if what it was merged with moves on.
_MERGES: Final = 10
#: Seconds between two looks for room that another process may have made.
_LOOK: Final = 0.25


def send(
    shared: Shared, drafts: Sequence[Draft], lease: float = 0.0
) -> Flow[Step, list[Enqueued]]:
    """Store *drafts*, all or none; wait for room if the queue blocks."""
    blocks = shared.settings.overflow == "block"
    until = shared.clock.monotonic() + shared.settings.block_for
    merges = 0
    while True:
        seen = shared.changes.count() if blocks else 0
        ready = yield from _met(shared, drafts)
        request = EnqueueRequest(
            shared.name, [each.item for each in ready], overflow_of(shared), lease
        )
        try:
            stored = yield from _stored(request, held=lease > 0)
        except Outdated:
            merges += 1
            if merges >= _MERGES:
                raise
            continue
        except QueueFull as full:
            left = until - shared.clock.monotonic()
            if not blocks or left <= 0:
                raise full_queue(shared, drafts, full) from full
            yield from Wait(seen, min(left, _LOOK))
            continue
        shared.tell(*facts(shared, ready, stored))
        return stored


def _stored(request: EnqueueRequest, *, held: bool) -> Flow[Step, list[Enqueued]]:
    stored: list[Enqueued]
    if held:
        stored = yield from StoreHeld("enqueue", request)
    else:
        stored = yield from Store("enqueue", request)
    return stored


def overflow_of(shared: Shared) -> Overflow:
    """Return what the store is to do without room; waiting is done here."""
    given = shared.settings.overflow
    return "reject" if given == "block" else given


def _met(shared: Shared, drafts: Sequence[Draft]) -> Flow[Step, list[Draft]]:
    """Return *drafts*, merged with what waits where their handlers say so."""
    ready: list[Draft] = []
    for each in drafts:
        rule = each.handler.coalesce
        if rule is None or rule.merged is None or each.item.entity is None:
            ready.append(each)
            continue
        item = each.item
        if each.known:
            found = yield from Ask("find", item.scope, item.operation, item.key)
            if found is not None:  # a duplicate: what it met was met before
                ready.append(each)
                continue
        about = (item.operation, item.entity, item.scope)
        waiting = yield from Ask("waiting", *about)
        forms = each.handler.payloads
        if waiting is None or waiting.lane != item.lane or not forms.reads(waiting):
            ready.append(each)
            continue
        old = forms.read(waiting, {})
        outcome = yield from Compute(rule.merged, old, each.value)
        ready.append(merged(shared, each, waiting, outcome.unwrap()))
    return ready


def full_queue(shared: Shared, drafts: Sequence[Draft], full: QueueFull) -> QueueFull:
    """Return the error that says what to do about a queue without room."""
    first = drafts[0].handler.name if drafts else ""
    return QueueFull(
        f"{first}: the queue {shared.name!r} on {shared.stores.name} is full "
        f"(max_items={shared.settings.max_items}, "
        f"max_bytes={shared.settings.max_bytes})"
        "; nothing was stored. Drain it, look at what is PARKED, or raise the limit.",
        retry_after=full.retry_after,
    )


def facts(
    shared: Shared, drafts: Sequence[Draft], stored: Sequence[Enqueued]
) -> list[Fact]:
    """Return what is told of *stored*, in order."""
    told: list[Fact] = []
    for each, become in zip(drafts, stored, strict=True):
        told.extend(about_enqueued(shared, each.item, become))
    return told
