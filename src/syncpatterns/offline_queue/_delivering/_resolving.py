"""From what a conflict hook decides to what the store is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncpatterns._outcome import Err, Ok, Outcome
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import Ack, Fail, Park, Replace
from syncpatterns.offline_queue._delivering._verdicts import Aftermath
from syncpatterns.offline_queue._flights import Evidence, Flight, Verdict
from syncpatterns.offline_queue._registering._resolutions import (
    Accept,
    Discard,
    Reject,
    RetryWith,
    SetAside,
)
from syncpatterns.offline_queue._taking._drafts import replacement

if TYPE_CHECKING:
    from syncpatterns.offline_queue._registering._handlers import Handler
    from syncpatterns.offline_queue._shared import Shared


def resolved(
    shared: Shared,
    handler: Handler,
    flight: Flight,
    conflict: BaseException,
    decided: Outcome[Any],
) -> Verdict:
    """Return what is to become of an item in conflict.

    A hook that fails decides nothing: the item is PARKED, and kept.
    """
    item = flight.item
    if isinstance(decided, Err):
        return _answered(shared.judge.parked(item, "conflict-hook", decided.error))
    after = Aftermath(Err(conflict), "conflict")
    match decided.value:
        case Accept(result):
            try:
                # Nothing said is nothing kept, whatever the handler would return.
                body = b"" if result is None else handler.results.encode(result)
            except Exception as error:  # noqa: BLE001 - of any codec
                return _answered(shared.judge.parked(item, "conflict-hook", error))
            return Verdict(
                Ack(item.hold, body), Evidence.ANSWERED, extra=Aftermath(Ok(result))
            )
        case Discard():
            fail = Fail(item.hold, "conflict", discard=True)
            return Verdict(fail, Evidence.ANSWERED, extra=after)
        case RetryWith(payload):
            try:
                new = replacement(shared, handler, item, payload)
            except Exception as error:  # noqa: BLE001 - of any codec, lane or entity
                return _answered(shared.judge.parked(item, "conflict-hook", error))
            put = Replace(item.hold, new)
            return Verdict(put, Evidence.ANSWERED, extra=after)
        case SetAside():
            return Verdict(Park(item.hold, "conflict"), Evidence.ANSWERED, extra=after)
        case Reject():
            return Verdict(Fail(item.hold, "conflict"), Evidence.ANSWERED, extra=after)
        case other:
            wrong = ConfigurationError(
                f"{item.operation}: on_conflict= returns Accept, Discard, RetryWith, "
                f"SetAside or Reject, not a {type(other).__name__}."
            )
            return _answered(shared.judge.parked(item, "conflict-hook", wrong))


def _answered(verdict: Verdict) -> Verdict:
    return verdict._replace(evidence=Evidence.ANSWERED)
