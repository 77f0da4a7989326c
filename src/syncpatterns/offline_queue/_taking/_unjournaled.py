"""`call(journal=False)`: tried before it is stored, for what a crash may lose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncpatterns._flow import Flow
from syncpatterns.errors import NotExecuted, OutcomeUnknown, SyncPatternsError
from syncpatterns.offline_queue._core import (
    LIVE,
    Fail,
    Filter,
    Item,
    ItemState,
    Nack,
    NewItem,
    Release,
    key_hash,
)
from syncpatterns.offline_queue._steps import Ask, Step

if TYPE_CHECKING:
    from syncpatterns.offline_queue._flights import Verdict
    from syncpatterns.offline_queue._taking._drafts import Draft


def must_be_stored(draft: Draft) -> Flow[Step, bool]:
    """Tell whether *draft* may not be tried, or what it meets is not known without.

    It waits for others, is not due, is known, or its target is paused.
    """
    item = draft.item
    if item.parents or item.delay > 0 or draft.handler.coalesce is not None:
        return True
    if draft.known:
        found = yield from Ask("find", item.scope, item.operation, item.key)
        if found is not None:
            return True
    if item.lane is not None:
        before = yield from Ask("items", Filter(states=LIVE, lane=item.lane), 0, 1)
        if before:
            return True
    stats = yield from Ask("stats")
    return any(pause.target in ("", item.target) for pause in stats.pauses)


def unstored(new: NewItem, now: float) -> Item:
    """Return *new* as its handler sees it: delivered for the first time."""
    return Item(
        seq=0,
        state=ItemState.LEASED,
        operation=new.operation,
        key=new.key,
        scope=new.scope,
        fingerprint=new.fingerprint,
        payload=new.payload,
        version=new.version,
        target=new.target,
        lane=new.lane,
        entity=new.entity,
        priority=new.priority,
        token=0,
        deliveries=1,
        attempts=0,
        lapses=0,
        created_at=now,
        due_at=now,
        lease_until=0.0,
        expires_at=now + new.expires_in,
        sent_at=now,
        blocked=0,
        reason="",
        error="",
        headers=new.headers,
        keep_result=new.keep_result,
    )


def as_sent(draft: Draft, verdict: Verdict) -> Draft:
    """Return *draft* as it is stored after a try that came to *verdict*.

    What may have been done must not be merged with what comes later: an item
    that waits in its lane cannot say that it was sent, so it has no entity.
    """
    if getattr(verdict.settlement, "unsent", False):
        return draft
    return replace(draft, item=draft.item._replace(entity=None))


def left_behind(verdict: Verdict) -> Fail:
    """Return the end of what was tried and then could not be stored."""
    settlement, after = verdict.settlement, verdict.extra
    words = getattr(settlement, "error", "")
    reason = after.reason or "failed"
    return Fail(settlement.hold, reason, words, discard=True)


def not_kept(draft: Draft, verdict: Verdict, error: NotExecuted) -> BaseException:
    """Return what is said of what was tried and then could not be stored.

    Whoever gave the last word is told: the handler, or what it called, if it would
    only have been kept for somebody to look at. Else the store: *error* says that
    nothing was done, which is true of the store. Of the action it is true only if
    it certainly reached nobody.
    """
    settlement, after = verdict.settlement, verdict.extra
    raised = after.error
    if not isinstance(settlement, Release | Nack):  # refused, not let in, in conflict
        return error if raised is None else raised
    if getattr(settlement, "unsent", False):
        if raised is not error:  # one that an engine keeps and raises again
            error.__cause__ = raised  # why it was to be stored at all
        wait = raised.retry_after if isinstance(raised, SyncPatternsError) else None
        error.retry_after = error.retry_after if wait is None else wait
        return error
    item = draft.item
    digits = key_hash(item.scope, item.operation, item.key)
    unknown = OutcomeUnknown(
        f"{item.operation} [{digits}]: it was tried with journal=False "
        f"({after.reason or 'failed'}) and may have been done, and it could not be "
        f"stored for another try ({error.problem}). Look whether it was done, or call "
        "it again with the same key= if its service knows keys."
    )
    unknown.__cause__ = error
    return unknown
