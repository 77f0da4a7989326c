"""What the app needs of an SMS provider, whichever it is.

The errors say what is known about the message, not what went wrong in the
network::

    NotSent                    certainly not sent; may be tried again
    └── SendRateExceeded       our own limit; the provider was not even asked
    ProviderMisconfigured      certainly not sent; trying again changes nothing
    ProviderRejected           certainly not sent; the provider's answer is no
    └── OptedOutAtProvider     the recipient said STOP to the provider
    ProviderUncertain          it may have been sent; ask `SmsProvider.find`
    └── LookupFailed           `SmsProvider.find` itself got no answer

Worked example of the difference: a connection that was refused carried no
byte, so the message was not sent. A connection that broke while we waited for
the answer carried all of them; the provider may have queued the message a
moment before. Sending again there is how people get the same SMS twice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from syncpatterns.errors import NotExecuted, NotSent, Refusal

__all__ = [
    "STATUSES",
    "LookupFailed",
    "NotSent",
    "OptedOutAtProvider",
    "ProviderMisconfigured",
    "ProviderRejected",
    "ProviderUncertain",
    "Receipt",
    "SendRateExceeded",
    "SmsMessage",
    "SmsProvider",
]

#: What may become of a message, in the order in which it does. A status never
#: goes back: a callback that comes late does not undo a later one.
STATUSES: Final = (
    "queued",
    "sending",
    "sent",
    "delivered",
    "undelivered",
    "failed",
    "read",
    "received",
)


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """One text to one number.

    Args:
        to: The recipient, E.164.
        body: The text, 1 to 1600 characters.
        from_: The sending number, E.164; None is the provider's own.
    """

    to: str
    body: str
    from_: str | None = None

    def __repr__(self) -> str:
        # A number and a text are personal data, and a repr ends up in a log.
        return f"SmsMessage(to=..., body=<{len(self.body)} characters>)"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider has the message.

    Args:
        provider_id: The provider's name for it.
        status: One of `STATUSES`, as far as the provider knew then.
        segments: How many the network makes of it; 0 is not known yet.
    """

    provider_id: str
    status: str
    segments: int


class SendRateExceeded(NotSent):
    """This service sends no faster than its number may; nobody was asked.

    No sign of a provider in trouble: a circuit breaker should not count it.
    """

    status = 429
    problem = "rate-limited"
    title = "Too many messages at once. Nothing was sent."


class ProviderMisconfigured(NotExecuted):
    """The provider does not let this service in (401, 403); nothing was sent.

    No fault of the message and none of the moment: somebody has to correct the
    account, the token or its rights.
    """

    problem = "provider-misconfigured"
    title = "The SMS provider does not accept this service's account."


class ProviderRejected(Refusal):
    """The provider read the message and will not send it.

    Facts:
        provider_code: The provider's number for the reason, or None. Providers
            split and renumber them: show it, do not decide by it.
        provider_status: The HTTP status of its answer.
    """

    status = 502
    problem = "provider-rejected"
    title = "The SMS provider refused the message."

    @property
    def provider_code(self) -> int | None:
        """The provider's number for the reason, if it gave one."""
        return self.facts.get("provider_code")

    @property
    def provider_status(self) -> int | None:
        """The HTTP status of the answer."""
        return self.facts.get("provider_status")


class OptedOutAtProvider(ProviderRejected):
    """The recipient told the provider STOP, and perhaps never us."""

    status = 409
    problem = "opted-out"
    title = "The recipient does not want messages from this number."


class ProviderUncertain(Exception):
    """Nobody knows whether the message was sent.

    Args:
        message: What happened, without personal data.
        provider_status: The HTTP status, where an answer came at all.
        retry_after: Seconds after which to come back, if the answer said so;
            whoever finds that nothing was sent sends again no sooner.
    """

    def __init__(
        self,
        message: str,
        *,
        provider_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.provider_status = provider_status
        self.retry_after = retry_after


class LookupFailed(ProviderUncertain):
    """The provider could not be asked, or its answer not read; ask again."""


class SmsProvider(Protocol):
    """A provider; both methods are safe to call from many tasks at once."""

    async def send(
        self,
        message: SmsMessage,
        *,
        timeout: float,  # noqa: ASYNC109 - what is left of the caller's deadline
        callback_url: str | None = None,
    ) -> Receipt:
        """Hand *message* over, once; never tries again by itself.

        Args:
            message: What to send.
            timeout: Seconds for all of it, connecting included.
            callback_url: Where the provider reports what became of it.

        Raises:
            NotSent: Certainly not sent; `retry_after` says when, if known.
            ProviderMisconfigured: Certainly not sent, and not by trying again.
            ProviderRejected: Certainly not sent; the answer is no.
            ProviderUncertain: It may have been sent.
        """
        ...

    async def find(
        self,
        message: SmsMessage,
        since: datetime,
        timeout: float,  # noqa: ASYNC109 - what is left of the caller's deadline
        *,
        exclude: Collection[str] = (),
    ) -> Receipt | None:
        """Return the receipt of an earlier `send` of *message*, if it arrived.

        Args:
            message: What was sent.
            since: When it was sent at the earliest; with a time zone.
            timeout: Seconds for all of it.
            exclude: Provider ids that are known to be other messages.

        Returns:
            None: The provider has no such message now.

        Raises:
            LookupFailed: Not known; whatever the reason, never `NotSent`, which
                would read as a statement about the message.
        """
        ...
