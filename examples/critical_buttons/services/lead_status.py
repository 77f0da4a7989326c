"""Change the state of one lead: row, audit line, event and answer in one commit."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.etags import ANY, lead_etag
from examples.critical_buttons.domain.lead_refusals import version_conflict
from examples.critical_buttons.domain.lead_status import (
    Change,
    Decision,
    NoChange,
    Wish,
    closes_number,
    decide_status,
    moved,
)
from examples.critical_buttons.domain.leads import LeadStatus
from examples.critical_buttons.domain.sms_refusals import LeadNotFound, lead_not_found
from examples.critical_buttons.repo import leads
from examples.critical_buttons.repo.leads import LeadEntry
from examples.critical_buttons.services.journal import Actor, Journal
from examples.critical_buttons.services.lead_views import lead_view
from examples.critical_buttons.services.status_commands import ChangeStatus
from examples.critical_buttons.services.status_views import StatusChanged
from syncpatterns.operation import Result, Transaction

#: What the audit log calls it.
ACTION: Final = "lead.status"


def verdict_on(entry: LeadEntry | None, wish: Wish) -> Decision | LeadNotFound:
    """Return what *wish* amounts to for the lead that was found, or was not."""
    if entry is None:
        return lead_not_found()
    return decide_status(entry.lead, wish, consented=entry.consented)


def change_status(tx: Transaction, command: ChangeStatus) -> Result[StatusChanged]:
    """Change the state of one lead.

    Raises:
        LeadNotFound: Not there, or another tenant's.
        VersionConflict: It is not the version of the request.
        TransitionNotAllowed: Its state does not allow it.
        ReasonRequired: It is allowed, for a reason.
    """
    press = command.press
    entry = leads.find(tx.sqlalchemy(), press.tenant, command.lead_id)
    if entry is None:
        raise lead_not_found()
    tags = command.if_match
    if tags is not None and ANY not in tags and lead_etag(entry.lead) not in tags:
        raise version_conflict(entry.lead)
    decision = verdict_on(entry, command.wish)
    if isinstance(decision, NoChange):
        return _answer(entry, changed=False)
    if not isinstance(decision, Change):
        raise decision
    writer = StatusWriter(tx, press.actor_at(tx.now, "ui"))
    return _answer(writer.write(entry, decision), changed=True)


def _answer(entry: LeadEntry, *, changed: bool) -> Result[StatusChanged]:
    body = StatusChanged(lead=lead_view(entry), changed=changed)
    return Result(body, headers={"ETag": lead_etag(entry.lead)})


class StatusWriter:
    """Writes changes of state, each with its audit line and its event.

    Args:
        tx: The open transaction.
        actor: Who causes them.
        bulk_id: Of the batch they are part of.
    """

    def __init__(
        self, tx: Transaction, actor: Actor, *, bulk_id: str | None = None
    ) -> None:
        self._tx = tx
        self._actor = actor
        self._bulk_id = bulk_id
        self._journal = Journal(tx, actor)

    def write(self, entry: LeadEntry, change: Change) -> LeadEntry:
        """Write *change*; return the lead as it is then.

        Args:
            entry: The lead as it stands in this transaction.
            change: What was decided about it.

        Raises:
            sqlalchemy.exc.IntegrityError: The database does not take it.
        """
        entry = self._close_number(entry, change)
        before = entry.lead
        after = moved(before, change.to, self._tx.now, self._actor.id)
        if not leads.save(self._journal.connection, before, after):
            raise version_conflict(before)
        states = (before.status.value, after.status.value)
        self._journal.audit(
            after.tenant,
            ("lead", after.id),
            ACTION,
            states=states,
            versions=(before.version, after.version),
            reason=change.reason,
            key_hash=self._tx.key_hash,
            bulk_id=self._bulk_id,
        )
        written = replace(entry, lead=after)
        self._journal.lead_changed(
            written, key_hash=self._tx.key_hash, bulk_id=self._bulk_id, states=states
        )
        return written

    def _close_number(self, entry: LeadEntry, change: Change) -> LeadEntry:
        """Write the opt-out that do_not_contact means, for every lead of the number.

        First of the two, so that the last event of this lead says what the
        answer says: the state, and that its number is closed.
        """
        lead = entry.lead
        if not closes_number(lead, change.to):
            return entry
        self._journal.set_consent(
            lead.phone,
            Consent.OPTED_OUT,
            f"status: {LeadStatus.DO_NOT_CONTACT.value}",
            key_hash=self._tx.key_hash,
        )
        found = leads.find(self._journal.connection, lead.tenant, lead.id)
        return found or entry
