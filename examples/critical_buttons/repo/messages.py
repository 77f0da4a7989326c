"""The statements about messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from examples.critical_buttons.domain.messages import Direction, Message, SmsStatus
from examples.critical_buttons.schema.sms import leads, sms_messages

_columns: Final = tuple(
    column for column in sms_messages.columns if column.name != "number"
)
_OUTBOUND: Final = Direction.OUTBOUND.value

_insert: Final = insert(sms_messages)
_history: Final = (
    select(*_columns)
    .where(
        sms_messages.c.tenant == bindparam("tenant"),
        sms_messages.c.lead_id == bindparam("lead_id"),
    )
    .order_by(sms_messages.c.number.desc())
    .limit(bindparam("limit"))
)
_number: Final = select(sms_messages.c.number).where(
    sms_messages.c.tenant == bindparam("tenant"),
    sms_messages.c.lead_id == bindparam("lead_id"),
    sms_messages.c.id == bindparam("of_id"),
)
_older: Final = _history.where(sms_messages.c.number < bindparam("number"))
_of_provider: Final = select(*_columns).where(
    sms_messages.c.provider_id == bindparam("provider_id"),
    sms_messages.c.direction == _OUTBOUND,
)
_of_op: Final = select(*_columns).where(sms_messages.c.op == bindparam("op"))
_rename: Final = (
    update(sms_messages)
    .where(sms_messages.c.id == bindparam("of_id"))
    .values(provider_id=bindparam("provider_id"))
)
_save: Final = (
    update(sms_messages)
    .where(sms_messages.c.id == bindparam("of_id"))
    .values(
        status=bindparam("status"),
        error_code=bindparam("error_code"),
        updated_at=bindparam("updated_at"),
    )
)
_sent: Final = select(sms_messages.c.created_at).where(
    sms_messages.c.tenant == bindparam("tenant"),
    sms_messages.c.direction == _OUTBOUND,
    sms_messages.c.created_at > bindparam("since"),
)
_sent_to: Final = _sent.where(sms_messages.c.lead_id == bindparam("lead_id"))
_ids_of_phone: Final = (
    select(sms_messages.c.provider_id)
    .join(
        leads,
        (leads.c.tenant == sms_messages.c.tenant)
        & (leads.c.id == sms_messages.c.lead_id),
    )
    .where(
        leads.c.phone == bindparam("phone"),
        sms_messages.c.direction == _OUTBOUND,
        sms_messages.c.created_at >= bindparam("since"),
    )
)


def add(connection: Connection, message: Message) -> None:
    """Insert *message*.

    Raises:
        sqlalchemy.exc.IntegrityError: The provider's message has a row already.
    """
    values: dict[str, Any] = {
        column.name: getattr(message, column.name) for column in _columns
    }
    values["direction"] = message.direction.value
    values["status"] = message.status.value
    connection.execute(_insert, values)


def save(connection: Connection, message: Message) -> None:
    """Write the status of *message*."""
    connection.execute(
        _save,
        {
            "of_id": message.id,
            "status": message.status.value,
            "error_code": message.error_code,
            "updated_at": message.updated_at,
        },
    )


def history(
    connection: Connection, tenant: str, lead_id: str, *, limit: int
) -> list[Message]:
    """Return up to *limit* messages of a lead, newest first."""
    values = {"tenant": tenant, "lead_id": lead_id, "limit": limit}
    return [_message(row) for row in connection.execute(_history, values)]


def older(
    connection: Connection, tenant: str, lead_id: str, before: str, *, limit: int
) -> list[Message] | None:
    """Return up to *limit* messages written before the one called *before*.

    Returns:
        None: The lead has no such message.
    """
    values: dict[str, Any] = {"tenant": tenant, "lead_id": lead_id, "of_id": before}
    number = connection.execute(_number, values).scalar()
    if number is None:
        return None
    values = {"tenant": tenant, "lead_id": lead_id, "limit": limit, "number": number}
    return [_message(row) for row in connection.execute(_older, values)]


def sent_as(connection: Connection, provider_id: str) -> Message | None:
    """Return the message we sent that the provider calls *provider_id*."""
    row = connection.execute(_of_provider, {"provider_id": provider_id}).first()
    return _message(row) if row else None


def sent_by(connection: Connection, op: str) -> Message | None:
    """Return the message that the send *op* made."""
    row = connection.execute(_of_op, {"op": op}).first()
    return _message(row) if row else None


def rename(connection: Connection, message: Message, provider_id: str) -> None:
    """Correct what the provider calls *message*."""
    connection.execute(_rename, {"of_id": message.id, "provider_id": provider_id})


def sent_since(
    connection: Connection, since: datetime, tenant: str, lead_id: str | None = None
) -> list[datetime]:
    """Return when the tenant sent messages after *since*, to one lead if asked."""
    values: dict[str, Any] = {"tenant": tenant, "since": since}
    statement = _sent
    if lead_id is not None:
        statement = _sent_to
        values["lead_id"] = lead_id
    return list(connection.execute(statement, values).scalars())


def provider_ids(connection: Connection, phone: str, since: datetime) -> set[str]:
    """Return the provider's names of what was sent to *phone* since then."""
    values = {"phone": phone, "since": since}
    return set(connection.execute(_ids_of_phone, values).scalars())


def _message(row: Any) -> Message:
    values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    values["direction"] = Direction(values["direction"])
    values["status"] = SmsStatus(values["status"])
    return Message(**values)
