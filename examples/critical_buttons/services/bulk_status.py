"""Change the states of many leads: one key, one transaction, one answer.

Every row is judged before the first is written. Rows are worked in the order of
their ids, so that two batches that share leads take them in the same order and
neither waits for the other for ever; the answer lists them as they were sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Protocol, TypeAlias
from uuid import uuid4

from sqlalchemy import Connection

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.lead_refusals import (
    BatchFailed,
    batch_cancelled,
    batch_failed,
)
from examples.critical_buttons.domain.lead_status import (
    Change,
    NoChange,
    closes_number,
    moved,
)
from examples.critical_buttons.repo import leads
from examples.critical_buttons.repo.leads import LeadEntry
from examples.critical_buttons.services.lead_status import StatusWriter, verdict_on
from examples.critical_buttons.services.lead_views import LeadView, lead_view
from examples.critical_buttons.services.savepoints import unless_refused
from examples.critical_buttons.services.status_commands import ChangeMany, Mode
from examples.critical_buttons.services.status_views import (
    BatchResult,
    RowResult,
    batch_result,
    row_result,
)
from syncpatterns.engines.sqlite import Snapshot
from syncpatterns.errors import Refusal
from syncpatterns.operation import Result, Transaction

Verdict: TypeAlias = Change | NoChange | Refusal


class Reporter(Protocol):
    """Told how far a batch has come, and asked whether it is still wanted."""

    @property
    def cancelled(self) -> bool:
        """Whether somebody has asked to stop it."""
        ...

    def phase(self, name: str, done: int) -> None:
        """A new phase begins."""
        ...

    def step(self, done: int) -> None:
        """One more row is worked."""
        ...


@dataclass(slots=True)
class _Batch:
    """A batch as it was found, and what was decided about each of its rows."""

    command: ChangeMany
    entries: Mapping[str, LeadEntry]
    verdicts: list[Verdict]

    @classmethod
    def judged(cls, connection: Connection, command: ChangeMany) -> _Batch:
        """Return *command* with a verdict for each row, from one look."""
        ids = [row.lead_id for row in command.rows]
        entries = leads.find_many(connection, command.press.tenant, ids)
        verdicts: list[Verdict] = [
            verdict_on(entries.get(row.lead_id), row.wish) for row in command.rows
        ]
        return cls(command, entries, verdicts)

    @property
    def guilty(self) -> int:
        """How many rows are refused."""
        return sum(isinstance(verdict, Refusal) for verdict in self.verdicts)

    def changes(self) -> list[tuple[int, str, Change]]:
        """Return what is to be written, in the order of the leads' ids."""
        found = [
            (index, row.lead_id, verdict)
            for index, (row, verdict) in enumerate(
                zip(self.command.rows, self.verdicts, strict=True)
            )
            if isinstance(verdict, Change)
        ]
        return sorted(found, key=lambda each: each[1])

    def refuse_if_atomic(self, *, dry_run: bool) -> None:
        """Let one guilty row stand for all, where it is all or none.

        Raises:
            BatchFailed: It is atomic, and a row is refused.
        """
        if self.command.mode == "atomic" and self.guilty:
            raise self._failed(dry_run=dry_run)

    def _failed(self, *, dry_run: bool) -> BatchFailed:
        # No lead is shown: a problem document ends in logs, and names are personal.
        results = [
            row_result(index, row.lead_id, "refused", refusal=verdict)
            if isinstance(verdict, Refusal)
            else row_result(index, row.lead_id, "not_applied")
            for index, (row, verdict) in enumerate(
                zip(self.command.rows, self.verdicts, strict=True)
            )
        ]
        facts = dict(batch_result(results, self.command.mode, None))
        del facts["bulk_id"]
        facts["dry_run"] = dry_run
        return batch_failed(facts, self.guilty, len(results))

    def results(self, after: Mapping[str, LeadEntry]) -> list[RowResult]:
        """Return the answer for each row, with the leads as they are *after*."""
        return [
            self._result(index, row.lead_id, verdict, after)
            for index, (row, verdict) in enumerate(
                zip(self.command.rows, self.verdicts, strict=True)
            )
        ]

    def _result(
        self,
        index: int,
        lead_id: str,
        verdict: Verdict,
        after: Mapping[str, LeadEntry],
    ) -> RowResult:
        entry = after.get(lead_id)
        view: LeadView | None = None if entry is None else lead_view(entry)
        if isinstance(verdict, Refusal):
            return row_result(index, lead_id, "refused", lead=view, refusal=verdict)
        if isinstance(verdict, Change):
            return row_result(index, lead_id, "changed", lead=view)
        return row_result(index, lead_id, "unchanged", lead=view)


