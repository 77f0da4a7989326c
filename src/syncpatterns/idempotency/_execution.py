"""An owned key: run the effect, then settle the record by its outcome.

The release rule: what certainly did not happen gives the key back; so does an
error before the point of no return. After that point the outcome is unknown.
"""

from __future__ import annotations

import logging
from typing import Any, TypeAlias

from syncpatterns import _testpoints
from syncpatterns._flow import Flow
from syncpatterns._outcome import Err, Ok, Outcome
from syncpatterns.errors import ConfigurationError, NotExecuted
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
from syncpatterns.idempotency._call import TOMBSTONE, Call
from syncpatterns.idempotency._context import Context, lease_lost
from syncpatterns.idempotency._core import (
    Gone,
    Owned,
    Replay,
    StoredOutcome,
    Unresolved,
)
from syncpatterns.idempotency._lease import Lease
from syncpatterns.idempotency._policy import Probe
from syncpatterns.idempotency._steps import (
    Abandon,
    Ask,
    Complete,
    Lapse,
    Release,
    Rest,
    Run,
    Step,
)
from syncpatterns.idempotency._verdicts import Committed, NotCommitted, Undecided

_log = logging.getLogger("syncpatterns")

Steps: TypeAlias = Step[Any]


def execute(
    call: Call, owned: Owned, sent: float
) -> Flow[Steps, Outcome[object] | Unresolved]:
    """Run the effect under a watched lease and settle the record."""
    _testpoints.hit("guard.after_claim")
    context, lease = call.take(owned, sent)
    try:
        if owned.abandoned:
            call.emit(Abandoned, attempts=owned.attempts)
        if owned.probe and call.setup.policy.probe is not None:
            known = yield from _probe(call, context, lease, call.setup.policy.probe)
            if known is not None:
                return known
        outcome: Outcome[object] = yield Run(call, context, lease)
        _testpoints.hit("guard.after_effect")
        if isinstance(outcome, Ok) or outcome.error in call.plan.exceptions:
            return (yield from _answer(call, context, lease, outcome))
        yield from _fail(call, context, outcome.error)
        return outcome
    finally:
        call.heart.unwatch(lease)


def _answer(
    call: Call, context: Context, lease: Lease, outcome: Outcome[object]
) -> Flow[Steps, Outcome[object]]:
    """Store what the effect returned, or the declared exception that it raised."""
    stored = call.stored(outcome)
    kept = TOMBSTONE if isinstance(stored, Exception) else stored
    held: bool | None
    try:
        held = yield Complete(call, context.token, kept)
    except Exception as error:  # noqa: BLE001 - the result must not be lost
        held = yield from _record(call, context, lease, kept, error)
    _testpoints.hit("guard.after_complete")
    if held is False:
        call.emit(Fenced)
        return Err(lease_lost(context.operation, context.key_hash))
    if held is None:
        call.emit(Unrecorded)
    else:
        _tell(call, context, kept)
    if isinstance(stored, Exception):
        return Err(stored)
    return call.as_stored(outcome, stored)


def _tell(call: Call, context: Context, kept: StoredOutcome) -> None:
    """Let followers and hooks know what was stored."""
    if call.bells is not None:
        # Who comes after this look finds the record in the store.
        windows = call.plan.windows
        known = kept.kind != "tombstone"
        call.news = Replay(kept, windows.replay) if known else Gone(kept)
    if not call.setup.hooks:
        return
    if kept.kind == "tombstone":
        call.emit(Unrecorded)
    elif kept.kind == "refusal":
        call.emit(Refused)
    else:
        call.emit(Executed, attempts=context.attempts)


def _record(
    call: Call, context: Context, lease: Lease, kept: StoredOutcome, error: Exception
) -> Flow[Steps, bool | None]:
    """Offer the outcome again: True, False if fenced, None if the store is gone.

    The effect has happened, so a store that is down for a moment is asked
    again while the lease lasts. It is never given back: that would be a second
    effect.
    """
    clock, tries = call.setup.clock, 0
    begun = clock.monotonic()
    while True:
        patience = min(begun + _timing.RECORD_PATIENCE, lease.deadline)
        pause = _timing.record_pause(tries, clock.monotonic(), patience)
        if pause is None:
            _log.error("%s: it was done but not recorded: %s", call.where, error)
            return None
        tries += 1
        try:
            yield from Rest(call, pause)
            return (yield from Complete(call, context.token, kept))
        except Exception as again:  # noqa: BLE001 - as above
            error = again


def _fail(call: Call, context: Context, error: BaseException) -> Flow[Steps, None]:
    """Give the key back, or block it if the effect may have happened."""
    may_have_happened = context.passed and not isinstance(error, NotExecuted)
    try:
        if may_have_happened:
            held = yield from Abandon(call, context.token)
        else:
            held = yield from Release(call, context.token)
    except Exception as failure:  # noqa: BLE001 - must not hide the effect's own error
        error.add_note(
            f"{call.where}: the store could not be told ({failure}); the key is held "
            "until its lease runs out."
        )
        _log.warning("%s: the key could not be settled: %s", call.where, failure)
        return
    fact: type[Fact] = Unknown if may_have_happened else Released
    call.emit(fact if held else Fenced)
    if held and may_have_happened:
        call.news = Unresolved()


def _probe(
    call: Call, context: Context, lease: Lease, probe: Probe
) -> Flow[Steps, Outcome[object] | Unresolved | None]:
    """Ask whether the abandoned effect happened; None: it did not, so run it."""
    asked = yield from Ask(call, context, lease, probe)
    found: Any = asked.value if isinstance(asked, Ok) else None
    verdict: object = found
    if isinstance(verdict, NotCommitted):
        return None
    if isinstance(verdict, Committed):
        return (yield from _answer(call, context, lease, Ok(found.value)))
    if isinstance(verdict, Undecided):
        context.passed = True
        unresolved = Unresolved()
        yield from _fail(call, context, LookupError("the probe could not tell"))
        return unresolved
    # The probe itself failed: the next caller asks again, so the key goes back
    # to where it was, abandoned; given back as free it would just run.
    failed = asked if isinstance(asked, Err) else Err(_no_verdict(call, verdict))
    try:
        yield from Lapse(call, context.token)
    except Exception as error:  # noqa: BLE001 - the lease runs out by itself
        failed.error.add_note(f"{call.where}: the store could not be told: {error}")
    return failed


def _no_verdict(call: Call, verdict: object) -> ConfigurationError:
    return ConfigurationError(
        f"{call.where}: the probe returned a {type(verdict).__name__}. It must say "
        "Committed(value), NotCommitted() or Undecided()."
    )
