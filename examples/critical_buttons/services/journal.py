"""Audit lines and events about leads and messages, written with the change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.messages import Message
from examples.critical_buttons.repo import audit, consent as consents, leads
from examples.critical_buttons.repo.leads import LeadEntry
from examples.critical_buttons.services.channels import lead_channel
from examples.critical_buttons.services.lead_views import lead_view, message_view
from syncpatterns.operation import Transaction
from syncpatterns.realtime import Event

#: Who changed a number that another tenant has as well, in the words of that one.
ELSEWHERE: Final = "elsewhere"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused a change, in the words of the audit log.

    Args:
        type: ``user``, ``contact``, ``provider`` or ``system``.
        id: Who; never a phone number.
        source: ``ui``, ``bulk``, ``offline_replay``, ``webhook`` or ``system``.
        request_id: Identity of the HTTP request, if there was one.
        client_at: When the button was pressed, if the request had to wait.
        tenant: Whose user it is; None for those who are no tenant's.
    """

    type: str
    id: str
    source: str
    request_id: str | None = None
    client_at: datetime | None = None
    tenant: str | None = None

    def as_seen_by(self, tenant: str) -> Actor:
        """Return the actor as the audit log of *tenant* may show it.

        A number can belong to leads of two tenants, and what one of them does to
        it shows at the other: that it happened, and not who did it or when they
        pressed.
        """
        if self.tenant in {None, tenant}:
            return self
        return Actor("system", ELSEWHERE, "system")


class Journal:
    """Writes audit lines and events into one transaction.

    Args:
        tx: The open transaction.
        actor: Who causes what is written.
    """

    def __init__(self, tx: Transaction, actor: Actor) -> None:
        self._tx = tx
        self._actor = actor
        self.connection: Connection = tx.sqlalchemy()

    def audit(
        self,
        tenant: str,
        entity: tuple[str, str],
        action: str,
        *,
        states: tuple[str | None, str | None] = (None, None),
        versions: tuple[int | None, int | None] = (None, None),
        reason: str | None = None,
        key_hash: str | None = None,
        bulk_id: str | None = None,
    ) -> None:
        """Append one line; *entity* is its type and id, never a phone number."""
        actor = self._actor.as_seen_by(tenant)
        audit.write(
            self.connection,
            audit.AuditEntry(
                tenant=tenant,
                at=self._tx.now,
                actor_type=actor.type,
                actor_id=actor.id,
                source=actor.source,
                entity_type=entity[0],
                entity_id=entity[1],
                action=action,
                from_state=states[0],
                to_state=states[1],
                reason=reason,
                version_from=versions[0],
                version_to=versions[1],
                request_id=actor.request_id,
                key_hash=key_hash if actor is self._actor else None,
                bulk_id=bulk_id,
                client_at=actor.client_at,
            ),
        )

    def message_changed(self, message: Message) -> None:
        """Announce a new message, or a new status of one."""
        self._tx.publish(
            Event(
                lead_channel(message.tenant),
                "sms.changed",
                {
                    "message": message_view(message),
                    "lead_id": message.lead_id,
                    "op_key_hash": message.op_key_hash,
                },
                key=message.id,
                occurred_at=self._tx.now,
            )
        )

    def set_consent(
        self, phone: str, to: Consent, reason: str, *, key_hash: str | None = None
    ) -> None:
        """Write what holds for *phone* from now on, everywhere at once.

        The row, one audit line and one event for each lead with this number.
        Nothing is written if it holds already.
        """
        before = consents.consent_of(self.connection, phone)
        if before is to:
            return
        now, actor = self._tx.now, self._actor
        found = leads.with_phone(self.connection, phone)
        consents.set_consent(self.connection, phone, to, now, actor.source)
        for entry in found:
            by = actor.as_seen_by(entry.lead.tenant).id
            leads.touch(self.connection, entry, now, by)
            after = leads.changed(entry, to, now, by)
            self.audit(
                entry.lead.tenant,
                ("lead", entry.lead.id),
                "consent.change",
                states=(before.value, to.value),
                versions=(entry.lead.version, after.lead.version),
                reason=reason,
                key_hash=key_hash,
            )
            self.lead_changed(after, key_hash=key_hash)

    def lead_changed(
        self,
        entry: LeadEntry,
        *,
        key_hash: str | None = None,
        bulk_id: str | None = None,
        states: tuple[str, str] | None = None,
    ) -> None:
        """Announce a lead as it is now.

        Args:
            entry: The lead, as written.
            key_hash: Names the click, so that a page knows its own.
            bulk_id: Of the batch it was part of.
            states: From which state to which, if that is what changed.
        """
        lead = entry.lead
        actor = self._actor.as_seen_by(lead.tenant)
        change = {} if states is None else {"from": states[0], "to": states[1]}
        self._tx.publish(
            Event(
                lead_channel(lead.tenant),
                "lead.changed",
                {
                    "lead": lead_view(entry),
                    "by": actor.id,
                    "key_hash": key_hash if actor is self._actor else None,
                    "bulk_id": bulk_id,
                    **change,
                },
                key=lead.id,
                key_version=lead.version,
                occurred_at=self._tx.now,
            )
        )
