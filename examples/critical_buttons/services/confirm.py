"""Confirm a booking: row, audit line, event and answer in one commit."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from examples.critical_buttons import repo
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
    """

    tenant: str
    booking_id: str
    actor: str
    if_match: tuple[str, ...] | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class _By:
    """Who makes a change, for the audit line and the event."""

    actor: str
    command: ConfirmCommand
    actor_type: str = "user"
    source: str = "ui"
    reason: str | None = None


def confirm_booking(tx: Transaction, command: ConfirmCommand) -> Result[Confirmed]:
    """Confirm one booking; the effect of the operation ``bookings.confirm``.

    Raises:
        BookingNotFound: Not there, or another tenant's.
        VersionConflict: It is not the version of If-Match.
        TransitionNotAllowed: Its state does not allow it.
        HoldExpired: Its hold ran out.
        SlotTaken: Another booking has the slot.
    """
    connection: Connection = tx.sqlalchemy()
    booking = repo.find(connection, command.tenant, command.booking_id)
    if booking is None:
        raise booking_not_found()
    if command.if_match is not None and not matches(booking, command.if_match):
        raise version_conflict(booking)
    decision = decide_confirm(booking, tx.now, command.actor)
    if isinstance(decision, NoChange):
        return _answer(booking, changed=False)
    if not isinstance(decision, Change):
        raise decision
    _take_slot(tx, connection, decision, command)
    _record(tx, connection, decision, _By(command.actor, command), "booking.confirm")
    return _answer(decision.after, changed=True)


def _answer(booking: Booking, *, changed: bool) -> Result[Confirmed]:
    body = Confirmed(booking=booking_view(booking), changed=changed)
    return Result(body, headers={"ETag": etag(booking)})


def _take_slot(
    tx: Transaction, connection: Connection, change: Change, command: ConfirmCommand
) -> None:
    # The index decides, not a look beforehand: between a look and the update
    # another writer could take the slot.
    try:
        _save(connection, change)
    except IntegrityError:
        holder = repo.in_slot(connection, change.before)
        if holder is None:
            raise
        if not holder.hold_lapsed(tx.now):
            raise slot_taken(_alternatives(tx, connection, change.before)) from None
        _end_hold(tx, connection, holder, command)
        _save(connection, change)


def _save(connection: Connection, change: Change) -> None:
    if not repo.save(connection, change.before, change.after):
        before = change.before
        current = repo.find(connection, before.tenant, before.id)
        raise version_conflict(current) if current else booking_not_found()


def _end_hold(
    tx: Transaction, connection: Connection, holder: Booking, command: ConfirmCommand
) -> None:
    """Let go of a hold that ran out, so that it keeps nobody out for ever."""
    after = moved(holder, Status.EXPIRED, tx.now, "system")
    change = Change(holder, after)
    _save(connection, change)
    by = _By("system", command, actor_type="system", source="system", reason="lapsed")
    _record(tx, connection, change, by, "booking.expire")


def _alternatives(
    tx: Transaction, connection: Connection, booking: Booking
) -> list[dict[str, str]]:
    slot = (booking.starts_at, booking.ends_at)
    taken = repo.taken_slots(connection, booking, search_span(slot, tx.now))
    return [slot_view(free, booking) for free in free_slots(slot, taken, tx.now)]


def _record(
    tx: Transaction, connection: Connection, change: Change, by: _By, action: str
) -> None:
    before, after = change.before, change.after
    repo.write_audit(
        connection,
        repo.AuditEntry(
            tenant=after.tenant,
            at=tx.now,
            actor_type=by.actor_type,
            actor_id=by.actor,
            source=by.source,
            entity_type="booking",
            entity_id=after.id,
            action=action,
            from_state=before.status.value,
            to_state=after.status.value,
            reason=by.reason,
            version_from=before.version,
            version_to=after.version,
            request_id=by.command.request_id,
            key_hash=tx.key_hash,
        ),
    )
    tx.publish(
        Event(
            channel=booking_channel(after.tenant),
            type="booking.changed",
            data={
                "booking": dict(booking_view(after)),
                "by": by.actor,
                "key_hash": tx.key_hash,
            },
            key=after.id,
            key_version=after.version,
            occurred_at=tx.now,
        )
    )
