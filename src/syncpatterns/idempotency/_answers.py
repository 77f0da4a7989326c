"""From a flow's result to what the caller gets: a value or an error."""

from __future__ import annotations

from typing import Any

from syncpatterns._outcome import Err, Ok
from syncpatterns.errors import (
    InProgress,
    KeyExpired,
    KeyReused,
    OutcomeGone,
    OutcomeUnknown,
    SyncPatternsError,
)
from syncpatterns.events import (
    Busy as BusyFact,
    Gone as GoneFact,
    Mismatched,
    Replayed,
    Waited,
)
from syncpatterns.idempotency import _timing
from syncpatterns.idempotency._call import Call
from syncpatterns.idempotency._core import (
    Busy,
    ClaimAnswer,
    Expired,
    Gone,
    Mismatch,
    Replay,
    StoredOutcome,
)
from syncpatterns.idempotency._flows import Result


def settle(call: Call, result: Result) -> Any:
    """Return the value that *result* stands for.

    Raises:
        BaseException: What the effect raised, a stored exception again, or why
            nothing ran.
    """
    if call.since is not None and call.setup.hooks:
        call.emit(Waited, seconds=call.setup.clock.monotonic() - call.since)
    if isinstance(result, Ok):
        return result.value
    if isinstance(result, Replay):
        call.emit(Replayed)
        return _replay(call, result.outcome)
    if isinstance(result, Err):
        raise result.error
    raise _refusal(call, result)


def _replay(call: Call, outcome: StoredOutcome) -> Any:
    if outcome.kind == "refusal":
        raise call.plan.exceptions.decode(outcome.body)
    try:
        return call.plan.codec.decode(outcome.body)
    except Exception as error:
        raise OutcomeGone(
            f"{call.where}: this was done before, but its stored result does not fit "
            "the declared type any more. Do not repeat it; fetch the current state."
        ) from error


def _refusal(call: Call, result: ClaimAnswer) -> SyncPatternsError:
    where = call.where
    match result:
        case Busy(retry_after):
            patience = call.setup.policy.wait_timeout
            seconds = _timing.ask_again_after(retry_after, patience)
            call.emit(BusyFact, retry_after=seconds)
            return InProgress(
                f"{where}: another call with this key is running. Ask again with the "
                f"same key in {seconds:.0f} s.",
                retry_after=seconds,
            )
        case Mismatch():
            call.emit(Mismatched)
            return KeyReused(
                f"{where}: this key was used before for another request. Use a new "
                "key for a new action, the same key only for a retry."
            )
        case Gone():
            call.emit(GoneFact)
            return OutcomeGone(
                f"{where}: this was done before, and its answer is no longer kept. Do "
                "not repeat it; fetch the current state."
            )
        case Expired():
            return KeyExpired(
                f"{where}: the request is older than keys are remembered "
                f"({call.plan.windows.dedupe:g} s), so it was not run. Fetch the "
                "current state, and act anew if it is still wanted."
            )
        case _:
            return OutcomeUnknown(
                f"{where}: an earlier call with this key was never settled. It may "
                "have happened: look, then resolve the key. Do not use a new one."
            )