def change_many(
    tx: Transaction, command: ChangeMany, report: Reporter
) -> Result[BatchResult]:
    """Change the states of many leads in this transaction.

    Raises:
        BatchFailed: It is atomic, and a row is refused; nothing was changed.
        BatchCancelled: Somebody has asked to stop it; nothing was changed.
    """
    total = len(command.rows)
    _unless_cancelled(command, report)
    report.phase("validating", 0)
    connection = tx.sqlalchemy()
    batch = _Batch.judged(connection, command)
    batch.refuse_if_atomic(dry_run=False)
    bulk_id = f"bulk-{uuid4().hex}"
    report.phase("writing", 0)
    _write(tx, batch, bulk_id, report)
    report.phase("committing", total)
    # Looked at once more: a row that closed a number has also moved on the other
    # leads of that number, before it or after it.
    ids = list(batch.entries)
    after = leads.find_many(connection, command.press.tenant, ids)
    results = batch.results(after)
    # The last moment: what is returned from here is committed.
    _unless_cancelled(command, report)
    return _answer(results, command.mode, bulk_id)


def _unless_cancelled(command: ChangeMany, report: Reporter) -> None:
    """Take everything back if somebody has asked to stop the batch.

    In mode partial too: a person who stops a batch is told one thing, that
    nothing of it holds, and not which rows were quicker.

    Raises:
        BatchCancelled: Somebody has.
    """
    if report.cancelled:
        raise batch_cancelled(len(command.rows))


def _write(tx: Transaction, batch: _Batch, bulk_id: str, report: Reporter) -> None:
    command = batch.command
    writer = StatusWriter(tx, command.press.actor_at(tx.now, "bulk"), bulk_id=bulk_id)
    changes = batch.changes()
    done = len(command.rows) - len(changes)
    moved_on: set[str] = set()
    for index, lead_id, change in changes:
        _unless_cancelled(command, report)
        entry = batch.entries[lead_id]
        if entry.lead.phone in moved_on:
            # Not somebody else's change, for nobody else can write now: a row
            # before this one closed the number that both leads have.
            entry = leads.find(tx.sqlalchemy(), entry.lead.tenant, lead_id) or entry
        if command.mode == "atomic":
            writer.write(entry, change)
        else:
            refused = unless_refused(tx, partial(writer.write, entry, change))
            if refused is not None:
                batch.verdicts[index] = refused
        if closes_number(entry.lead, change.to):
            moved_on.add(entry.lead.phone)
        done += 1
        report.step(done)


def try_many(snapshot: Snapshot, command: ChangeMany) -> Result[BatchResult]:
    """Say what `change_many` would answer now, and write nothing.

    Raises:
        BatchFailed: It is atomic, and a row would be refused.
    """
    batch = _Batch.judged(snapshot.sqlalchemy(), command)
    batch.refuse_if_atomic(dry_run=True)
    changes = {lead_id: change for _, lead_id, change in batch.changes()}
    closed = {
        batch.entries[lead_id].lead.phone
        for lead_id, change in changes.items()
        if closes_number(batch.entries[lead_id].lead, change.to)
    }
    after: dict[str, LeadEntry] = {}
    for lead_id, entry in batch.entries.items():
        lead, now, actor = entry.lead, snapshot.now, command.press.actor
        if lead.phone in closed:
            lead = replace(
                lead,
                consent=Consent.OPTED_OUT,
                version=lead.version + 1,
                updated_at=now,
                updated_by=actor,
            )
        if lead_id in changes:
            lead = moved(lead, changes[lead_id].to, now, actor)
        after[lead_id] = replace(entry, lead=lead)
    return _answer(batch.results(after), command.mode, None)


def _answer(
    results: Sequence[RowResult], mode: Mode, bulk_id: str | None
) -> Result[BatchResult]:
    body = batch_result(results, mode, bulk_id)
    status = HTTPStatus.MULTI_STATUS if body["refused"] else HTTPStatus.OK
    return Result(body, status=int(status))
