"""From a flow's result to what the caller gets: a value or an error."""

from __future__ import annotations

from typing import Any

from syncpatterns._outcome import Err, Ok
from syncpatterns.errors import (
    ConfigurationError,
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
    Unresolved,
    Windows,
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
    except Exception as error:  # noqa: BLE001 - a codec or constructor may raise anything
        # A validation error would show the stored values, whatever they are.
        raise OutcomeGone(
            f"{call.where}: this was done before, but its stored result does not fit "
            f"the declared type any more ({type(error).__name__}). Do not repeat it; "
            "fetch the current state."
        ) from None


def _refusal(call: Call, result: ClaimAnswer) -> SyncPatternsError:
    seconds = 0.0
    match result:
        case Busy(retry_after):
            patience = call.setup.policy.wait_timeout
            seconds = _timing.ask_again_after(retry_after, patience)
            call.emit(BusyFact, retry_after=seconds)
        case Mismatch():
            call.emit(Mismatched)
        case Gone():
            call.emit(GoneFact)
        case _:
            pass  # nothing happened to the key now that was not told before
    return no_answer(call.where, result, call.plan.windows, seconds)


def no_answer(
    where: str, found: ClaimAnswer, windows: Windows, retry_after: float
) -> SyncPatternsError:
    """Return the error for a caller whose key was *found* without an answer.

    Args:
        where: How errors begin: operation, hash of the key, engine.
        found: What the claim was told; neither owned nor a replay.
        windows: Of the key.
        retry_after: Seconds after which a busy key is worth asking for again.
    """
    match found:
        case Busy():
            return InProgress(
                f"{where}: another call with this key is running. Ask again with the "
                f"same key in {retry_after:.0f} s.",
                retry_after=retry_after,
            )
        case Mismatch():
            return KeyReused(
                f"{where}: this key was used before for another request. Use a new "
                "key for a new action, the same key only for a retry."
            )
        case Gone():
            return OutcomeGone(
                f"{where}: this was done before, and its answer is no longer kept. Do "
                "not repeat it; fetch the current state."
            )
        case Expired():
            return KeyExpired(
                f"{where}: the request is older than keys are remembered "
                f"({windows.dedupe:g} s), so it was not run. Fetch the current state, "
                "and act anew if it is still wanted."
            )
        case Unresolved():
            return OutcomeUnknown(
                f"{where}: an earlier call with this key was never settled. It may "
                "have happened: look, then settle the key with resolve(). Do not use a "
                "new one."
            )
        case _:
            raise ConfigurationError(f"{where}: unexpected answer {found!r}")
