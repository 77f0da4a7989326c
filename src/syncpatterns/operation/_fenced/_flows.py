"""An owned key of a fenced operation: send, then commit, or say what is unknown.

In order: what an earlier execution left is looked up first; then the attempts
are made; a receipt is committed with the business rows, fenced by the token.
Every way out settles the claim: committed, given back, or unknown.
"""

from __future__ import annotations

import logging
from typing import Any, TypeAlias, TypeVar, cast

from syncpatterns import _testpoints
from syncpatterns._flow import Flow
from syncpatterns._outcome import Err, Ok
from syncpatterns.errors import (
    CleanupTimedOut,
    NotExecuted,
    NotSent,
    OutcomeUnknown,
    ProviderUnavailable,
    StoreFull,
    StoreUnavailable,
)
from syncpatterns.events import (
    Abandoned,
    Executed,
    Fact,
    Fenced,
    Refused,
    Released,
    Unknown,
    Unrecorded,
)
from syncpatterns.idempotency import _timing
from syncpatterns.idempotency._context import lease_lost
from syncpatterns.idempotency._core import Owned, Replay, Unresolved
from syncpatterns.idempotency._lease import Lease
from syncpatterns.idempotency._steps import (
    Abandon,
    Complete,
    Lapse,
    Release,
    Rest,
    Step,
)
from syncpatterns.operation._effect import Done
from syncpatterns.operation._fenced._call import FencedCall, receipt_notes
from syncpatterns.operation._fenced._context import FencedContext
from syncpatterns.operation._fenced._sending import EndOfSeries, Sending
from syncpatterns.operation._fenced._steps import (
    CheckAgain,
    Commit,
    LookFirst,
    Note,
    SendAll,
)
from syncpatterns.retry._core import hint_of

_log = logging.getLogger("syncpatterns")

Steps: TypeAlias = Step[Any]
Ended: TypeAlias = Done | Err
T = TypeVar("T")

#: The engine's trouble, not the commit's: the same commit may go through later.
_TROUBLE = (CleanupTimedOut, OutcomeUnknown, StoreFull, StoreUnavailable)


#: Seconds after which to come back, where the provider did not say.
_COME_BACK = 5.0


def execute(call: FencedCall, owned: Owned, sent: float) -> Flow[Steps, Ended]:
    """Make the call under a watched lease, and settle the record."""
    _testpoints.hit("fenced.after_claim")
    taken, lease = call.take(owned, sent)
    context = cast("FencedContext", taken)
    try:
        if owned.abandoned:
            call.emit(Abandoned, attempts=owned.attempts)
        return (yield from _send(call, context, lease, owned))
    finally:
        call.heart.unwatch(lease)


def _send(
    call: FencedCall, context: FencedContext, lease: Lease, owned: Owned
) -> Flow[Steps, Ended]:
    sending = Sending(call.mode.provider, call.command, context)
    found, receipt = call.receipt_in(owned)
    if found:
        return (yield from _commit(call, context, lease, receipt))
    if owned.abandoned and call.mode.provider.lookup is not None:
        before = yield from _look_first(call, context, lease, sending)
        if before is not None:
            return before
    if context.doubtful:
        stopped = yield from _check_doubtful(call, context)
        if stopped is not None:
            return stopped
    outcome = yield from SendAll(call, context, lease, sending)
    _testpoints.hit("fenced.after_send")
    if isinstance(outcome, Ok):
        return (yield from _commit(call, context, lease, outcome.value))
    error = outcome.error
    if isinstance(error, EndOfSeries):
        error = error.error
    if isinstance(error, call.mode.refusals.classes) and not context.doubtful:
        return (yield from _refuse(call, context, lease, error))
    return (yield from _fail(call, context, error))


def _look_first(
    call: FencedCall, context: FencedContext, lease: Lease, sending: Sending
) -> Flow[Steps, Ended | None]:
    """Find out what the execution before has done; None: nothing, so go on."""
    looked = yield from LookFirst(call, context, lease, sending)
    if isinstance(looked, Err):
        if not isinstance(looked.error, Exception):
            # Cancelled while it looked: the key stays as abandoned as it was.
            yield from Lapse(call, context.token)
            return looked
        if call.mode.reruns:
            return None
        context.passed = True  # by the execution before
        return (yield from _fail(call, context, looked.error))
    if looked.value is not None:
        return (yield from _commit(call, context, lease, looked.value))
    context.doubtful = False
    # Only now: refused before the look, a message that had left would be
    # called refused.
    try:
        refused = yield from CheckAgain(call, context.token)
    except BaseException as error:  # noqa: BLE001 - the key must not stay held
        return (yield from _fail(call, context, error))
    if refused is not None:
        call.emit(Refused)
        call.news = Replay(refused.outcome, call.plan.windows.replay)
    return refused


def _check_doubtful(
    call: FencedCall, context: FencedContext
) -> Flow[Steps, Ended | None]:
    """Check before it is done once more; None: go on.

    Somebody may have opted out since the execution whose owner died. It is not
    sent to them again; whether it was sent, nobody can tell, so their refusal
    is no answer.
    """
    call.doubtful = True
    try:
        refused = yield from CheckAgain(call, context.token)
    except BaseException as error:  # noqa: BLE001 - the key must not stay held
        return (yield from _fail(call, context, error))
    if refused is None:
        return None
    context.passed = True  # by the execution before
    why = call.mode.refusals.decode(refused.outcome.body)
    return (yield from _fail(call, context, why))


