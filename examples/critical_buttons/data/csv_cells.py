"""Cells of a row: read one by one, and every reason kept, not just the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from examples.critical_buttons.domain.times import zone

T = TypeVar("T")

_SHOWN: Final = 40
#: What names are written with and `str.isprintable` knows no better: spaces that do not
#: break, and what joins or parts letters in Persian, in Hindi and inside of emoji.
_IN_NAMES: Final = str.maketrans("", "", "\u00a0\u202f\u200c\u200d")


def shown(value: str) -> str:
    """Return *value* fit for a terminal: short, escaped, in quotes."""
    # A cell may hold escape sequences that would move the reader's cursor.
    short = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
    return ascii(short)


class Cells:
    """The cells of one row, and what is wrong with them.

    Args:
        cells: The values by the name of their column.
        now: The instant of the import.
    """

    def __init__(self, cells: Mapping[str, str], now: datetime) -> None:
        self._cells = cells
        self._now = now
        self.reasons: list[str] = []

    def _cell(self, name: str) -> str:
        return self._cells.get(name, "").strip()

    def _text(self, name: str, least: int, most: int) -> str:
        value = self._cell(name)
        seen = value if name == "id" else value.translate(_IN_NAMES)
        if len(seen) < least:
            self.reasons.append(f"{name} is empty")
        elif len(value) > most:
            self.reasons.append(f"{name} has {len(value)} characters, at most {most}")
        elif not seen.isprintable():
            self.reasons.append(f"{name} holds a control character: {shown(value)}")
        return value

    def _identity(self) -> str:
        value = self._text("id", 1, 64)
        if value in {".", ".."}:
            # Browsers take it for a folder, however it is escaped.
            self.reasons.append(f"id {value} cannot stand in an address")
        return value

    def _one_of(self, name: str, known: tuple[str, ...], default: str) -> str:
        value = self._cell(name).lower() or default
        if value in known:
            return value
        self.reasons.append(f"unknown {name} {shown(value)}, one of {', '.join(known)}")
        return default

    def _zone(self, default: str) -> ZoneInfo | None:
        name = self._cell("time_zone") or default
        return self._try(
            lambda: zone(name), lambda _: f"unknown time_zone {shown(name)}"
        )

    def _try(
        self, read: Callable[[], T], reason: Callable[[ValueError], str]
    ) -> T | None:
        try:
            return read()
        except ValueError as error:
            self.reasons.append(reason(error))
            return None
