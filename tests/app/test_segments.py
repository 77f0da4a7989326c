"""Segments: what a text costs on the air, and which character makes it dear."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from examples.critical_buttons.domain.segments import (
    BASIC,
    EXTENSION,
    Segments,
    segments,
)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
#: Characters of all kinds: one unit, two in GSM-7, one and two in UTF-16.
MIXED = st.text(
    st.sampled_from([*sorted(BASIC | EXTENSION), "ç", "`", "漢", "😀"]), max_size=400
)


def test_the_tables_are_those_of_the_standard() -> None:
    """127 characters without the escape, and ten that need one."""
    assert (len(BASIC), len(EXTENSION)) == (127, 10)
    assert BASIC.isdisjoint(EXTENSION)


@pytest.mark.case("APP-25", part="the count")
@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("a" * 1600, "GSM-7", 1600, 11),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        # The escape pair at the seam is not cut: 152 + 2 does not fit into 153.
        ("a" * 152 + "€" + "b" * 10, "GSM-7", 164, 2),
        ("a" * 152 + "€" + "b" * 151, "GSM-7", 305, 2),
        ("a" * 152 + "€" + "b" * 152, "GSM-7", 306, 3),
        ("é" * 160, "GSM-7", 160, 1),
        ("\n\r\f", "GSM-7", 4, 1),
        ("ç", "UCS-2", 1, 1),
        ("`", "UCS-2", 1, 1),
        ("\t", "UCS-2", 1, 1),
        ("漢" * 70, "UCS-2", 70, 1),
        ("漢" * 71, "UCS-2", 71, 2),
        ("😀" * 35, "UCS-2", 70, 1),
        ("😀" * 36, "UCS-2", 72, 2),
        # A surrogate pair is not cut either: 66 + 2 does not fit into 67.
        ("漢" * 66 + "😀" + "b" * 10, "UCS-2", 78, 2),
        ("漢" * 66 + "😀" + "b" * 66, "UCS-2", 134, 3),
        (FAMILY * 9, "UCS-2", 99, 2),
        ("e\u0301" * 40, "UCS-2", 80, 2),
        ("\u200b", "UCS-2", 1, 1),
    ],
)
def test_the_count_is_the_networks(
    text: str, encoding: str, units: int, count: int
) -> None:
    """160 and 153, 70 and 67, and no pair is ever cut."""
    found = segments(text)

    assert (found.encoding, found.units, found.count) == (encoding, units, count)


@pytest.mark.case("APP-25", part="the character that forces UCS-2")
@pytest.mark.parametrize(
    ("text", "character", "name"),
    [
        ("See you at 8 😀, ok?", "😀", "GRINNING FACE"),
        ("it\u2019s fine", "\u2019", "RIGHT SINGLE QUOTATION MARK"),
        ("\x01", "\x01", "U+0001"),
        ("plain", None, None),
    ],
)
def test_the_first_dear_character_is_named(
    text: str, character: str | None, name: str | None
) -> None:
    """So that somebody can replace it."""
    found = segments(text)

    assert (found.forced_by, found.forced_by_name) == (character, name)


def _pieces(text: str, found: Segments) -> list[int]:
    """Fill segments one character after the other, the long way round."""
    if found.count == 1:
        return [found.units]
    many = 153 if found.encoding == "GSM-7" else 67
    pieces = [0]
    for character in text:
        if found.encoding == "GSM-7":
            cost = 2 if character in EXTENSION else 1
        else:
            cost = len(character.encode("utf-16-be")) // 2
        if pieces[-1] + cost > many:
            pieces.append(0)
        pieces[-1] += cost
    return pieces


@given(MIXED)
def test_no_segment_is_too_long_and_nothing_is_lost(text: str) -> None:
    """All units are in some segment, and one segment fewer would not do."""
    found = segments(text)
    one, many = (160, 153) if found.encoding == "GSM-7" else (70, 67)
    pieces = _pieces(text, found)

    assert sum(pieces) == found.units
    assert len(pieces) == found.count
    assert max(pieces) <= (one if found.count == 1 else many)
    assert (found.count == 1) == (found.units <= one)
