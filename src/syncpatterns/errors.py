"""Every error the library raises, as one tree.

::

    SyncPatternsError
    ├── ConfigurationError            wired wrongly; said at start, before any effect
    ├── Refusal                       your domain says no; a declared one is an answer
    ├── NotExecuted                   certainly nothing happened; may carry retry_after
    │   ├── KeyMissing                400  key-missing
    │   ├── KeyInvalid                400  key-invalid
    │   ├── KeyReused                 422  key-reused
    │   ├── InProgress                409  in-progress
    │   ├── StoreUnavailable          503  store-unavailable
    │   │   ├── EngineBusy            503  store-busy
    │   │   ├── DiskFull              503  disk-full
    │   │   └── EngineClosed          503  engine-closed
    │   ├── StoreFull                 503  store-full
    │   │   └── QueueFull             503  queue-full
    │   ├── NotSent                   503  not-sent: the request never left
    │   ├── ProviderUnavailable       503  provider-unavailable: gave up sending
    │   ├── SignInRequired            401  sign-in-required: nobody is signed in
    │   ├── NotPermitted              403  not-permitted: this user may not do it
    │   └── CallRejected              503  call-rejected: not even tried
    │       └── retry.CircuitOpen     503  circuit-open
    ├── OutcomeGone                   409  outcome-gone: done, answer no longer kept
    ├── RefusalGone                   409  refusal-gone: it was refused, nothing done
    ├── OutcomeUnknown                409  outcome-unknown: it may have happened
    ├── NoAnswer                      504  no-answer: it left, and no answer came
    ├── ItemFailed                    409  item-failed: a queued action ended undone
    ├── KeyExpired                    409  key-expired: too old to tell
    ├── LeaseLost                     409  lease-lost: somebody else took over
    ├── ResultNotStorable             the result cannot be written as JSON
    ├── sealing.SealError             something stored cannot be opened
    │   ├── sealing.SealKeyMissing    its key is not here
    │   └── sealing.SealBroken        it was changed, or belongs elsewhere
    ├── CleanupTimedOut               a shielded clean-up did not end in time
    ├── DatabaseRefused               503  database-refused: not one we may write
    │   ├── DatabaseForeign           not SQLite, or another program's
    │   ├── DatabaseTooNew            written by a newer release
    │   ├── DatabaseCorrupt           damaged
    │   └── DatabaseReadOnly          no permission to write
    └── RealtimeError
        ├── PublishRejected           422  publish-rejected: it never can be
        │   └── PayloadTooLarge       413  payload-too-large
        ├── ChannelDenied             403  channel-denied
        └── SubscriptionClosed        503  subscription-closed; code says why

An error names the operation, the first 8 hex digits of the key's hash, the
engine, and what to do next. It never names the key itself or personal data.
Every class that can reach an HTTP caller has `status` and `problem`, the last
part of its RFC 9457 problem type.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "CallRejected",
    "ChannelDenied",
    "CleanupTimedOut",
    "ConfigurationError",
    "DatabaseCorrupt",
    "DatabaseForeign",
    "DatabaseReadOnly",
    "DatabaseRefused",
    "DatabaseTooNew",
    "DiskFull",
    "EngineBusy",
    "EngineClosed",
    "InProgress",
    "ItemFailed",
    "KeyExpired",
    "KeyInvalid",
    "KeyMissing",
    "KeyReused",
    "LeaseLost",
    "NoAnswer",
    "NotExecuted",
    "NotPermitted",
    "NotSent",
    "OutcomeGone",
    "OutcomeUnknown",
    "PayloadTooLarge",
    "ProviderUnavailable",
    "PublishRejected",
    "QueueFull",
    "RealtimeError",
    "Refusal",
    "RefusalGone",
    "ResultNotStorable",
    "SignInRequired",
    "StoreFull",
    "StoreUnavailable",
    "SubscriptionClosed",
    "SyncPatternsError",
]


class SyncPatternsError(Exception):
    """Root of all errors of this library.

    Attributes:
        status: HTTP status that tells a caller the same thing.
        problem: Last part of the problem type URI (RFC 9457).
        title: One short sentence, the same for every occurrence.
        retry_after: Seconds after which trying again makes sense, or None.
    """

    status: ClassVar[int] = 500
    problem: ClassVar[str] = "internal"
    title: ClassVar[str] = "The operation failed."
    retry_after: float | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """Extra members for a problem document; free of personal data."""
        return {}


class ConfigurationError(SyncPatternsError, ValueError):
    """Something is wired wrongly; raised at construction or decoration."""

    problem = "configuration"
    title = "The service is configured wrongly."


class Refusal(SyncPatternsError):
    """Your domain says no: a slot is taken, a hold has expired.

    Subclass it, set `status`, `problem` and `title`, and declare the subclass
    in ``Operation(refusals=...)``: the business rows are rolled back, and the
    refusal is stored as the answer and replayed like any other.

    Args:
        detail: A sentence for the person who pressed the button.
        **facts: JSON values; extra members of the problem document.
    """

    status = 409
    problem = "refused"
    title = "The request was refused."
    #: True where the stored refusal was given again.
    replayed: bool = False

    def __init__(self, detail: str = "", **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail or type(self).title
        self._facts = facts

    @property
    def facts(self) -> dict[str, Any]:
        """The values given at construction."""
        return dict(self._facts)

    def __str__(self) -> str:
        return self.detail


class NotExecuted(SyncPatternsError):
    """Certainly nothing happened, so the same key may be tried again.

    Args:
        message: What was refused and what to do next.
        retry_after: Seconds to wait before the next try, if known.
    """

    status = 503
    problem = "not-executed"
    title = "Nothing was done. Try again with the same key."

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message or self.title)
        self.retry_after = retry_after


class KeyMissing(NotExecuted):
    """The operation needs an idempotency key and got none."""

    status = 400
    problem = "key-missing"
    title = "An Idempotency-Key is required."


class KeyInvalid(NotExecuted):
    """The idempotency key is malformed, doubled, contradictory or too long."""

    status = 400
    problem = "key-invalid"
    title = "The Idempotency-Key is not valid."


class KeyReused(NotExecuted):
    """The key was used before with another payload; nothing was done."""

    status = 422
    problem = "key-reused"
    title = "The Idempotency-Key was already used for another request."


class InProgress(NotExecuted):
    """Another call with this key is running; ask again after `retry_after`."""

    status = 409
    problem = "in-progress"
    title = "A request with this Idempotency-Key is being processed."


class StoreUnavailable(NotExecuted):
    """The store did not answer, so nothing was run."""

    problem = "store-unavailable"
    title = "The store is not available. Nothing was done."


class EngineBusy(StoreUnavailable):
    """The database stayed locked by others for the whole time-out."""

    problem = "store-busy"
    title = "The store is busy. Nothing was done."


class DiskFull(StoreUnavailable):
    """The disk or its quota is full; nothing was written."""

    problem = "disk-full"
    title = "The store has no space left. Nothing was done."


class EngineClosed(StoreUnavailable):
    """The engine was closed before the call could start."""

    problem = "engine-closed"
    title = "The service is stopping. Nothing was done."


class StoreFull(NotExecuted):
    """The store is at its configured size; a live record is never evicted."""

    problem = "store-full"
    title = "The store is full. Nothing was done."


class QueueFull(StoreFull):
    """The queue holds as much as it may; nothing was stored, and nothing lost."""

    problem = "queue-full"
    title = "The queue is full. Nothing was stored."


class NotSent(NotExecuted):
    """The request certainly did not reach the other side.

    Raise it for what leaves no doubt: the connection was refused, no
    connection was free, or the other side answered that it takes nothing now
    (429). A time-out while waiting for an answer is no such case: the request
    may have been done. ``Retry(on=NotSent)`` repeats exactly what is safe.
    """

    problem = "not-sent"
    title = "The request did not reach the service. Nothing was done."


class ProviderUnavailable(NotExecuted):
    """Every attempt to reach the other side failed, and nothing was sent."""

    problem = "provider-unavailable"
    title = "The service could not be reached. Nothing was done."


class SignInRequired(NotExecuted):
    """Nobody is signed in (any more), so it was not done; sign in and try again."""

    status = 401
    problem = "sign-in-required"
    title = "Sign in first. Nothing was done."


class NotPermitted(NotExecuted):
    """Whoever is signed in may not do this, so it was not done."""

    status = 403
    problem = "not-permitted"
    title = "You may not do this. Nothing was done."


class CallRejected(NotExecuted):
    """A guard of this process refused to make the call at all.

    Args:
        message: What was refused and what to do next.
        retry_after: Seconds until a call may be let through; infinity: until
            somebody resets the guard.
    """

    problem = "call-rejected"
    title = "The service is not being asked for now. Nothing was done."


class OutcomeGone(SyncPatternsError):
    """It was done, but the stored answer is no longer kept.

    The caller should treat the action as done and fetch the current state.
    """

    status = 409
    problem = "outcome-gone"
    title = "This was already done; its answer is no longer kept."


class RefusalGone(SyncPatternsError):
    """It was refused, nothing was done, and the reason is no longer kept.

    Whoever still wants it acts anew, under a new key.
    """

    status = 409
    problem = "refusal-gone"
    title = "This was refused before, and nothing was done."


class OutcomeUnknown(SyncPatternsError):
    """It may or may not have happened; somebody has to look.

    Do not mint a new key: that could do it a second time.
    """

    status = 409
    problem = "outcome-unknown"
    title = "It is not known whether this was done. Do not use a new key."


class NoAnswer(SyncPatternsError):
    """The request left and no answer came: it may have been done.

    Raise it for a time-out, or a connection that broke, after sending. The
    same key asks again; a new one could do it a second time.
    """

    status = 504
    problem = "no-answer"
    title = "No answer came. It may have been done; do not use a new key."


class ItemFailed(SyncPatternsError):
    """A queued action ended without being done.

    Args:
        message: What ended and what to do next.
        state: How: ``dead``, ``expired`` or ``cancelled``.
        reason: Why, as one word: ``rejected``, ``attempts``, ``poison``,
            ``overflow``, ``predecessor``, ``parent``, ``by-hand``...
    """

    status = 409
    problem = "item-failed"
    title = "The queued action was not done."

    def __init__(self, message: str = "", *, state: str = "", reason: str = "") -> None:
        super().__init__(message or self.title)
        self.state = state
        self.reason = reason

    @property
    def facts(self) -> dict[str, Any]:
        """How it ended, and why."""
        return {"state": self.state, "reason": self.reason}


class KeyExpired(SyncPatternsError):
    """The request is older than the store remembers, so it was not run."""

    status = 409
    problem = "key-expired"
    title = "The request is too old to be told from one already done."


class LeaseLost(SyncPatternsError):
    """Somebody else took over this key; the late result was not stored."""

    status = 409
    problem = "lease-lost"
    title = "Another worker took over this request."


class ResultNotStorable(SyncPatternsError, TypeError):
    """A result, refusal or command cannot be written as JSON."""

    problem = "result-not-storable"
    title = "The result cannot be stored."


class CleanupTimedOut(SyncPatternsError):
    """A shielded clean-up did not end in time; its claim lapses by itself.

    Args:
        effect: Name of the clean-up step.
        seconds: How long it was given.
    """

    problem = "cleanup-timed-out"

    def __init__(self, effect: str, seconds: float) -> None:
        super().__init__(
            f"{effect} did not end within {seconds:g} s; what it held is freed "
            "when its lease runs out."
        )


class DatabaseRefused(SyncPatternsError):
    """The database cannot be used; the message says what to do."""

    status = 503
    problem = "database-refused"
    title = "The database cannot be used."


class DatabaseForeign(DatabaseRefused):
    """The file is no SQLite database, or belongs to another program."""


class DatabaseTooNew(DatabaseRefused):
    """A newer release of this library wrote the file."""


class DatabaseCorrupt(DatabaseRefused):
    """The file is damaged; nothing was changed."""


class DatabaseReadOnly(DatabaseRefused):
    """The file or its folder may not be written."""


class RealtimeError(SyncPatternsError):
    """Root of the errors of publishing and subscribing."""


class PublishRejected(RealtimeError):
    """The event can never be published as it is; trying again is useless."""

    status = 422
    problem = "publish-rejected"
    title = "The event cannot be published."


class PayloadTooLarge(PublishRejected):
    """The encoded event is larger than the channel allows."""

    status = 413
    problem = "payload-too-large"
    title = "The event is too large."


class ChannelDenied(RealtimeError):
    """This principal may not use this channel."""

    status = 403
    problem = "channel-denied"
    title = "You may not use this channel."


class SubscriptionClosed(RealtimeError):
    """The subscription has ended; `code` says why.

    Args:
        code: ``closed``, ``lagged``, ``shutdown`` or ``revoked``.
    """

    status = 503
    problem = "subscription-closed"
    title = "The subscription has ended."

    def __init__(self, code: str) -> None:
        super().__init__(f"The subscription has ended: {code}.")
        self.code = code
