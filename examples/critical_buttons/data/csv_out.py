"""Rows as CSV that a spreadsheet opens and never runs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

#: What makes a spreadsheet take a cell for a formula, also behind blanks, which
#: some of them strip, and in full width, which some fold. A lead called
#: ``=HYPERLINK("http://...",A1)`` would otherwise send its neighbours' cells to
#: whoever typed that name into a form.
_BEGINS: Final = r"[\s\x00-\x1f\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]"
_FORMULA: Final = re.compile(_BEGINS)
_LEADING: Final = ("\t", "\r", "\n")
#: Where a spreadsheet that parts cells at another character would begin a new
#: one: in much of Europe that is the semicolon, also inside of what we quote. It
#: takes quotation marks away then: of ``;"=1+1`` we write ``;""=1+1``, which is
#: an empty text with a formula behind it.
_PARTED: Final = re.compile(rf'([;|\t\r\n])(?=(?:[\s\x00-\x1f\ufeff]*")*{_BEGINS})')


def harmless(cell: str) -> str:
    """Return *cell* with an apostrophe before it if it could be run.

    The apostrophe is what OWASP advises: spreadsheets show the rest as text.
    """
    cell = _PARTED.sub(r"\1'", cell)
    if cell.startswith(_LEADING) or _FORMULA.match(cell):
        return f"'{cell}"
    return cell


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return *rows* as RFC 4180 has them, in UTF-8; None is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row in rows:
        writer.writerow(["" if cell is None else harmless(str(cell)) for cell in row])
    return text.getvalue().encode()
