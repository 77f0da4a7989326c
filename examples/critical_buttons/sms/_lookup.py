"""Reading the provider's list of messages for one that may be there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeAlias, cast
from urllib.parse import urlencode

import httpx2

from examples.critical_buttons.sms._exchange import Exchange
from examples.critical_buttons.sms.answers import receipt
from examples.critical_buttons.sms.provider import (
    LookupFailed,
    Receipt,
    SmsMessage,
)

_PAGE_SIZE: Final = 100
_MAX_PAGES: Final = 20
_DAY: Final = timedelta(days=1)
_OK: Final = 200

#: When a message was accepted, and its receipt.
Found: TypeAlias = tuple[datetime, Receipt]


class Listing:
    """The list of an account's messages.

    Args:
        exchange: How it is asked for.
        url: Where it is.
    """

    def __init__(self, exchange: Exchange, url: str) -> None:
        self._exchange = exchange
        self._url = url

    async def like(
        self,
        message: SmsMessage,
        sender: str,
        earliest: datetime,
        timeout: float,  # noqa: ASYNC109 - what is left of the caller's deadline
    ) -> list[Found]:
        """Return all messages like *message*, newest first.

        The list is filtered by the day of sending. Whether that shows a message
        that still waits to be sent, and so has no such day, is not documented;
        so the newest page is read without that filter as well.

        Args:
            message: Recipient and text; the text has to match to the letter.
            sender: The number it was sent from.
            earliest: Older ones may be left out.
            timeout: Seconds for each page.

        Raises:
            Lost: There was no answer.
            LookupFailed: The list cannot be read to its end.
        """
        query = {"To": message.to, "From": sender, "PageSize": str(_PAGE_SIZE)}
        # A day earlier: the filter knows days only, and a clock may be behind.
        day = (earliest - _DAY).date().isoformat()
        pages = [await self._page(f"{self._url}?{urlencode(query)}", timeout)]
        url: str | None = f"{self._url}?{urlencode({**query, 'DateSent>': day})}"
        while url is not None:
            # What was not read could hold the message: no answer, rather than "no".
            if len(pages) > _MAX_PAGES:
                raise LookupFailed("The SMS provider's list has no end.")
            pages.append(await self._page(url, timeout))
            url = self._next(pages[-1])
        found: dict[str, Found] = {}
        for page in pages:
            for document in _messages(page):
                match = _match(document, message)
                if match is not None:
                    found.setdefault(match[1].provider_id, match)
        return list(found.values())

    async def _page(
        self,
        url: str,
        timeout: float,  # noqa: ASYNC109 - as above
    ) -> Mapping[str, Any]:
        answer = await self._exchange.ask("GET", url, timeout)
        document = answer.document() if answer.status == _OK else None
        if document is None:
            raise LookupFailed(
                f"The SMS provider answered {answer.status} to a list of messages.",
                provider_status=answer.status,
            )
        return document

    def _next(self, page: Mapping[str, Any]) -> str | None:
        """Return the next page's URL, which gets our token: on this host only."""
        uri = page.get("next_page_uri")
        if uri is None or uri == "":
            return None
        base = httpx2.URL(self._url)
        url = _joined(base, uri)
        if url is None:
            raise LookupFailed("The SMS provider's list cannot be followed.")
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
            raise LookupFailed("The SMS provider's list goes on at another host.")
        return str(url)


def _joined(base: httpx2.URL, uri: object) -> httpx2.URL | None:
    try:
        return base.join(uri) if isinstance(uri, str) else None
    except httpx2.InvalidURL:
        return None


def _messages(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = page.get("messages")
    if not isinstance(listed, list):
        raise LookupFailed("The SMS provider's list cannot be read.")
    documents = cast("list[object]", listed)
    return [
        cast("Mapping[str, Any]", each) for each in documents if isinstance(each, dict)
    ]


def _match(document: Mapping[str, Any], message: SmsMessage) -> Found | None:
    """Return when and what, if *document* is like *message*."""
    same = (
        document.get("to") == message.to
        and document.get("body") == message.body
        and str(document.get("direction")).startswith("outbound")
    )
    if not same:
        return None
    found, created = receipt(document), _moment(document.get("date_created"))
    if found is None or created is None:
        raise LookupFailed("A message in the SMS provider's list cannot be read.")
    return created, found


def _moment(text: object) -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(text))
    except (ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
