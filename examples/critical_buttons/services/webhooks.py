"""What the provider tells us: how far messages have come, and what people reply.

The same callback may come twice, late, or before the answer of the very call
that it is about. Nothing here depends on their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from examples.critical_buttons.domain.consent import Intent, after, intent_of
from examples.critical_buttons.domain.messages import (
    Direction,
    Message,
    SmsStatus,
    StatusReport,
    reported,
)
from examples.critical_buttons.domain.segments import segments
from examples.critical_buttons.repo import consent, leads, messages, sending
from examples.critical_buttons.services.journal import Actor, Journal
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.operation import Transaction

#: Who speaks when the provider reports, for the audit log.
PROVIDER: Final = "provider"
#: Who speaks when a person replies.
CONTACT: Final = "contact"


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that came in.

    Args:
        provider_id: The provider's name for it; the same for every repetition.
        phone: Who wrote, E.164.
        body: The text.
        opt_out_type: What the provider itself recognised in it, if anything.
        request_id: Identity of the HTTP request.
    """

    provider_id: str
    phone: str = field(repr=False)
    body: str = field(repr=False)
    opt_out_type: str | None = None
    request_id: str | None = None


class Webhooks:
    """Takes in callbacks, each in one commit.

    Args:
        engine: The app's database.
    """

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine

    async def status(self, report: StatusReport, op: str | None = None) -> None:
        """Take in how far a message has come.

        Args:
            report: What the provider says.
            op: The send it belongs to, from our own callback URL.
        """
        await self._engine.atransact(lambda tx: _take_status(tx, report, op))

    async def inbound(self, came: Inbound) -> Intent:
        """Take in a reply; return what it asks for.

        The reply, the opt-out it means, the audit line and the events are one
        commit: once the provider has our 200, the STOP is on disk.
        """
        intent = intent_of(came.body, came.opt_out_type)
        await self._engine.atransact(lambda tx: _take_inbound(tx, came, intent))
        return intent


def _take_status(tx: Transaction, report: StatusReport, op: str | None) -> None:
    connection = tx.sqlalchemy()
    # Kept also if there is a row: it tells other sends that this one is not theirs.
    sending.keep_report(connection, report, op, tx.now)
    message = messages.sent_as(connection, report.provider_id)
    if message is None and op is not None:
        # The send's row bears another name, since its answer was lost and its
        # lookup met a message of the same text.
        message = messages.sent_by(connection, op)
        if message is not None and message.provider_id.startswith("twin-"):
            messages.rename(connection, message, report.provider_id)
    if message is None:
        return
    changed = reported(message, report, tx.now)
    if changed is None:
        return
    messages.save(connection, changed)
    Journal(tx, Actor("provider", PROVIDER, "webhook")).message_changed(changed)


def _take_inbound(tx: Transaction, came: Inbound, intent: Intent) -> None:
    journal = Journal(tx, Actor("contact", CONTACT, "webhook", came.request_id))
    connection = journal.connection
    new = consent.keep_inbound(
        connection, came.provider_id, came.phone, came.body, intent, tx.now
    )
    if not new:
        return
    found = segments(came.body)
    for entry in leads.with_phone(connection, came.phone):
        message = Message(
            tenant=entry.lead.tenant,
            id=f"m-{uuid4().hex}",
            lead_id=entry.lead.id,
            direction=Direction.INBOUND,
            body=came.body,
            status=SmsStatus.RECEIVED,
            encoding=found.encoding,
            segments=found.count,
            provider_id=came.provider_id,
            error_code=None,
            created_at=tx.now,
            updated_at=tx.now,
            by=CONTACT,
            op_key_hash=None,
        )
        messages.add(connection, message)
        journal.message_changed(message)
    before = consent.consent_of(connection, came.phone)
    journal.set_consent(came.phone, after(before, intent), f"reply: {intent.value}")
