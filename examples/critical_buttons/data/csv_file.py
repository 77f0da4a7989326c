"""Read a CSV file of bookings: UTF-8 with or without BOM, a header, then rows."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from examples.critical_buttons.data.csv_rows import COLUMNS, RowChecker, shown
from examples.critical_buttons.domain.bookings import Booking

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_ROWS: Final = 20_000
_SEPARATORS: Final = ",;\t"


class BadFile(ValueError):
    """Nothing of the file can be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out, and all that is wrong with it."""

    line: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a file holds: good rows with their line, bad rows, remarks."""

    rows: tuple[tuple[int, Booking], ...]
    bad: tuple[BadRow, ...]
    notes: tuple[str, ...] = ()


def read_bookings(path: Path, now: datetime) -> ParsedFile:
    """Return the bookings in the file at *path*.

    Raises:
        BadFile: It cannot be read, is too large, is not UTF-8, is empty, or a
            column is missing.
    """
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise BadFile(f"{path} {what}. Name a CSV file of bookings.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_BYTES:
        raise BadFile(
            f"{path} is larger than {MAX_BYTES // 2**20} MiB. Split it into smaller "
            "files."
        )
    return parse_bookings(_decode(data, path), now, name=str(path))


def parse_bookings(text: str, now: datetime, *, name: str = "the file") -> ParsedFile:
    """Return the bookings in *text*.

    Raises:
        BadFile: It is empty, a column is missing, or it has too many rows.
    """
    header, rows = _open(text, name)
    columns, notes = _columns(header, name)
    good: list[tuple[int, Booking]] = []
    bad: list[BadRow] = []
    for line, cells, problem in rows:
        if problem is None and not any(cell.strip() for cell in cells):
            continue  # an empty line, as editors leave at the end
        if len(good) + len(bad) == MAX_ROWS:
            raise BadFile(f"{name} has more than {MAX_ROWS} rows. Split it.")
        booking, reasons = _check(columns, cells, problem, now)
        if booking is None:
            bad.append(BadRow(line, tuple(reasons)))
        else:
            good.append((line, booking))
    unique, doubled = _without_duplicates(good)
    return ParsedFile(unique, tuple(sorted([*bad, *doubled], key=_line)), notes)


def _decode(data: bytes, path: Path) -> str:
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadFile(
            f"{path} is not UTF-8 (line {line}, byte {error.start}). Save it as "
            "UTF-8, with or without a byte order mark."
        ) from error


def _open(
    text: str, name: str
) -> tuple[list[str], Iterator[tuple[int, list[str], str | None]]]:
    first = next((line for line in text.splitlines() if line.strip()), None)
    if first is None:
        raise BadFile(
            f"{name} is empty. Its first line names the columns: {_wanted()}."
        )
    separator = max(_SEPARATORS, key=first.count)
    rows = _rows(text, separator)
    for _, cells, problem in rows:
        if problem is not None:
            raise BadFile(f"The header of {name} cannot be read: {problem}.")
        if any(cell.strip() for cell in cells):
            return cells, rows
    raise BadFile(f"{name} is empty. Its first line names the columns: {_wanted()}.")


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield the line at which a row begins, its cells, and what is wrong with it."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], f"not valid CSV: {error}"
        else:
            yield line, cells, None


def _columns(header: list[str], name: str) -> tuple[list[str], tuple[str, ...]]:
    columns = [_normal(cell) for cell in header]
    missing = [c for c, (needed, _) in COLUMNS.items() if needed and c not in columns]
    if missing:
        raise BadFile(
            f"{name} lacks the column {', '.join(missing)}. Its first line must name "
            f"the columns: {_wanted()}."
        )
    doubled = sorted({c for c in columns if c in COLUMNS and columns.count(c) > 1})
    if doubled:
        raise BadFile(f"{name} has the column {', '.join(doubled)} twice.")
    unknown = [shown(cell) for cell in header if _normal(cell) not in COLUMNS]
    notes = (f"unknown column {', '.join(unknown)} ignored",) if unknown else ()
    return columns, notes


def _normal(cell: str) -> str:
    return cell.strip().lower().replace(" ", "_").replace("-", "_")


def _wanted() -> str:
    return ", ".join(
        column if needed else f"[{column}]" for column, (needed, _) in COLUMNS.items()
    )


def _check(
    columns: list[str], cells: list[str], problem: str | None, now: datetime
) -> tuple[Booking | None, list[str]]:
    if problem is not None:
        return None, [problem]
    if len(cells) != len(columns):
        return None, [f"{len(cells)} cells, but the header names {len(columns)}"]
    checker = RowChecker(dict(zip(columns, cells, strict=True)), now)
    return checker.booking(), checker.reasons


def _without_duplicates(
    rows: list[tuple[int, Booking]],
) -> tuple[tuple[tuple[int, Booking], ...], list[BadRow]]:
    lines: dict[tuple[str, str], list[int]] = {}
    for line, booking in rows:
        lines.setdefault((booking.tenant, booking.id), []).append(line)
    unique = tuple(
        (line, booking)
        for line, booking in rows
        if lines[booking.tenant, booking.id][0] == line
    )
    doubled = [
        BadRow(line, (f"the id stands in line {first} already",))
        for first, *others in lines.values()
        for line in others
    ]
    return unique, doubled


def _line(row: BadRow) -> int:
    return row.line
