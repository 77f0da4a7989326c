"""Put bookings and leads into the database, once; nothing is added twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from examples.critical_buttons.data.csv_file import BadRow, ParsedFile
from examples.critical_buttons.data.lead_samples import sample_leads
from examples.critical_buttons.data.samples import sample_bookings
from examples.critical_buttons.domain.bookings import OCCUPYING, Booking
from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.leads import Lead
from examples.critical_buttons.repo import bookings as repo, consent, leads

#: So many bad rows are listed one by one; the rest is counted.
LISTED: Final = 20


class StrictRefused(Exception):
    """``--strict`` and a bad row: nothing is written."""

    def __init__(self, report: Report) -> None:
        super().__init__(f"{len(report.bad)} bad rows")
        self.report = report


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file.

    Args:
        added: Rows that are new in the database.
        known: Rows that were there before; they stay as they are.
        bad: Rows that were left out.
        notes: Remarks on the file as a whole.
    """

    added: int
    known: int
    bad: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self, name: str) -> list[str]:
        """Return the report for people; long lists are cut, and say so."""
        listed = [
            f"{name} line {row.line}: {'; '.join(row.reasons)}"
            for row in self.bad[:LISTED]
        ]
        more = len(self.bad) - len(listed)
        return [
            *(f"{name}: {note}" for note in self.notes),
            *listed,
            *([f"{name}: and {more} more bad rows"] if more else []),
        ]


def load_samples(connection: Connection, now: datetime) -> int:
    """Add the samples to a database without bookings; return how many were added."""
    if repo.count(connection):
        return 0
    samples = sample_bookings(now)
    repo.add(connection, samples)
    return len(samples)


def load_sample_leads(connection: Connection, now: datetime) -> int:
    """Add the sample leads to a database without leads; return how many."""
    if leads.count(connection):
        return 0
    samples = sample_leads(now)
    _add_leads(connection, samples, now, "samples")
    return len(samples)


def load_leads(
    connection: Connection, parsed: ParsedFile[Lead], now: datetime, *, strict: bool
) -> Report:
    """Add the good rows of a leads file inside the caller's transaction.

    Raises:
        StrictRefused: *strict*, and a row is bad; the caller rolls back.
    """
    if strict and parsed.bad:
        raise StrictRefused(Report(0, 0, parsed.bad, parsed.notes))
    present = leads.identities(connection)
    new = [lead for _, lead in parsed.rows if (lead.tenant, lead.id) not in present]
    _add_leads(connection, new, now, "csv")
    return Report(len(new), len(parsed.rows) - len(new), parsed.bad, parsed.notes)


def _add_leads(
    connection: Connection, new: Iterable[Lead], now: datetime, source: str
) -> None:
    added = list(new)
    leads.add(connection, added)
    for lead in added:
        # A file may close a number, and never open one: the people did that.
        if lead.opted_out:
            closed = Consent.OPTED_OUT
        elif lead.under_review:
            closed = Consent.UNDER_REVIEW
        else:
            continue
        consent.set_consent(connection, lead.phone, closed, now, source)


def load_file(
    connection: Connection, parsed: ParsedFile[Booking], *, strict: bool
) -> Report:
    """Add the good rows of a bookings file inside the caller's transaction.

    Raises:
        StrictRefused: *strict*, and a row is bad; the caller rolls back.
    """
    new, known, bad = _sort_out(parsed.rows, repo.all_bookings(connection))
    rows = tuple(sorted([*parsed.bad, *bad], key=lambda row: row.line))
    if strict and rows:
        raise StrictRefused(Report(0, 0, rows, parsed.notes))
    repo.add(connection, new)
    return Report(len(new), known, rows, parsed.notes)


def _sort_out(
    rows: Iterable[tuple[int, Booking]], present: Iterable[Booking]
) -> tuple[list[Booking], int, list[BadRow]]:
    ids: set[tuple[str, str]] = set()
    slots: dict[tuple[str, str, datetime], str] = {}
    for booking in present:
        ids.add((booking.tenant, booking.id))
        if booking.status in OCCUPYING:
            slots[_slot(booking)] = "a booking that is there already"
    new: list[Booking] = []
    bad: list[BadRow] = []
    known = 0
    for line, booking in rows:
        if (booking.tenant, booking.id) in ids:
            known += 1
            continue
        if booking.status in OCCUPYING:
            holder = slots.setdefault(_slot(booking), f"line {line}")
            if holder != f"line {line}":
                reason = f"its slot is taken by {holder}"
                bad.append(BadRow(line, (reason,)))
                continue
        new.append(booking)
    return new, known, bad


def _slot(booking: Booking) -> tuple[str, str, datetime]:
    return booking.tenant, booking.resource, booking.starts_at
