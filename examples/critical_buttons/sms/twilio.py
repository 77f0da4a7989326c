"""A client of Twilio's message API, and of what pretends to be it.

The API takes no idempotency key, so nothing here ever sends a message again by
itself. `TwilioClient.send` says what is known of the one request it made, and
`TwilioClient.find` looks for the message where that is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode

import anyio
import httpx2

from examples.critical_buttons.sms._exchange import Exchange, Lost
from examples.critical_buttons.sms._lookup import Listing
from examples.critical_buttons.sms.answers import normal_status, read_create
from examples.critical_buttons.sms.bucket import Bucket
from examples.critical_buttons.sms.provider import (
    LookupFailed,
    NotSent,
    ProviderRejected,
    ProviderUncertain,
    Receipt,
    SendRateExceeded,
    SmsMessage,
)
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import ConfigurationError

__all__ = ["TwilioClient", "normal_status"]

_API: Final = "2010-04-01"
_ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}")
_SENDER: Final = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{5,6}|[A-Za-z0-9 ]{1,11}")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
#: By how much the provider's clock may be behind ours.
_SKEW: Final = timedelta(seconds=30)


class TwilioClient:
    """Sends messages from one number of one account.

    Safe to use from any number of tasks; close it with `aclose` or ``async
    with``. Redirects are not followed, proxies of the environment not used, and
    a connection serves one request: a kept one that the other side closed a
    moment ago would make "not sent" look like "unknown".

    Args:
        base_url: Of the API, e.g. ``https://api.twilio.com``. Plain http is for
            this machine only: every request carries the token.
        account_sid: The account.
        auth_token: Its token.
        from_number: The number that sends, E.164, or a short code.
        rate: Messages a second that the number may send: 1 for a long code, 3
            toll-free, 100 for a short code. Counted in this process alone.
        burst: How many may go at once after a pause.
        clock: Where the time comes from.
        transport: Instead of the network.

    Raises:
        ConfigurationError: An argument cannot be right.
    """

    def __init__(
        self,
        base_url: str,
        account_sid: str,
        auth_token: str,
        from_number: str,
        *,
        rate: float = 1.0,
        burst: float = 1.0,
        clock: Clock | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = _checked_base(base_url)
        if not _ACCOUNT.fullmatch(account_sid):
            raise ConfigurationError(
                "The SMS account is not AC followed by 32 hex digits. Copy it anew."
            )
        if not auth_token or not auth_token.isascii() or not auth_token.isprintable():
            raise ConfigurationError("The SMS account's token is empty or damaged.")
        if not _SENDER.fullmatch(from_number):
            raise ConfigurationError(
                "The number to send from is neither E.164 (+12025550100) nor a short "
                "code."
            )
        self._messages = f"{self._base}/{_API}/Accounts/{account_sid}/Messages.json"
        self._from = from_number
        self._clock = clock or SystemClock()
        try:
            self._bucket = Bucket(rate, burst, self._clock.monotonic)
        except ValueError as error:
            raise ConfigurationError(f"The SMS rate: {error}") from error
        self._exchange = Exchange((account_sid, auth_token), transport)
        self._listing = Listing(self._exchange, self._messages)

    def __repr__(self) -> str:
        return f"TwilioClient({self._base!r})"

    async def aopen(self) -> None:
        """Prepare for the first request; `send` and `find` do it if need be."""
        self._exchange.open()

    async def aclose(self) -> None:
        """Close it; from then on nothing is sent (NotSent)."""
        await self._exchange.aclose()

    async def __aenter__(self) -> Self:
        await self.aopen()
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def send(
        self,
        message: SmsMessage,
        *,
        timeout: float,  # noqa: ASYNC109 - what is left of the caller's deadline
        callback_url: str | None = None,
    ) -> Receipt:
        """Hand *message* over, once; see `SmsProvider.send`.

        Raises:
            SendRateExceeded: The number's rate is used up; not a wait, but a
                NotSent with `retry_after`, so that whoever retries waits.
            NotSent: Certainly not sent.
            ProviderMisconfigured: Certainly not sent, and not by trying again.
            ProviderRejected: Certainly not sent; the answer is no.
            ProviderUncertain: It may have been sent.
        """
        content = self._form(message, callback_url)
        if timeout <= 0:
            raise NotSent("There was no time left to send the SMS. Nothing was sent.")
        wait = self._bucket.take()
        if wait:
            raise SendRateExceeded(
                "This number sends no faster. Nothing was sent.", retry_after=wait
            )
        try:
            answer = await self._exchange.ask(
                "POST", self._messages, timeout, content=content
            )
        except Lost as lost:
            if lost.certainly_not_sent:
                raise NotSent(
                    f"The SMS provider cannot be reached ({lost}). Nothing was sent."
                ) from lost
            raise ProviderUncertain(
                f"The SMS provider did not answer ({lost}); the message may have been "
                "sent."
            ) from lost
        return read_create(answer, self._now())

    def _form(self, message: SmsMessage, callback_url: str | None) -> bytes:
        fields = {
            "To": message.to,
            "From": message.from_ or self._from,
            "Body": message.body,
        }
        if callback_url is not None:
            fields["StatusCallback"] = callback_url
        try:
            return urlencode(fields).encode("ascii")
        except UnicodeEncodeError:
            pass  # the error holds the text; the one below must not hold the error
        raise ProviderRejected(
            "The text holds half a character, which cannot be sent.",
            provider_code=None,
            provider_status=None,
        )

    async def find(
        self,
        message: SmsMessage,
        since: datetime,
        timeout: float,  # noqa: ASYNC109 - what is left of the caller's deadline
        *,
        exclude: Collection[str] = (),
    ) -> Receipt | None:
        """Look for *message* among those sent at *since* or later.

        Of several the oldest is taken. Two clicks may send the same text to the
        same person: the first looks from its own, earlier moment and takes the
        older message; the second is told to *exclude* that one and takes the
        younger. Taking the newest, the first would take the second's message,
        and the second would find none and send a third.

        Args:
            message: What was sent; the text has to match to the letter.
            since: When it was sent at the earliest; with a time zone.
            timeout: Seconds for all of it.
            exclude: Provider ids that are known to be other messages.

        Returns:
            None: There is no such message now.

        Raises:
            LookupFailed: Not known.
            ValueError: *since* has no time zone.
        """
        if since.tzinfo is None:
            raise ValueError("since needs a time zone: the provider counts in UTC")
        earliest = since.astimezone(UTC) - _SKEW
        try:
            with anyio.fail_after(max(0.0, timeout)):
                found = await self._listing.like(
                    message, message.from_ or self._from, earliest, timeout
                )
        except TimeoutError as error:
            raise LookupFailed(
                "The SMS provider's list did not come in time."
            ) from error
        except Lost as lost:
            raise LookupFailed(
                f"The SMS provider's list cannot be read ({lost})."
            ) from lost
        candidates = [
            (when, each)
            for when, each in found
            if when >= earliest and each.provider_id not in exclude
        ]
        # Sorting is stable, and the list comes newest first.
        candidates.reverse()
        candidates.sort(key=lambda candidate: candidate[0])
        return candidates[0][1] if candidates else None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)


def _checked_base(base_url: str) -> str:
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL as error:
        raise ConfigurationError("The SMS provider's URL cannot be read.") from error
    if url.userinfo or url.query or url.fragment or not url.host:
        raise ConfigurationError(
            "The SMS provider's URL is a scheme, a host and perhaps a port and a path."
        )
    if url.scheme != "https" and not (url.scheme == "http" and url.host in _LOOPBACK):
        raise ConfigurationError(
            "The SMS provider's URL has to begin with https://: every request "
            "carries the account's token. Plain http is for this machine only."
        )
    return base_url.rstrip("/")
