"""Confirm a booking: row, audit line, event and answer in one commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from examples.critical_buttons.domain.bookings import Booking, Status
from examples.critical_buttons.domain.confirm import (
    Change,
    NoChange,
    decide_confirm,
    moved,
)
from examples.critical_buttons.domain.etags import etag, matches
from examples.critical_buttons.domain.refusals import (
    booking_not_found,
    slot_taken,
    version_conflict,
)
from examples.critical_buttons.domain.slots import free_slots, search_span
from examples.critical_buttons.repo import audit, bookings as repo
from examples.critical_buttons.services.channels import booking_channel
from examples.critical_buttons.services.views import (
    Confirmed,
    booking_view,
    slot_view,
)
from syncpatterns.operation import Result, Transaction
from syncpatterns.realtime import Event


@dataclass(frozen=True, slots=True)
class ConfirmCommand:
    """One wish to confirm, with what the audit log wants to know about it.

    Args:
        tenant: Whose booking.
        booking_id: Which one.
        actor: Who pressed the button.
        if_match: Entity tags of If-Match; None if it was not sent.
        request_id: Identity of the HTTP request.
        waited: Seconds since it was pressed, if it had to wait.
    """

    tenant: str
    booking_id: str
    actor: str
    if_match: tuple[str, ...] | None = None
    request_id: str | None = None
    waited: float = 0.0


def confirm_booking(tx: Transaction, command: ConfirmCommand) -> Result[Confirmed]:
    """Confirm one booking; the effect of the operation ``bookings.confirm``.

    Raises:
        BookingNotFound: Not there, or another tenant's.
        VersionConflict: It is not the version of If-Match.
        TransitionNotAllowed: Its state does not allow it.
        HoldExpired: Its hold ran out.
        SlotTaken: Another booking has the slot.
    """
    booking = repo.find(tx.sqlalchemy(), command.tenant, command.booking_id)
    if booking is None:
        raise booking_not_found()
    if command.if_match is not None and not matches(booking, command.if_match):
        raise version_conflict(booking)
    decision = decide_confirm(booking, tx.now, command.actor)
    if isinstance(decision, NoChange):
        return _answer(booking, changed=False)
    if not isinstance(decision, Change):
        raise decision
    work = _Work(tx, command)
    work.take_slot(decision)
    work.record(decision, "booking.confirm", command.actor)
    return _answer(decision.after, changed=True)


def _answer(booking: Booking, *, changed: bool) -> Result[Confirmed]:
    body = Confirmed(booking=booking_view(booking), changed=changed)
    return Result(body, headers={"ETag": etag(booking)})


class _Work:
    """Writes changes, each with its audit line and its event."""

    def __init__(self, tx: Transaction, command: ConfirmCommand) -> None:
        self._tx = tx
        self._connection: Connection = tx.sqlalchemy()
        self._command = command

    def take_slot(self, change: Change) -> None:
        """Write *change*; a hold that has run out gives way to it.

        Raises:
            SlotTaken: Another booking has the slot.
        """
        # The index decides, not a look beforehand: between a look and the
        # update another writer could take the slot.
        try:
            self._save(change)
        except IntegrityError:
            holder = repo.in_slot(self._connection, change.before)
            if holder is None:
                raise
            if not holder.hold_lapsed(self._tx.now):
                raise slot_taken(self._alternatives(change.before)) from None
            self._end_hold(holder)
            self._save(change)

    def record(
        self,
        change: Change,
        action: str,
        actor: str,
        *,
        actor_type: str = "user",
        source: str = "ui",
        reason: str | None = None,
    ) -> None:
        """Write the audit line of *change* and announce it."""
        before, after, now = change.before, change.after, self._tx.now
        key_hash, waited, pressed = self._tx.key_hash, self._command.waited, None
        if source == "ui" and waited > 0:
            source, pressed = "offline_replay", now - timedelta(seconds=waited)
        audit.write(
            self._connection,
            audit.AuditEntry(
                tenant=after.tenant,
                at=now,
                actor_type=actor_type,
                actor_id=actor,
                source=source,
                entity_type="booking",
                entity_id=after.id,
                action=action,
                from_state=before.status.value,
                to_state=after.status.value,
                reason=reason,
                version_from=before.version,
                version_to=after.version,
                request_id=self._command.request_id,
                key_hash=key_hash,
                client_at=pressed,
            ),
        )
        self._tx.publish(
            Event(
                booking_channel(after.tenant),
                "booking.changed",
                {"booking": booking_view(after), "by": actor, "key_hash": key_hash},
                key=after.id,
                key_version=after.version,
                occurred_at=now,
            )
        )

    def _save(self, change: Change) -> None:
        before = change.before
        if not repo.save(self._connection, before, change.after):
            current = repo.find(self._connection, before.tenant, before.id)
            raise version_conflict(current) if current else booking_not_found()

    def _end_hold(self, holder: Booking) -> None:
        """Let go of a hold that ran out, so that it keeps nobody out for ever."""
        after = moved(holder, Status.EXPIRED, self._tx.now, "system")
        change = Change(holder, after)
        self._save(change)
        self.record(
            change,
            "booking.expire",
            "system",
            actor_type="system",
            source="system",
            reason="lapsed",
        )

    def _alternatives(self, booking: Booking) -> list[dict[str, str]]:
        now = self._tx.now
        slot = (booking.starts_at, booking.ends_at)
        taken = repo.taken_slots(self._connection, booking, search_span(slot, now))
        return [slot_view(free, booking) for free in free_slots(slot, taken, now)]
