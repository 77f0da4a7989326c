"""The messages the simulator has accepted, newest last."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final

import anyio

API: Final = "2010-04-01"
#: The oldest message is forgotten when there are more.
KEPT: Final = 10_000

_ERRORS: Final = {30003: "Unreachable destination handset"}


@dataclass(slots=True, eq=False)
class Message:
    """One message, as the API shows it.

    Args:
        number: Grows with every message; the order of the list.
        to: The recipient.
        from_: The sender; None where a messaging service chooses.
        body: The text.
        direction: ``outbound-api`` or ``inbound``.
        status: What has become of it.
        created: When it was accepted, UTC.
        segments: How many it makes.
        service: The messaging service it was sent through.
    """

    number: int
    to: str
    from_: str | None
    body: str
    direction: str
    status: str
    created: datetime
    segments: int
    service: str | None = None
    sid: str = field(default_factory=lambda: "SM" + secrets.token_hex(16))
    updated: datetime | None = None
    sent: datetime | None = None
    error_code: int | None = None
    #: Every callback: its status, and the webhook's answer (None: there was none).
    callbacks: list[dict[str, Any]] = field(default_factory=list)
    #: Cancelled when the message is forgotten: nothing more becomes of it.
    life: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    @property
    def shown_from(self) -> datetime:
        """What a filter by DateSent looks at.

        A message that still waits has no date; here it is found by the day it
        was accepted.
        """
        return self.sent or self.created

    def change(self, status: str, now: datetime) -> None:
        """Let it become *status*."""
        self.status = status
        self.updated = now
        if status == "sent":
            self.sent = now

    def document(self, account: str) -> dict[str, Any]:
        """Return it as the API does."""
        path = f"/{API}/Accounts/{account}/Messages/{self.sid}"
        return {
            "account_sid": account,
            "api_version": API,
            "body": self.body,
            "date_created": format_datetime(self.created),
            "date_sent": format_datetime(self.sent) if self.sent else None,
            "date_updated": format_datetime(self.updated or self.created),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": _ERRORS.get(self.error_code or 0),
            "from": self.from_,
            "messaging_service_sid": self.service,
            "num_media": "0",
            "num_segments": str(self.segments),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{path}/Media.json"},
            "to": self.to,
            "uri": f"{path}.json",
        }


class Messages:
    """All messages that are still kept.

    Args:
        kept: How many; the oldest is forgotten.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._all: OrderedDict[str, Message] = OrderedDict()
        #: How many there ever were.
        self.created = 0

    def __len__(self) -> int:
        return len(self._all)

    def add(self, **fields: Any) -> Message:
        """Keep a new message; see `Message` for its fields."""
        self.created += 1
        message = Message(number=self.created, **fields)
        self._all[message.sid] = message
        while len(self._all) > self._kept:
            self._all.popitem(last=False)[1].life.cancel()
        return message

    def get(self, sid: str) -> Message | None:
        """Return the message *sid*, if it is still kept."""
        return self._all.get(sid)

    def newest_first(self) -> Iterator[Message]:
        """Yield all of them."""
        return reversed(self._all.values())

    def clear(self) -> None:
        """Forget all of them."""
        for message in self._all.values():
            message.life.cancel()
        self._all.clear()
