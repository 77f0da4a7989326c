"""Leads and messages as the JSON that callers and streams see: numbers masked."""

from __future__ import annotations

from typing_extensions import TypedDict

from examples.critical_buttons.domain.messages import Message
from examples.critical_buttons.domain.phones import masked
from examples.critical_buttons.domain.segments import Segments
from examples.critical_buttons.domain.times import iso_utc
from examples.critical_buttons.repo.leads import LeadEntry


class LastSms(TypedDict):
    """What became of the last message to a lead."""

    status: str
    at: str


class LeadView(TypedDict):
    """One lead; `phone` is masked and never leaves this server otherwise."""

    id: str
    name: str
    phone: str
    status: str
    opted_out: bool
    under_review: bool
    version: int
    updated_at: str
    last_sms: LastSms | None


class MessageView(TypedDict):
    """One message; `op_key_hash` names the click, so that a page knows its own."""

    id: str
    lead_id: str
    direction: str
    body: str
    status: str
    segments: int
    encoding: str
    provider_id: str
    error_code: str | None
    created_at: str
    updated_at: str
    by: str
    op_key_hash: str | None


class SegmentsView(TypedDict):
    """How a text is sent; `forced_by` names the character that makes it UCS-2."""

    encoding: str
    units: int
    count: int
    forced_by: str | None


class Sent(TypedDict):
    """The answer of a send."""

    message: MessageView
    segments: SegmentsView
    changed: bool


def lead_view(entry: LeadEntry) -> LeadView:
    """Return a lead without its tenant: the caller's own is the only one."""
    lead = entry.lead
    last: LastSms | None = None
    if entry.sms_status is not None and entry.sms_at is not None:
        last = LastSms(status=entry.sms_status.value, at=iso_utc(entry.sms_at))
    return LeadView(
        id=lead.id,
        name=lead.name,
        phone=masked(lead.phone),
        status=lead.status.value,
        opted_out=lead.opted_out,
        under_review=lead.under_review,
        version=lead.version,
        updated_at=iso_utc(lead.updated_at),
        last_sms=last,
    )


def message_view(message: Message) -> MessageView:
    """Return a message without its tenant."""
    return MessageView(
        id=message.id,
        lead_id=message.lead_id,
        direction=message.direction.value,
        body=message.body,
        status=message.status.value,
        segments=message.segments,
        encoding=message.encoding,
        provider_id=message.provider_id,
        error_code=message.error_code,
        created_at=iso_utc(message.created_at),
        updated_at=iso_utc(message.updated_at),
        by=message.by,
        op_key_hash=message.op_key_hash,
    )


def segments_view(found: Segments) -> SegmentsView:
    """Return what a text amounts to."""
    return SegmentsView(
        encoding=found.encoding,
        units=found.units,
        count=found.count,
        forced_by=found.forced_by_name,
    )
