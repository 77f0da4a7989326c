"""Send an SMS once: what is checked, what leaves, what is written, what is looked up.

The four functions of an operation that calls somebody outside::

    check    in the commit that claims the key: may it be sent at all?
    call     outside any transaction: ask once more, then hand it over
    commit   message, audit line, event and answer in one commit
    lookup   after silence: did the provider get it?
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import uuid4

from sqlalchemy import Connection

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.leads import HOUR, Lead, wait_for_room
from examples.critical_buttons.domain.messages import (
    Direction,
    Message,
    reported,
    status_of,
)
from examples.critical_buttons.domain.phones import BadPhone, parse_phone
from examples.critical_buttons.domain.quiet_hours import next_allowed
from examples.critical_buttons.domain.segments import segments
from examples.critical_buttons.domain.sms_refusals import (
    lead_not_found,
    opted_out,
    phone_invalid,
    quiet_hours,
    rate_limited,
)
from examples.critical_buttons.repo import leads, messages, sending
from examples.critical_buttons.services.commands import SendSmsCommand, send_name
from examples.critical_buttons.services.journal import Actor, Journal
from examples.critical_buttons.services.lead_views import (
    Sent,
    message_view,
    segments_view,
)
from examples.critical_buttons.services.lookup import Lookup, make_way
from examples.critical_buttons.sms.provider import (
    OptedOutAtProvider,
    Receipt,
    SmsMessage,
    SmsProvider,
)
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.operation import Transaction

#: Seconds by which the provider's client gives up before the operation does.
_EARLIER: Final = 0.25


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be sent.

    Args:
        per_lead: Messages to one lead within an hour.
        per_tenant: Messages of one tenant within an hour.
        quiet_hours: Whether nobody is written to at night.
    """

    per_lead: int = 5
    per_tenant: int = 2000
    quiet_hours: bool = False


def _time_for(left: float) -> float:
    """Return the seconds of the provider's client, which ends before the operation.

    The client knows whether a byte of the request has left. Ended by the
    operation in the same moment, a connection that never came about would be
    an answer that got lost, and the message one that nobody knows of.
    """
    return left - min(_EARLIER, left / 10)


class SendContext(Protocol):
    """The part of an operation's context that a send needs."""

    @property
    def key_hash(self) -> str:
        """First 8 hex digits of the storage key."""
        ...

    def remaining(self) -> float:
        """Return the seconds that are left."""
        ...


