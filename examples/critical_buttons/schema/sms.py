"""The tables of leads and of the messages to and from them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, Table

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.leads import LeadStatus
from examples.critical_buttons.domain.messages import Direction, SmsStatus
from examples.critical_buttons.schema.types import Instant, metadata, one_of

leads: Final = Table(
    "leads",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("phone", String(16), nullable=False),
    Column("time_zone", String(64)),
    Column("status", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("updated_by", String(64), nullable=False),
    CheckConstraint(f"status IN ({one_of(LeadStatus)})", name="known_status"),
    CheckConstraint("version >= 1", name="versions_from_one"),
    CheckConstraint("phone LIKE '+%'", name="phones_are_e164"),
)

#: Who wrote to us? Asked for every message that comes in.
leads_by_phone: Final = Index("leads_by_phone", leads.c.phone)

#: Who may not be written to. The key is the number alone: all tenants of the
#: demo send from one number, so a STOP to it is a STOP to each of them.
opt_outs: Final = Table(
    "opt_outs",
    metadata,
    Column("phone", String(16), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("source", String(16), nullable=False),
    CheckConstraint(f"state IN ({one_of(Consent)})", name="known_consent"),
)

sms_messages: Final = Table(
    "sms_messages",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("id", String(64), nullable=False, unique=True),
    Column("lead_id", String(64), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("body", String(1600), nullable=False),
    Column("status", String(16), nullable=False),
    Column("encoding", String(8), nullable=False),
    Column("segments", Integer, nullable=False),
    Column("provider_id", String(64), nullable=False),
    Column("error_code", String(16)),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("by", String(64), nullable=False),
    Column("op_key_hash", String(8)),
    Column("op", String(32)),
    CheckConstraint(f"status IN ({one_of(SmsStatus)})", name="known_status"),
    CheckConstraint(f"direction IN ({one_of(Direction)})", name="known_direction"),
    sqlite_autoincrement=True,
)

#: Serves a lead's history, and the count of what was sent to it lately.
sms_by_lead: Final = Index(
    "sms_by_lead", sms_messages.c.tenant, sms_messages.c.lead_id, sms_messages.c.number
)

#: Serves the count of what a tenant sent lately.
sms_by_time: Final = Index(
    "sms_by_time", sms_messages.c.tenant, sms_messages.c.created_at
)

#: One message of the provider is one row; two clicks never share one.
sms_by_provider_id: Final = Index(
    "sms_by_provider_id",
    sms_messages.c.provider_id,
    sms_messages.c.tenant,
    sms_messages.c.lead_id,
    unique=True,
)

#: What the provider reported, also before the message had a row: a callback can
#: be faster than the answer of the call that it is about. `op` is the send that
#: the callback's address names, `claimed_by` the one that found it by a lookup.
sms_statuses: Final = Table(
    "sms_statuses",
    metadata,
    Column("provider_id", String(64), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("error_code", String(16)),
    Column("op", String(32)),
    Column("claimed_by", String(32)),
    Column("at", Instant, nullable=False),
)

#: Finds the row of a send by the name that its callbacks carry.
sms_by_op: Final = Index("sms_by_op", sms_messages.c.op)

#: Finds the message of a click whose answer was lost.
statuses_by_op: Final = Index("statuses_by_op", sms_statuses.c.op)

#: Finds reports that are too old to be of use.
statuses_by_time: Final = Index("statuses_by_time", sms_statuses.c.at)

#: Sends that are on their way: they count for the limits, but have no row yet.
sms_sending: Final = Table(
    "sms_sending",
    metadata,
    Column("key_hash", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("lead_id", String(64), nullable=False),
    Column("at", Instant, nullable=False),
)

#: Every message that came in, once, also from numbers nobody knows.
inbound: Final = Table(
    "inbound",
    metadata,
    Column("provider_id", String(64), primary_key=True),
    Column("phone", String(16), nullable=False),
    Column("body", String(1600), nullable=False),
    Column("intent", String(16), nullable=False),
    Column("at", Instant, nullable=False),
)

INDEXES: Final = (
    leads_by_phone,
    sms_by_lead,
    sms_by_time,
    sms_by_provider_id,
    sms_by_op,
    statuses_by_op,
    statuses_by_time,
)
