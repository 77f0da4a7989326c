"""Replies that may mean stop, and what the person who read them says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.sms_refusals import lead_not_found
from examples.critical_buttons.principal import Principal
from examples.critical_buttons.repo import leads
from examples.critical_buttons.services.journal import Actor, Journal
from examples.critical_buttons.services.lead_views import LeadView, lead_view
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import SyncPatternsError
from syncpatterns.operation import Transaction

Verdict: TypeAlias = Literal["opt-out", "allow"]

_MEANS: Final[Mapping[Verdict, Consent]] = MappingProxyType(
    {"opt-out": Consent.OPTED_OUT, "allow": Consent.OPEN}
)


class NothingToReview(SyncPatternsError):
    """No reply of this lead waits for somebody to read it; nothing was changed."""

    status = 409
    problem = "nothing-to-review"
    title = "There is no reply to decide on."


class Reviews:
    """Ends the state in which a number is blocked until somebody has looked.

    Args:
        engine: The app's database.
    """

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine

    async def decide(
        self, who: Principal, lead_id: str, verdict: Verdict, request_id: str
    ) -> LeadView:
        """Close the number, or open it again; return the lead as it is then.

        Raises:
            LeadNotFound: Not there, or another tenant's.
            NothingToReview: No reply waits. A STOP is not for us to undo.
        """

        def write(tx: Transaction) -> LeadView:
            actor = Actor("user", who.actor, "ui", request_id, tenant=who.tenant)
            journal = Journal(tx, actor)
            entry = leads.find(journal.connection, who.tenant, lead_id)
            if entry is None:
                raise lead_not_found()
            if not entry.lead.under_review:
                raise NothingToReview(
                    "No reply of this person waits for a decision. Only they can take "
                    "back a STOP, by writing START."
                )
            journal.set_consent(
                entry.lead.phone, _MEANS[verdict], f"reviewed: {verdict}"
            )
            after = leads.find(journal.connection, who.tenant, lead_id)
            return lead_view(after or entry)

        return await self._engine.atransact(write)