class SendSms:
    """What the operation ``sms.send`` is made of.

    Args:
        engine: The app's database.
        provider: Who delivers.
        limits: How much may be sent.
        timeout: Seconds for one request to the provider.
        callback_url: Returns where the provider reports on one send; None: nowhere.
    """

    def __init__(
        self,
        engine: SqliteEngine,
        provider: SmsProvider,
        limits: Limits,
        *,
        timeout: float,
        callback_url: Callable[[str], str | None],
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._lookup = Lookup(engine, provider, timeout=timeout)
        self._limits = limits
        self._timeout = timeout
        self._callback_url = callback_url

    def check(self, tx: Transaction, command: SendSmsCommand) -> None:
        """Refuse what must not leave, in the commit that claims the key.

        Raises:
            LeadNotFound: Not there, or another tenant's.
            OptedOut: The person wants no messages, or may not.
            PhoneInvalid: No message can reach the number.
            QuietHours: It is night there; the same key works in the morning.
            RateLimited: Enough for now; the same key works later.
        """
        connection = tx.sqlalchemy()
        self._recipient(connection, command, tx.now)
        self._require_room(connection, command, tx)
        sending.reserve(
            connection, tx.key_hash, command.tenant, command.lead_id, tx.now
        )

    async def call(self, command: SendSmsCommand, ctx: SendContext) -> Receipt:
        """Hand the message to the provider; called once for each attempt.

        A STOP may have come since the check, while this send waited for a
        retry. So it is looked up again here, a moment before it leaves.

        Raises:
            OptedOut: The person wants no messages any more.
            Exception: As `SmsProvider.send`.
        """
        lead = await self._engine.aview(
            lambda now: self._recipient(now.sqlalchemy(), command, now.now)
        )
        try:
            return await self._provider.send(
                SmsMessage(lead.phone, command.body),
                timeout=_time_for(min(self._timeout, ctx.remaining())),
                callback_url=self._callback_url(send_name(command, ctx.key_hash)),
            )
        except OptedOutAtProvider:
            # They said STOP to the provider and we never heard of it. It holds
            # for the next message too, whatever becomes of this one.
            await self._engine.atransact(
                lambda tx: Journal(
                    tx, Actor("provider", "provider", "system", command.request_id)
                ).set_consent(lead.phone, Consent.OPTED_OUT, "refused by the provider")
            )
            raise

    async def lookup(self, command: SendSmsCommand, ctx: SendContext) -> Receipt | None:
        """Return the receipt of a send whose answer was lost; None if not there.

        Raises:
            LookupFailed: The provider does not say.
        """
        return await self._lookup.find(command, ctx.key_hash)

    def commit(
        self, tx: Transaction, command: SendSmsCommand, receipt: Receipt
    ) -> Sent:
        """Write the message, its audit line, its event and the answer."""
        journal = Journal(tx, Actor("user", command.actor, "ui", command.request_id))
        connection = journal.connection
        found = segments(command.body)
        message = Message(
            tenant=command.tenant,
            id=f"m-{uuid4().hex}",
            lead_id=command.lead_id,
            direction=Direction.OUTBOUND,
            body=command.body,
            status=status_of(receipt.status),
            encoding=found.encoding,
            segments=receipt.segments or found.count,
            provider_id=receipt.provider_id,
            error_code=None,
            created_at=tx.now,
            updated_at=tx.now,
            by=command.actor,
            op_key_hash=tx.key_hash,
            op=send_name(command, tx.key_hash),
        )
        # "delivered" can be here before the answer of the call is.
        report = sending.report_on(connection, receipt.provider_id)
        if report is not None:
            message = reported(message, report, tx.now) or message
        make_way(connection, receipt.provider_id)
        messages.add(connection, message)
        sending.release(connection, tx.key_hash)
        journal.audit(
            command.tenant,
            ("lead", command.lead_id),
            "sms.send",
            states=(None, message.status.value),
            key_hash=tx.key_hash,
        )
        journal.message_changed(message)
        return Sent(
            message=message_view(message), segments=segments_view(found), changed=True
        )

    def _recipient(
        self, connection: Connection, command: SendSmsCommand, now: datetime
    ) -> Lead:
        entry = leads.find(connection, command.tenant, command.lead_id)
        if entry is None:
            raise lead_not_found()
        lead = entry.lead
        if lead.opted_out or lead.under_review:
            raise opted_out(lead)
        try:
            parse_phone(lead.phone, "ZZ")
        except BadPhone:
            raise phone_invalid() from None
        if self._limits.quiet_hours:
            opens = next_allowed(now, lead.zones)
            if opens is not None:
                raise quiet_hours(opens, now)
        return lead

    def _require_room(
        self, connection: Connection, command: SendSmsCommand, tx: Transaction
    ) -> None:
        """Count what was sent within the hour and what is on its way.

        Raises:
            RateLimited: One more would be too many.
        """
        since = tx.now - timedelta(seconds=HOUR)
        tenant, lead_id = command.tenant, command.lead_id
        for whose, one, limit in (
            ("This person", lead_id, self._limits.per_lead),
            ("Your leads together", None, self._limits.per_tenant),
        ):
            sent = [
                *messages.sent_since(connection, since, tenant, one),
                *sending.others(connection, tx.key_hash, since, tenant, one),
            ]
            wait = wait_for_room(sent, limit, tx.now)
            if wait > 0:
                raise rate_limited(wait, whose)
