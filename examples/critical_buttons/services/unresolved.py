"""Sends of which nobody knows whether they left, and how a person settles them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias
from uuid import uuid4

from typing_extensions import TypedDict

from examples.critical_buttons.domain.messages import Message
from examples.critical_buttons.domain.times import iso_utc
from examples.critical_buttons.principal import Principal
from examples.critical_buttons.repo import messages, sending
from examples.critical_buttons.services.commands import SendSmsCommand
from examples.critical_buttons.services.journal import Actor, Journal
from examples.critical_buttons.services.lead_views import (
    MessageView,
    Sent,
    message_view,
)
from examples.critical_buttons.services.lookup import Lookup
from examples.critical_buttons.sms.provider import ProviderUncertain, Receipt
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import SyncPatternsError
from syncpatterns.idempotency import Committed, NotCommitted
from syncpatterns.operation import Operation, Transaction, Unsettled

Verdict: TypeAlias = Literal["sent", "not-sent", "check"]

_MOST: Final = 1000


class UnresolvedNotFound(SyncPatternsError):
    """No send of yours with this hash is waiting to be settled."""

    status = 404
    problem = "unresolved-not-found"
    title = "There is nothing to settle under this name."


class LeadOnly(TypedDict):
    """What may be shown of a command."""

    lead_id: str


class UnresolvedView(TypedDict):
    """A send that somebody has to look at."""

    key_hash: str
    operation: str
    since: str
    attempts: int
    command: LeadOnly


class Settled(TypedDict):
    """What came of it; `message` is the row that was written, if any."""

    outcome: Literal["sent", "not-sent", "unknown"]
    message: MessageView | None


class Unresolved:
    """What is unknown about the sends of a tenant.

    Args:
        engine: The app's database.
        operation: The operation whose calls these are.
        lookup: What asks the provider.
    """

    def __init__(
        self,
        engine: SqliteEngine,
        operation: Operation[SendSmsCommand, Sent],
        lookup: Lookup,
    ) -> None:
        self._engine = engine
        self._operation = operation
        self._lookup = lookup

    async def waiting(self, tenant: str) -> list[UnresolvedView]:
        """Return the tenant's, oldest first."""
        return [_view(*each) for each in await self._of(tenant)]

    async def resolve(
        self, who: Principal, key_hash: str, verdict: Verdict, request_id: str
    ) -> Settled:
        """Settle one.

        The provider is asked first, whatever *verdict* says: a person who is
        sure that nothing was sent can be wrong, and sending again would be the
        proof. Where the provider has nothing or says nothing, they decide.

        Raises:
            UnresolvedNotFound: There is none, or it was settled meanwhile.
        """
        found = [
            each for each in await self._of(who.tenant) if each[0].key_hash == key_hash
        ]
        if len(found) != 1:
            raise _not_found()
        ((unsettled, command),) = found
        decided = await self._settle(who, unsettled, command, verdict)
        if decided is None:
            return Settled(outcome="unknown", message=None)
        actor = Actor("user", who.actor, "ui", request_id)
        return await self._note(actor, command, key_hash, decided)

    async def _settle(
        self,
        who: Principal,
        unsettled: Unsettled[SendSmsCommand],
        command: SendSmsCommand,
        verdict: Verdict,
    ) -> Committed[Receipt] | NotCommitted | None:
        if unsettled.has_receipt:
            # The provider has answered; only our own rows are missing.
            told = await self._operation.arecheck(unsettled, by=who.actor)
            return told if isinstance(told, Committed) else None
        decided = await self._decide(command, unsettled.key_hash, verdict)
        if decided is None:
            return None
        settled = await self._operation.aresolve(
            unsettled, decided, by=who.actor, reason=f"said: {verdict}"
        )
        if not settled:
            raise _not_found()
        return decided

    async def _decide(
        self, command: SendSmsCommand, key_hash: str, verdict: Verdict
    ) -> Committed[Receipt] | NotCommitted | None:
        answered = True
        receipt: Receipt | None = None
        try:
            receipt = await self._lookup.find(command, key_hash)
        except ProviderUncertain:
            answered = False
        if receipt is not None:
            return Committed(receipt)
        if verdict == "sent":
            # Nobody knows the provider's name for it; this one is ours alone.
            return Committed(Receipt(f"manual-{uuid4().hex}", "sent", 0))
        return NotCommitted() if answered or verdict == "not-sent" else None

    async def _note(
        self,
        actor: Actor,
        command: SendSmsCommand,
        key_hash: str,
        decided: Committed[Receipt] | NotCommitted,
    ) -> Settled:
        """Write down who settled it, and return what came of it."""
        happened = isinstance(decided, Committed)

        def write(tx: Transaction) -> Message | None:
            journal = Journal(tx, actor)
            journal.audit(
                command.tenant,
                ("lead", command.lead_id),
                "sms.resolve",
                states=("unknown", "sent" if happened else "not-sent"),
                key_hash=key_hash,
            )
            if isinstance(decided, Committed):
                return messages.sent_as(journal.connection, decided.value.provider_id)
            sending.release(journal.connection, key_hash)
            return None

        message = await self._engine.atransact(write)
        return Settled(
            outcome="sent" if happened else "not-sent",
            message=None if message is None else message_view(message),
        )

    async def _of(
        self, tenant: str
    ) -> list[tuple[Unsettled[SendSmsCommand], SendSmsCommand]]:
        # One without a command is another release's: whose it is cannot be told.
        found = await self._operation.aunresolved(_MOST)
        return [
            (each, each.command)
            for each in found
            if each.command is not None and each.command.tenant == tenant
        ]


def _view(
    unsettled: Unsettled[SendSmsCommand], command: SendSmsCommand
) -> UnresolvedView:
    return UnresolvedView(
        key_hash=unsettled.key_hash,
        operation=unsettled.operation,
        since=iso_utc(datetime.fromtimestamp(unsettled.since, UTC)),
        attempts=unsettled.attempts,
        command=LeadOnly(lead_id=command.lead_id),
    )


def _not_found() -> UnresolvedNotFound:
    return UnresolvedNotFound(
        "Nothing of yours waits under this name. Somebody may have settled it."
    )
