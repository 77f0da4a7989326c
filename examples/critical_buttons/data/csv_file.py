"""Read a CSV file: UTF-8 with or without BOM, a header, then rows."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from examples.critical_buttons.data import csv_rows
from examples.critical_buttons.data.csv_cells import shown

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_ROWS: Final = 20_000
_SEPARATORS: Final = ",;\t"


class Identified(Protocol):
    """What a row becomes: something with an id within a tenant."""

    @property
    def tenant(self) -> str:
        """Whose it is."""
        ...

    @property
    def id(self) -> str:
        """Unique within the tenant."""
        ...


T = TypeVar("T", bound=Identified)

#: Column name, whether it must be there, and what it holds.
Columns: TypeAlias = Mapping[str, tuple[bool, str]]


@dataclass(frozen=True, slots=True)
class Layout(Generic[T]):
    """What the rows of a file are.

    Args:
        what: Their name, as people say it: bookings.
        columns: Their columns.
        check: Returns what is in a row, or None and what is wrong with it.
    """

    what: str
    columns: Columns
    check: Callable[[Mapping[str, str], datetime], tuple[T | None, list[str]]]


BOOKINGS: Final = Layout("bookings", csv_rows.COLUMNS, csv_rows.check)


class BadFile(ValueError):
    """Nothing of the file can be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out, and all that is wrong with it."""

    line: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParsedFile(Generic[T]):
    """What a file holds: good rows with their line, bad rows, remarks."""

    rows: tuple[tuple[int, T], ...]
    bad: tuple[BadRow, ...]
    notes: tuple[str, ...] = ()


def read_file(path: Path, layout: Layout[T], now: datetime) -> ParsedFile[T]:
    """Return what is in the file at *path*.

    Raises:
        BadFile: It cannot be read, is too large, is not UTF-8, is empty, or a
            column is missing.
    """
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise BadFile(f"{path} {what}. Name a CSV file of {layout.what}.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_BYTES:
        raise BadFile(
            f"{path} is larger than {MAX_BYTES // 2**20} MiB. Split it into smaller "
            "files."
        )
    return parse_file(_decode(data, path), layout, now, name=str(path))


def parse_file(
    text: str, layout: Layout[T], now: datetime, *, name: str = "the file"
) -> ParsedFile[T]:
    """Return what is in *text*.

    Raises:
        BadFile: It is empty, a column is missing, or it has too many rows.
    """
    header, rows = _open(text, layout.columns, name)
    columns, notes = _columns(header, layout.columns, name)
    good: list[tuple[int, T]] = []
    bad: list[BadRow] = []
    for line, cells, problem in rows:
        if problem is None and not any(cell.strip() for cell in cells):
            continue  # an empty line, as editors leave at the end
        if len(good) + len(bad) == MAX_ROWS:
            raise BadFile(f"{name} has more than {MAX_ROWS} rows. Split it.")
        found, reasons = _check(layout, columns, cells, problem, now)
        if found is None:
            bad.append(BadRow(line, tuple(reasons)))
        else:
            good.append((line, found))
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
    text: str, known: Columns, name: str
) -> tuple[list[str], Iterator[tuple[int, list[str], str | None]]]:
    first = next((line for line in text.splitlines() if line.strip()), None)
    if first is None:
        raise BadFile(
            f"{name} is empty. Its first line names the columns: {_wanted(known)}."
        )
    separator = max(_SEPARATORS, key=first.count)
    rows = _rows(text, separator)
    for _, cells, problem in rows:
        if problem is not None:
            raise BadFile(f"The header of {name} cannot be read: {problem}.")
        if any(cell.strip() for cell in cells):
            return cells, rows
    raise BadFile(
        f"{name} is empty. Its first line names the columns: {_wanted(known)}."
    )


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


def _columns(
    header: list[str], known: Columns, name: str
) -> tuple[list[str], tuple[str, ...]]:
    columns = [_normal(cell) for cell in header]
    missing = [c for c, (needed, _) in known.items() if needed and c not in columns]
    if missing:
        raise BadFile(
            f"{name} lacks the column {', '.join(missing)}. Its first line must name "
            f"the columns: {_wanted(known)}."
        )
    doubled = sorted({c for c in columns if c in known and columns.count(c) > 1})
    if doubled:
        raise BadFile(f"{name} has the column {', '.join(doubled)} twice.")
    unknown = [shown(cell) for cell in header if _normal(cell) not in known]
    notes = (f"unknown column {', '.join(unknown)} ignored",) if unknown else ()
    return columns, notes


def _normal(cell: str) -> str:
    return cell.strip().lower().replace(" ", "_").replace("-", "_")


def _wanted(known: Columns) -> str:
    return ", ".join(
        column if needed else f"[{column}]" for column, (needed, _) in known.items()
    )


def _check(
    layout: Layout[T],
    columns: list[str],
    cells: list[str],
    problem: str | None,
    now: datetime,
) -> tuple[T | None, list[str]]:
    if problem is not None:
        return None, [problem]
    if len(cells) != len(columns):
        return None, [f"{len(cells)} cells, but the header names {len(columns)}"]
    return layout.check(dict(zip(columns, cells, strict=True)), now)


def _without_duplicates(
    rows: list[tuple[int, T]],
) -> tuple[tuple[tuple[int, T], ...], list[BadRow]]:
    lines: dict[tuple[str, str], list[int]] = {}
    for line, found in rows:
        lines.setdefault((found.tenant, found.id), []).append(line)
    unique = tuple(
        (line, found)
        for line, found in rows
        if lines[found.tenant, found.id][0] == line
    )
    doubled = [
        BadRow(line, (f"the id stands in line {first} already",))
        for first, *others in lines.values()
        for line in others
    ]
    return unique, doubled


def _line(row: BadRow) -> int:
    return row.line
