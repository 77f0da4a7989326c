"""The statements about sends on their way: what is known before a row is written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from examples.critical_buttons.domain.messages import (
    SmsStatus,
    StatusReport,
    further,
)
from examples.critical_buttons.schema.sms import (
    sms_messages,
    sms_sending,
    sms_statuses,
)

#: Reports about messages that never got a row are forgotten after this.
KEEP_REPORTS: Final = timedelta(days=7)

_reserve: Final = insert(sms_sending).on_conflict_do_nothing()
_release: Final = delete(sms_sending).where(
    sms_sending.c.key_hash == bindparam("of_key")
)
_since: Final = select(sms_sending.c.at).where(
    sms_sending.c.key_hash == bindparam("key_hash")
)
_others: Final = select(sms_sending.c.at).where(
    sms_sending.c.tenant == bindparam("tenant"),
    sms_sending.c.key_hash != bindparam("key_hash"),
    sms_sending.c.at > bindparam("since"),
)
_others_to: Final = _others.where(sms_sending.c.lead_id == bindparam("lead_id"))

_report: Final = select(sms_statuses).where(
    sms_statuses.c.provider_id == bindparam("provider_id")
)
_report_of: Final = select(sms_statuses).where(sms_statuses.c.op == bindparam("op"))
_settled: Final = select(sms_messages.c.op).where(sms_messages.c.op.is_not(None))
_foreign: Final = select(sms_statuses.c.provider_id).where(
    (sms_statuses.c.claimed_by != bindparam("op"))
    | ((sms_statuses.c.op != bindparam("op")) & sms_statuses.c.op.not_in(_settled))
)
_claim: Final = (
    update(sms_statuses)
    .where(
        sms_statuses.c.provider_id == bindparam("of_id"),
        sms_statuses.c.claimed_by.is_(None),
    )
    .values(claimed_by=bindparam("of_op"))
)
_new: Final = insert(sms_statuses)
_put: Final = _new.on_conflict_do_update(
    index_elements=[sms_statuses.c.provider_id],
    set_={
        "status": _new.excluded.status,
        "error_code": _new.excluded.error_code,
        "op": _new.excluded.op,
        "at": _new.excluded.at,
    },
)
_forget: Final = delete(sms_statuses).where(sms_statuses.c.at < bindparam("before"))


def reserve(
    connection: Connection, key_hash: str, tenant: str, lead_id: str, now: datetime
) -> None:
    """Count a send from now on; one that is tried again keeps its first time."""
    connection.execute(
        _reserve,
        {"key_hash": key_hash, "tenant": tenant, "lead_id": lead_id, "at": now},
    )


def release(connection: Connection, key_hash: str) -> None:
    """Count a send no longer: it has a row now, or certainly never went out."""
    connection.execute(_release, {"of_key": key_hash})


def begun(connection: Connection, key_hash: str) -> datetime | None:
    """Return when the send of this key was first tried."""
    found: datetime | None = connection.execute(
        _since, {"key_hash": key_hash}
    ).scalar_one_or_none()
    return found


def others(
    connection: Connection,
    key_hash: str,
    since: datetime,
    tenant: str,
    lead_id: str | None = None,
) -> list[datetime]:
    """Return when sends of other keys began that are still on their way."""
    values: dict[str, Any] = {"tenant": tenant, "key_hash": key_hash, "since": since}
    statement = _others
    if lead_id is not None:
        statement = _others_to
        values["lead_id"] = lead_id
    return list(connection.execute(statement, values).scalars())


def keep_report(
    connection: Connection, report: StatusReport, op: str | None, now: datetime
) -> None:
    """Keep what the provider said of a message, unless more is known already.

    Args:
        connection: An open transaction.
        report: What it said.
        op: The send that the callback belongs to, as our callback URL says.
        now: The instant.
    """
    connection.execute(_forget, {"before": now - KEEP_REPORTS})
    row = connection.execute(_report, {"provider_id": report.provider_id}).first()
    if row is not None and not further(SmsStatus(row.status), report.status):
        return
    connection.execute(
        _put,
        {
            "provider_id": report.provider_id,
            "status": report.status.value,
            "error_code": report.error_code,
            "op": op if op is not None or row is None else row.op,
            "at": now,
        },
    )


def report_on(connection: Connection, provider_id: str) -> StatusReport | None:
    """Return the furthest that the provider reported about a message."""
    row = connection.execute(_report, {"provider_id": provider_id}).first()
    return _as_report(row) if row else None


def report_of_send(connection: Connection, op: str) -> StatusReport | None:
    """Return what was reported about the message that the send *op* made."""
    row = connection.execute(_report_of, {"op": op}).first()
    return _as_report(row) if row else None


def claim(connection: Connection, report: StatusReport, op: str, now: datetime) -> bool:
    """Take a message that a lookup found for *op*; False if another send did.

    Two sends of the same text whose answers were both lost find the same
    message first; each must end up with one of its own.
    """
    keep_report(connection, report, None, now)
    if connection.execute(_claim, {"of_id": report.provider_id, "of_op": op}).rowcount:
        return True
    row = connection.execute(_report, {"provider_id": report.provider_id}).one()
    return bool(row.claimed_by == op)


def of_other_sends(connection: Connection, op: str) -> set[str]:
    """Return the provider's names of messages that belong to other sends.

    A message that names a send which has found another one of the same text
    meanwhile is free for whoever lacks one.
    """
    return set(connection.execute(_foreign, {"op": op}).scalars())


def _as_report(row: Any) -> StatusReport:
    return StatusReport(row.provider_id, SmsStatus(row.status), row.error_code)