def _refuse(
    call: FencedCall, context: FencedContext, lease: Lease, error: BaseException
) -> Flow[Steps, Ended]:
    """Store what the provider said no to: it is the answer."""
    try:
        outcome = call.refused(cast("Exception", error))
        step = Complete(call, context.token, outcome)
        held = yield from _patiently(call, lease, step)
    except BaseException as failure:  # noqa: BLE001 - the key must not stay held
        return (yield from _fail(call, context, failure))
    if not held:
        return _fenced(call, context)
    call.emit(Refused)
    call.news = Replay(outcome, call.plan.windows.replay)
    return Done(outcome)


def _commit(
    call: FencedCall, context: FencedContext, lease: Lease, receipt: Any
) -> Flow[Steps, Ended]:
    """Write rows and answer; the receipt is not lost if that fails."""
    try:
        step = Commit(call, context.token, receipt)
        done = yield from _patiently(call, lease, step)
    except BaseException as error:  # noqa: BLE001 - a mistake in commit=, or Ctrl-C in it, must not lose the receipt
        return (yield from _unrecorded(call, context, receipt, error))
    _testpoints.hit("fenced.after_commit")
    if done is None:
        return _fenced(call, context)
    call.emit(Executed, attempts=context.attempts)
    call.news = Replay(done.outcome, call.plan.windows.replay)
    return done


def _patiently(call: FencedCall, lease: Lease, step: Step[T]) -> Flow[Steps, T]:
    """Take *step*, which records what has happened, until the engine can."""
    clock, tries = call.setup.clock, 0
    begun = clock.monotonic()
    while True:
        try:
            return (yield from step)
        except _TROUBLE:
            patience = min(begun + _timing.RECORD_PATIENCE, lease.deadline)
            pause = _timing.record_pause(tries, clock.monotonic(), patience)
            if pause is None:
                raise
            tries += 1
        yield from Rest(call, pause)


def _unrecorded(
    call: FencedCall, context: FencedContext, receipt: Any, error: BaseException
) -> Flow[Steps, Ended]:
    """Keep the receipt with the claim: it was done, only the rows are missing.

    An engine that commits on a thread of its own may write them all the same after
    Ctrl-C here; then there is nothing left to be settled.
    """
    # No error's own text: it may quote the rows, or the receipt.
    kind = type(error).__name__
    _log.error("%s: it was done, but its rows were not written: %s", call.where, kind)
    kept, held = False, True
    try:
        notes = receipt_notes(receipt, call.mode.receipt_codec)
        kept = yield from Note(call, context.token, notes)
    except Exception as again:  # noqa: BLE001 - the provider has it too
        kind = type(again).__name__
        _log.warning("%s: the receipt could not be kept: %s", call.where, kind)
    try:
        held = yield from Abandon(call, context.token)
    except Exception as again:  # noqa: BLE001 - the lease runs out by itself
        _log.warning("%s: the key could not be settled: %s", call.where, again)
    if not held:  # somebody took over, or it was written after all
        return _fenced(call, context, error)
    call.emit(Unrecorded)
    where = "its receipt is kept" if kept else "ask the provider for it"
    unknown = OutcomeUnknown(
        f"{call.where}: it was done, but its rows could not be written; {where}. Find "
        "it with unresolved(), and settle it with resolve()."
    )
    unknown.__cause__ = error
    call.news = Unresolved()
    return Err(unknown if isinstance(error, Exception) else error)


def _fail(
    call: FencedCall, context: FencedContext, error: BaseException
) -> Flow[Steps, Ended]:
    """Give the key back if certainly nothing happened; else it is unknown."""
    nothing = isinstance(error, NotExecuted) or not context.passed
    settle: Step[bool] = Abandon(call, context.token)
    kind: type[Fact] = Unknown
    if not context.may_be_done:
        settle, kind = Release(call, context.token), Released
    elif nothing and call.mode.reruns:
        # An earlier execution may have done it, this one has not: the next
        # call finds the key abandoned, as this one did.
        settle, kind = Lapse(call, context.token), Released
    told = _told(call, error, certain=kind is Released)
    try:
        held = yield from _settled(settle)
    except Exception as failure:  # noqa: BLE001 - must not hide why it failed
        told.add_note(
            f"{call.where}: the store could not be told ({failure}); the key is held "
            "until its lease runs out."
        )
        _log.warning("%s: the key could not be settled: %s", call.where, failure)
        return Err(told)
    if not held:
        return _fenced(call, context, told)
    call.emit(kind)
    if kind is Unknown:
        call.news = Unresolved()
    return Err(told)


def _settled(step: Step[bool]) -> Flow[Steps, bool]:
    """Take *step*, whichever of the three it is; False if the token was stale."""
    return (yield from step)


def _told(call: FencedCall, error: BaseException, *, certain: bool) -> BaseException:
    """Return what the caller is told instead of *error*."""
    if not isinstance(error, Exception):
        return error
    if certain:
        if not isinstance(error, NotSent):
            return error
        given_up = ProviderUnavailable(
            f"{call.where}: the provider could not be reached, and nothing was sent. "
            "Try again with the same key.",
            retry_after=hint_of(error) or _COME_BACK,
        )
        given_up.__cause__ = error
        return given_up
    unknown = OutcomeUnknown(
        f"{call.where}: the request left, and its answer was not seen "
        f"({type(error).__name__}). It may have been done: look, then settle it with "
        "resolve(). Do not use a new key."
    )
    unknown.__cause__ = error
    return unknown


def _fenced(
    call: FencedCall, context: FencedContext, error: BaseException | None = None
) -> Err:
    """Tell that the token was stale; but a cancellation, or Ctrl-C, goes first."""
    call.emit(Fenced)
    if error is not None and not isinstance(error, Exception):
        return Err(error)
    return Err(lease_lost(context.operation, context.key_hash))
