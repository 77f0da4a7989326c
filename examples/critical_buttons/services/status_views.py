"""The answers of a change of state, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from typing_extensions import TypedDict

from examples.critical_buttons.domain.lead_refusals import row_problem
from examples.critical_buttons.services.lead_views import LeadView
from examples.critical_buttons.services.status_commands import Mode
from syncpatterns.errors import Refusal

Outcome: TypeAlias = Literal["changed", "unchanged", "refused", "not_applied"]


class StatusChanged(TypedDict):
    """The answer for one lead; `changed` is False if it was so before."""

    lead: LeadView
    changed: bool


class RowResult(TypedDict):
    """What became of one row; `problem` says why it was refused."""

    index: int
    lead_id: str
    outcome: Outcome
    lead: LeadView | None
    problem: dict[str, Any] | None


class BatchResult(TypedDict):
    """What became of a batch, in the order of the request."""

    bulk_id: str | None
    mode: Mode
    dry_run: bool
    total: int
    changed: int
    unchanged: int
    refused: int
    results: list[RowResult]


class Cancelled(TypedDict):
    """What became of a batch that was to be cancelled.

    `cancelled` True: none of its rows was or will be changed by it. False: it had
    its answer before.
    """

    cancelled: bool
    total: int


StatusAnswer: TypeAlias = StatusChanged | BatchResult


def row_result(
    index: int,
    lead_id: str,
    outcome: Outcome,
    *,
    lead: LeadView | None = None,
    refusal: Refusal | None = None,
) -> RowResult:
    """Return the answer for one row."""
    return RowResult(
        index=index,
        lead_id=lead_id,
        outcome=outcome,
        lead=lead,
        problem=None if refusal is None else row_problem(refusal),
    )


def batch_result(
    results: Sequence[RowResult], mode: Mode, bulk_id: str | None
) -> BatchResult:
    """Return the answer for a batch; one without an id was only tried."""
    outcomes = [result["outcome"] for result in results]
    return BatchResult(
        bulk_id=bulk_id,
        mode=mode,
        dry_run=bulk_id is None,
        total=len(results),
        changed=outcomes.count("changed"),
        unchanged=outcomes.count("unchanged"),
        refused=outcomes.count("refused"),
        results=list(results),
    )
