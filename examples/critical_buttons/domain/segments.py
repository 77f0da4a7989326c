"""How many segments a text takes on the air, and which character makes it dear.

A text whose characters are all in the GSM 7-bit alphabet fits 160 units into
one segment, or 153 into each of several; any other character turns the whole
text into UCS-2 with 70, or 67. Characters of the extension table take two
units. A pair, be it an escape pair or a surrogate pair, is never cut in two.

Idea and figures: 3GPP TS 23.038 and 23.040.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Encoding: TypeAlias = Literal["GSM-7", "UCS-2"]

#: The basic table without its escape character: one unit each.
BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: The extension table: an escape and one more, so two units each.
EXTENSION: Final = frozenset("\f^{}\\[~]|€")


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text amounts to.

    Args:
        encoding: Of the whole text.
        units: Septets of GSM-7, or 16-bit units of UCS-2.
        count: Number of segments; 1 for the empty text.
        forced_by: First character that GSM-7 does not have; None for GSM-7.
    """

    encoding: Encoding
    units: int
    count: int
    forced_by: str | None = None

    @property
    def forced_by_name(self) -> str | None:
        """Return the Unicode name of `forced_by`, or its code point."""
        if self.forced_by is None:
            return None
        return unicodedata.name(self.forced_by, f"U+{ord(self.forced_by):04X}")


def segments(text: str) -> Segments:
    """Return what *text* amounts to when it is sent."""
    forced_by = next((c for c in text if c not in BASIC and c not in EXTENSION), None)
    if forced_by is None:
        costs = [2 if c in EXTENSION else 1 for c in text]
        return Segments("GSM-7", sum(costs), _count(costs, 160, 153))
    costs = [2 if ord(c) > 0xFFFF else 1 for c in text]  # noqa: PLR2004 - one UTF-16 unit
    return Segments("UCS-2", sum(costs), _count(costs, 70, 67), forced_by)


def _count(costs: list[int], alone: int, joined: int) -> int:
    if sum(costs) <= alone:
        return 1
    count, room = 1, joined
    for cost in costs:
        if cost > room:
            count, room = count + 1, joined
        room -= cost
    return count
