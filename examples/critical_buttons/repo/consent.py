"""The statements about consent, and about the messages that change it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from examples.critical_buttons.domain.consent import Consent, Intent
from examples.critical_buttons.schema.sms import inbound, opt_outs

_state: Final = select(opt_outs.c.state).where(opt_outs.c.phone == bindparam("phone"))
_new: Final = insert(opt_outs)
_set: Final = _new.on_conflict_do_update(
    index_elements=[opt_outs.c.phone],
    set_={
        "state": _new.excluded.state,
        "at": _new.excluded.at,
        "source": _new.excluded.source,
    },
)
_keep: Final = insert(inbound).on_conflict_do_nothing()


def consent_of(connection: Connection, phone: str) -> Consent:
    """Return whether messages may be sent to *phone*."""
    state = connection.execute(_state, {"phone": phone}).scalar_one_or_none()
    return Consent(state or Consent.OPEN)


def set_consent(
    connection: Connection, phone: str, consent: Consent, now: datetime, source: str
) -> None:
    """Write what holds for *phone* from now on, and where that came from."""
    connection.execute(
        _set, {"phone": phone, "state": consent.value, "at": now, "source": source}
    )


def keep_inbound(
    connection: Connection,
    provider_id: str,
    phone: str,
    body: str,
    intent: Intent,
    now: datetime,
) -> bool:
    """Write a message that came in; tell whether it came for the first time.

    A callback is repeated until it is answered, and an old STOP that comes
    once more after a START must not close what was opened since.
    """
    result = connection.execute(
        _keep,
        {
            "provider_id": provider_id,
            "phone": phone,
            "body": body,
            "intent": intent.value,
            "at": now,
        },
    )
    return result.rowcount == 1
