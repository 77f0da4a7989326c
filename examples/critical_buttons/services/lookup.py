"""Did a send arrive whose answer was lost? Each message is found for one send only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection

from examples.critical_buttons.domain.messages import StatusReport, status_of
from examples.critical_buttons.domain.sms_refusals import lead_not_found
from examples.critical_buttons.repo import leads, messages, sending
from examples.critical_buttons.services.commands import SendSmsCommand, send_name
from examples.critical_buttons.sms.provider import Receipt, SmsMessage, SmsProvider
from syncpatterns.engines.sqlite import Snapshot, SqliteEngine

#: How far the provider's clock may be behind ours.
SKEW: Final = timedelta(seconds=60)
#: Where a lookup begins if it is not known when the send did.
_LONG_AGO: Final = timedelta(days=1)


class Lookup:
    """Looks for messages, in our own reports first.

    Args:
        engine: The app's database.
        provider: Who delivers.
        timeout: Seconds for one request to the provider.
    """

    def __init__(
        self, engine: SqliteEngine, provider: SmsProvider, *, timeout: float
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._timeout = timeout

    async def find(self, command: SendSmsCommand, key_hash: str) -> Receipt | None:
        """Return the receipt of a send whose answer was lost; None if not there.

        A callback may have said it already: its address names the send. Else
        the provider is asked for messages to this number with this text; those
        that are known to be of other sends do not count.

        Raises:
            LookupFailed: The provider does not say.
        """
        op = send_name(command, key_hash)

        def known(snapshot: Snapshot) -> Receipt | _Search:
            connection = snapshot.sqlalchemy()
            report = sending.report_of_send(connection, op)
            if (
                report is not None
                and messages.sent_as(connection, report.provider_id) is None
            ):
                return Receipt(report.provider_id, report.status.value, 0)
            return self._search(connection, command, (op, key_hash), snapshot.now)

        found = await self._engine.aview(known)
        if isinstance(found, Receipt):
            return found
        while True:
            receipt = await self._provider.find(
                SmsMessage(found.phone, command.body),
                found.since,
                self._timeout,
                exclude=found.exclude,
            )
            if receipt is None or await self._claim(receipt, op):
                return receipt
            found.exclude.add(receipt.provider_id)

    async def _claim(self, receipt: Receipt, op: str) -> bool:
        report = StatusReport(receipt.provider_id, status_of(receipt.status))
        return await self._engine.atransact(
            lambda tx: sending.claim(tx.sqlalchemy(), report, op, tx.now)
        )

    def _search(
        self,
        connection: Connection,
        command: SendSmsCommand,
        names: tuple[str, str],
        now: datetime,
    ) -> _Search:
        op, key_hash = names
        entry = leads.find(connection, command.tenant, command.lead_id)
        if entry is None:
            raise lead_not_found()
        begun = sending.begun(connection, key_hash) or now - _LONG_AGO
        since = begun - SKEW
        phone = entry.lead.phone
        return _Search(
            phone,
            since,
            messages.provider_ids(connection, phone, since)
            | sending.of_other_sends(connection, op),
        )


def make_way(connection: Connection, provider_id: str) -> None:
    """Let go of a message that a lookup took for another send's.

    Two sends of the same text: the answer of the first is lost, and its lookup
    finds the message of the second, whose answer is still on its way. When
    that comes, it is the second's; the first has the other one, whose name its
    callbacks will tell.
    """
    taken = messages.sent_as(connection, provider_id)
    if taken is None:
        return
    told = sending.report_of_send(connection, taken.op) if taken.op else None
    free = told is not None and messages.sent_as(connection, told.provider_id) is None
    name = told.provider_id if told is not None and free else f"twin-{uuid4().hex}"
    messages.rename(connection, taken, name)


@dataclass(frozen=True, slots=True)
class _Search:
    """What to ask the provider for."""

    phone: str = field(repr=False)
    since: datetime
    exclude: set[str]
