"""What is wished for a lead's state, for one lead or for many at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from examples.critical_buttons.domain.lead_status import Wish
from examples.critical_buttons.services.journal import Actor

#: The operation's name: part of each stored key, and of the hash by which a page
#: knows its own events again. One name for both, so that a key used for one lead
#: cannot be used for a batch as well.
OPERATION: Final = "leads.update-status"

Mode: TypeAlias = Literal["atomic", "partial"]


@dataclass(frozen=True, slots=True)
class Press:
    """Who pressed, and when.

    Args:
        tenant: Whose leads.
        actor: Who.
        request_id: Identity of the HTTP request.
        age: Seconds since it was pressed, or first tried, if it had to wait.
    """

    tenant: str
    actor: str
    request_id: str | None = None
    age: float = 0.0

    def actor_at(self, now: datetime, fresh: str) -> Actor:
        """Return the press in the words of the audit log.

        Args:
            now: When it is applied.
            fresh: Source of one that did not have to wait.
        """
        source, pressed = fresh, None
        if self.age > 0:
            source, pressed = "offline_replay", now - timedelta(seconds=self.age)
        return Actor("user", self.actor, source, self.request_id, pressed, self.tenant)


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """One lead.

    Args:
        press: Who pressed, and when.
        lead_id: Which lead.
        wish: What is to become of it.
        if_match: Entity tags of If-Match; None if it was not sent.
    """

    press: Press
    lead_id: str
    wish: Wish
    if_match: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One lead of many."""

    lead_id: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class ChangeMany:
    """Many leads, each at most once.

    Args:
        press: Who pressed, and when.
        rows: In the order in which the answer lists them.
        mode: ``atomic``: all or none. ``partial``: each for itself.
    """

    press: Press
    rows: tuple[Row, ...]
    mode: Mode


@dataclass(frozen=True, slots=True)
class CancelMany:
    """Not to do a `ChangeMany`: it goes under that one's key.

    Args:
        press: Who pressed, and when.
        total: How many rows the batch has.
    """

    press: Press
    total: int


Command: TypeAlias = ChangeStatus | ChangeMany | CancelMany
