"""What a handler's exception means for its item: one table, no I/O.

The rule behind the table: *offline is not an attempt*. Whoever could not be
reached, or said "not now", has not refused anything, so nothing is counted
against the item and only its age can end it. And what may have been done is
asked again under the same key, never given up in silence.
"""

from __future__ import annotations

import errno
import math
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

from syncpatterns.errors import (
    CallRejected,
    InProgress,
    KeyExpired,
    KeyInvalid,
    KeyMissing,
    KeyReused,
    LeaseLost,
    NoAnswer,
    NotExecuted,
    NotPermitted,
    NotSent,
    OutcomeGone,
    OutcomeUnknown,
    ProviderUnavailable,
    Refusal,
    RefusalGone,
    SignInRequired,
)
from syncpatterns.offline_queue._core._answer_errors import AnswerUnread

Kind: TypeAlias = Literal[
    "gone",  # done, without a body
    "again",  # the same key again, and no attempt used
    "failed",  # answered with a failure: an attempt is used
    "unread",  # the same, and PARKED after the last: it may have been done
    "refused",
    "conflict",
    "parked",
    "sign-in",
]
Heard: TypeAlias = Literal["answered", "failed", "unreachable", "nothing"]


class Meaning(NamedTuple):
    """What an exception means.

    Args:
        kind: What is to become of the item.
        reason: Why, as one word.
        unsent: Certainly nothing was done.
        heard: What it says about the target.
        rest: Seconds for which the target wants to be left alone.
        shared: Every process should leave it alone, not only this one.
        delay: Seconds before this item is tried again; None: by its schedule.
    """

    kind: Kind
    reason: str
    unsent: bool = False
    heard: Heard = "answered"
    rest: float = 0.0
    shared: bool = False
    delay: float | None = None


#: A service that asks for a day is asked after an hour: its clock may be wrong,
#: and one request an hour harms nobody.
LONGEST_REST: Final = 3600.0
#: A breaker that somebody isolated names no end; look again soon.
_LOOK_AGAIN: Final = 30.0

_NO_ROUTE: Final = frozenset(
    {
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.EADDRNOTAVAIL,
        errno.ETIMEDOUT,
    }
)
#: HTTP clients whose errors are no ConnectionError and no TimeoutError; told by
#: name, so that none of them has to be installed.
_CLIENTS: Final = frozenset(
    {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "aiohttp"}
)
_NO_SUCH_HOST: Final = ("socket", "gaierror")
_NEVER_LEFT: Final = frozenset(
    {
        "ConnectError",
        "ConnectTimeout",
        "PoolTimeout",
        "ClientConnectorError",
        "ConnectionTimeoutError",
        "NewConnectionError",
        "ConnectTimeoutError",
    }
)
_BROKE_OFF: Final = frozenset(
    {
        "TransportError",
        "NetworkError",
        "ProtocolError",
        "TimeoutException",
        "Timeout",
        "ConnectionError",
        "ClientConnectionError",
        "ServerTimeoutError",
        "ClientPayloadError",
        "ChunkedEncodingError",
        "IncompleteRead",
    }
)


def meaning_of(
    error: BaseException, conflicts: tuple[type[BaseException], ...] = ()
) -> Meaning:
    """Return what *error* means for the item whose handler raised it.

    Args:
        error: What the handler raised.
        conflicts: Classes that the handler has declared as conflicts.
    """
    error = _only_one(error)
    if conflicts and isinstance(error, conflicts):
        return Meaning("conflict", "conflict")
    if isinstance(error, NotExecuted):
        return _not_executed(error)
    match error:
        case OutcomeGone():
            return Meaning("gone", "outcome-gone")
        case OutcomeUnknown() | KeyExpired():
            return Meaning("parked", "unknown")
        case Refusal() if error.status == 412:  # noqa: PLR2004 - HTTP's precondition failed
            return Meaning("conflict", "conflict")
        case Refusal() | RefusalGone():
            return Meaning("refused", "rejected")
        case AnswerUnread():
            return Meaning("unread", "failed", heard="failed")
        case NoAnswer():
            return _asked_to_rest("no-answer", error, heard="unreachable")
        case LeaseLost():  # another worker of the executing side has the key
            return Meaning("again", "lease-lost", heard="nothing")
        case _:
            return _transport(error)


def _not_executed(error: NotExecuted) -> Meaning:
    match error:
        case SignInRequired():
            return Meaning("sign-in", "sign-in", unsent=True)
        case NotPermitted():
            return Meaning("parked", "forbidden", unsent=True)
        case KeyReused() | KeyInvalid() | KeyMissing():
            return Meaning("refused", "rejected")
        case InProgress():
            # Somebody has begun it under this key: it is not unsent, and the
            # target is well.
            return Meaning("again", "in-progress", delay=_hint(error))
        case CallRejected():
            rest = _hint(error)
            rest = _LOOK_AGAIN if rest is None else rest
            return Meaning(
                "again", "not-asked", unsent=True, heard="nothing", rest=rest
            )
        case NotSent() | ProviderUnavailable():
            return _asked_to_rest(
                error.problem, error, unsent=True, heard="unreachable"
            )
        case _:
            return _asked_to_rest(error.problem, error, unsent=True, heard="nothing")


def _asked_to_rest(
    reason: str, error: BaseException, *, heard: Heard, unsent: bool = False
) -> Meaning:
    """Return that it is tried again; whoever says when is there, and not well."""
    rest = _hint(error)
    if rest is None:
        return Meaning("again", reason, unsent, heard)
    return Meaning("again", reason, unsent, "failed", rest=rest, shared=rest > 0)


def _transport(error: BaseException) -> Meaning:
    mro = type(error).__mro__
    kinds = {(each.__module__.partition(".")[0], each.__name__) for each in mro}
    if isinstance(error, ConnectionRefusedError) or _NO_SUCH_HOST in kinds:
        return Meaning("again", "not-sent", unsent=True, heard="unreachable")
    if isinstance(error, ConnectionError | TimeoutError):
        return Meaning("again", "no-answer", heard="unreachable")
    if isinstance(error, OSError) and error.errno in _NO_ROUTE:
        return Meaning("again", "no-answer", heard="unreachable")
    names = {name for home, name in kinds if home in _CLIENTS}
    if names & _NEVER_LEFT:
        return Meaning("again", "not-sent", unsent=True, heard="unreachable")
    if names & _BROKE_OFF:
        return Meaning("again", "no-answer", heard="unreachable")
    return Meaning("failed", "failed", heard="failed")


def _only_one(error: BaseException) -> BaseException:
    """Return the one error in a group of one: a task group wraps what it raises."""
    while len(inside := _inside(error)) == 1:
        error = inside[0]
    return error


def _inside(error: BaseException) -> tuple[BaseException, ...]:
    if not isinstance(error, BaseExceptionGroup):
        return ()
    inside: tuple[BaseException, ...] = cast("Any", error).exceptions
    return inside


def _hint(error: BaseException) -> float | None:
    """Return the seconds that *error* asks to wait; None if it does not say."""
    hint: object = getattr(error, "retry_after", None)
    if isinstance(hint, bool) or not isinstance(hint, int | float):
        return None
    if not math.isfinite(hint):
        return None
    return min(max(0.0, float(hint)), LONGEST_REST)


def said(error: BaseException) -> str:
    """Return what may be kept about *error*: its kind, never its words.

    A message can quote what somebody typed in, and a queue is kept for days.
    """
    kind = type(_only_one(error))
    problem = getattr(kind, "problem", "")
    name = kind.__qualname__[:100]
    return f"{name}: {problem[:100]}" if isinstance(problem, str) and problem else name
