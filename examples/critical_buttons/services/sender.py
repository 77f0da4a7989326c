"""The critical action ``sms.send``: declared, called, and settled when unknown."""

from __future__ import annotations

from typing import Final

from examples.critical_buttons.domain.sms_refusals import SMS_REFUSALS, QuietHours
from examples.critical_buttons.repo import sending
from examples.critical_buttons.services.commands import SendSmsCommand
from examples.critical_buttons.services.lead_views import Sent
from examples.critical_buttons.services.send_sms import SendSms
from examples.critical_buttons.sms.provider import (
    OptedOutAtProvider,
    ProviderMisconfigured,
    ProviderRejected,
)
from syncpatterns.adapters.fastapi import IdempotencyKey
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import CallRejected, NotSent, ProviderUnavailable, Refusal
from syncpatterns.events import Hook
from syncpatterns.operation import Answer, Operation
from syncpatterns.retry import CircuitBreaker, Retry

#: What certainly sent nothing, and so makes room for another message.
_NOTHING_SENT: Final = (
    CallRejected,
    NotSent,
    ProviderMisconfigured,
    ProviderUnavailable,
    QuietHours,
)


def sms_operation(
    engine: SqliteEngine,
    parts: SendSms,
    breaker: CircuitBreaker,
    *,
    timeout: float,
    lease: float,
    hooks: tuple[Hook, ...] = (),
) -> Operation[SendSmsCommand, Sent]:
    """Return the operation that sends a message once.

    Only what certainly did not leave is tried again; an answer that got lost
    is looked up. One failed send is one vote in the breaker, however often it
    was tried.
    """
    return Operation(
        "sms.send",
        engine,
        call=parts.call,
        commit=parts.commit,
        check=parts.check,
        lookup=parts.lookup,
        retry=Retry(on=NotSent, name="sms.send", hooks=hooks),
        breaker=breaker,
        timeout=timeout,
        refusals=(*SMS_REFUSALS, ProviderRejected, OptedOutAtProvider),
        lease=lease,
        hooks=hooks,
    )


class SmsSender:
    """Sends messages, and gives back the room of those that did not leave.

    Args:
        engine: The app's database.
        operation: What `sms_operation` returned.
    """

    def __init__(
        self, engine: SqliteEngine, operation: Operation[SendSmsCommand, Sent]
    ) -> None:
        self._engine = engine
        self.operation = operation

    async def send(
        self, command: SendSmsCommand, *, key: IdempotencyKey
    ) -> Answer[Sent]:
        """Send one message once per key.

        Raises:
            Exception: What the operation raises; see `SendSms`.
        """
        try:
            return await self.operation.acall(command, key=key, scope=command.tenant)
        except (*_NOTHING_SENT, Refusal) as error:
            if not getattr(error, "replayed", False):
                await self._give_room_back(key, command.tenant)
            raise

    async def _give_room_back(self, key: IdempotencyKey, tenant: str) -> None:
        """Count this send no longer: five failed tries are not five messages."""
        key_hash = self.operation.key_hash(key, scope=tenant)
        await self._engine.atransact(
            lambda tx: sending.release(tx.sqlalchemy(), key_hash)
        )
