"""What a handler raises for an HTTP answer, so that its item gets its verdict."""

from __future__ import annotations

from syncpatterns.errors import (
    InProgress,
    KeyExpired,
    NoAnswer,
    NotPermitted,
    NotSent,
    OutcomeGone,
    OutcomeUnknown,
    Refusal,
    RefusalGone,
    SignInRequired,
    SyncPatternsError,
)
from syncpatterns.offline_queue._core._answers import HttpVerdict


class HttpRefused(Refusal):
    """The service looked at it and said no."""

    status = 422
    problem = "http-refused"
    title = "The service refused it."


class HttpConflict(Refusal):
    """Somebody else changed the thing first; nothing was done."""

    status = 412
    problem = "http-conflict"
    title = "Somebody else changed it first."


class ServerFailed(SyncPatternsError):
    """The service answered, and failed: asking again uses up an attempt."""

    status = 502
    problem = "server-failed"
    title = "The service failed."


class AnswerUnread(ServerFailed):
    """It answered, and what that means cannot be read: it may have been done.

    Uses up an attempt as any failure of the service does. After the last one its
    item is PARKED (``unknown``) and not DEAD: somebody has to look.
    """

    title = "The service's answer cannot be read. Do not use a new key."


def error_of_http(verdict: HttpVerdict, where: str) -> SyncPatternsError | None:
    """Return what a handler raises for *verdict*; None if it was done.

    Args:
        verdict: From `verdict_of_http`.
        where: How the message begins: operation and hash of the key.
    """
    error = _error(verdict, f"{where}: {verdict.reason}")
    if error is not None and verdict.retry_after is not None:
        error.retry_after = verdict.retry_after
    return error


def _error(verdict: HttpVerdict, text: str) -> SyncPatternsError | None:
    match verdict.verdict:
        case "done":
            gone = verdict.reason == "outcome-gone"
            return OutcomeGone(f"{text}. It was done.") if gone else None
        case "refused" if verdict.reason == "refusal-gone":
            return RefusalGone(f"{text}. It was refused before.")
        case "refused":
            return HttpRefused(text)
        case "conflict":
            return HttpConflict(text)
        case "parked" if verdict.reason == "key-expired":
            return KeyExpired(f"{text}. Look whether it was done.")
        case "parked":
            return OutcomeUnknown(f"{text}. Look whether it was done.")
        case "signed-out":
            return SignInRequired(f"{text}. Sign in, then resume the queue.")
        case "forbidden":
            return NotPermitted(f"{text}. Ask somebody who may.")
        case "retry":
            return _again(verdict, text)


def _again(verdict: HttpVerdict, text: str) -> SyncPatternsError:
    if verdict.reason == "in-progress":
        return InProgress(f"{text}. Ask again with the same key.")
    if verdict.unsent:
        return NotSent(f"{text}. Nothing was done.")
    if verdict.costs:
        return ServerFailed(f"{text}. It is tried again with the same key.")
    return NoAnswer(f"{text}. It may have been done; the same key asks again.")
