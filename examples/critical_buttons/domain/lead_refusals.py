"""How a change of a lead's state says no, alone and in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from examples.critical_buttons.domain.leads import Lead, LeadStatus
from examples.critical_buttons.domain.sms_refusals import LeadNotFound
from examples.critical_buttons.domain.times import iso_utc
from syncpatterns.errors import Refusal, SyncPatternsError

#: Rows of one batch. As many as one commit should carry: nobody else can write
#: meanwhile.
MAX_ROWS: Final = 500


class TransitionNotAllowed(Refusal):
    """The lead's state cannot be followed by the one asked for."""

    status = 409
    problem = "transition-not-allowed"
    title = "The lead cannot change this way."


class VersionConflict(Refusal):
    """The lead changed since the caller last saw it."""

    status = 412
    problem = "version-conflict"
    title = "The lead was changed in the meantime."


class ReasonRequired(Refusal):
    """Giving a lead up, or taking it up again, needs a reason."""

    status = 422
    problem = "reason-required"
    title = "Say why."


class BatchFailed(Refusal):
    """A row of an atomic batch was refused, so no row was changed."""

    status = 409
    problem = "batch-failed"
    title = "Nothing was changed."


class BatchCancelled(Refusal):
    """Somebody cancelled a batch before its commit, so no row was changed."""

    status = 409
    problem = "batch-cancelled"
    title = "The batch was cancelled."


class RowNotWritten(Refusal):
    """The database itself refused one row of a batch; the others are untouched."""

    status = 500
    problem = "row-not-written"
    title = "This row could not be written."


class BatchTooLarge(SyncPatternsError):
    """A batch has more rows than one commit takes; nothing was looked at."""

    status = 413
    problem = "batch-too-large"
    title = "There are too many rows."

    @property
    def facts(self) -> dict[str, Any]:
        """How many there may be."""
        return {"max": MAX_ROWS}


#: What the operation declares, so that each is stored as the key's answer.
LEAD_REFUSALS: tuple[type[Refusal], ...] = (
    LeadNotFound,
    TransitionNotAllowed,
    VersionConflict,
    ReasonRequired,
    BatchFailed,
    BatchCancelled,
)


def transition_not_allowed(
    lead: Lead, to: LeadStatus, allowed: Sequence[LeadStatus]
) -> TransitionNotAllowed:
    """Refuse a step that the table of transitions does not know."""
    names = [state.value for state in allowed]
    if names:
        then = f"it may become {', '.join(names)}"
    elif lead.status is LeadStatus.DO_NOT_CONTACT:
        then = "only the person can change that, by writing START"
    else:
        then = "that is final"
    facts: dict[str, Any] = {
        "from": lead.status.value,
        "to": to.value,
        "allowed": names,
    }
    return TransitionNotAllowed(
        f"A lead that is {lead.status.value} cannot become {to.value}; {then}.", **facts
    )


def version_conflict(lead: Lead) -> VersionConflict:
    """Refuse a change made to a version that is no longer the current one."""
    return VersionConflict(
        "Somebody changed this lead after you last saw it. Look at it again before "
        "you decide.",
        current={
            "version": lead.version,
            "status": lead.status.value,
            "by": lead.updated_by,
            "at": iso_utc(lead.updated_at),
        },
    )


def reason_required(lead: Lead, to: LeadStatus) -> ReasonRequired:
    """Refuse a change that nobody could understand later."""
    return ReasonRequired(
        f"A lead that is {lead.status.value} becomes {to.value} for a reason: send "
        "`reason`, 1 to 200 characters.",
        to=to.value,
    )


def row_not_written(error: str) -> RowNotWritten:
    """Say that the database refused a row, by *error*, and no more."""
    return RowNotWritten(
        "The database did not take this row. The others are not affected. Tell the "
        "server's operator, who finds it in the log.",
        error=error,
    )


def batch_failed(facts: dict[str, Any], guilty: int, total: int) -> BatchFailed:
    """Refuse a whole batch for the sake of *guilty* of its rows."""
    return BatchFailed(
        f"{guilty} of {total} rows cannot be changed, so none was. `results` names "
        "them; correct them, leave them out, or send mode partial.",
        **facts,
    )


def batch_cancelled(total: int) -> BatchCancelled:
    """Refuse a batch for good because somebody wanted it stopped."""
    return BatchCancelled(
        f"It was cancelled before it was committed: none of its {total} rows was "
        "changed by it, and none will be. To change them after all, send them under a "
        "new key.",
        total=total,
    )


def batch_too_large(rows: int) -> BatchTooLarge:
    """Refuse more rows than one commit takes."""
    return BatchTooLarge(
        f"{rows} rows are more than {MAX_ROWS}. Send them in parts, each with a key of "
        "its own; each part is then one commit."
    )


def row_problem(refusal: Refusal) -> dict[str, Any]:
    """Return what became of one row, in the form of a problem document."""
    return {
        "type": f"/problems/{refusal.problem}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": str(refusal),
        **refusal.facts,
    }
