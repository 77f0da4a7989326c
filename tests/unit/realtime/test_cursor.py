"""Cursors survive the way to the client and back, and nothing else does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from syncpatterns.realtime import Position, decode_cursor, encode_cursor

channels = st.from_regex(r"[A-Za-z0-9_.:=@,;-]{1,200}", fullmatch=True)
positions = st.builds(
    Position,
    st.from_regex(r"[0-9A-Za-z]{1,32}", fullmatch=True),
    st.integers(0, 2**63 - 1),
)


@given(st.dictionaries(channels, positions, max_size=32))
def test_a_cursor_comes_back_as_it_went(where: dict[str, Position]) -> None:
    """Any positions survive, and fit a header, a URL and an event id."""
    text = encode_cursor(where)

    assert decode_cursor(text) == where
    assert re.fullmatch(r"[A-Za-z0-9_-]*", text)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_=-]{0,60}", fullmatch=True))
def test_anything_else_is_a_value_error(text: str) -> None:
    """Whatever a client sends, decoding either works or says no."""
    try:
        found = decode_cursor(text)
    except ValueError:
        return

    assert all(isinstance(each, Position) for each in found.values())


@given(positions)
def test_a_position_comes_back_from_its_text(position: Position) -> None:
    """Its text is ``epoch:offset``."""
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", ":1", "a:", "a:-1", "a:1:2", "a:1.5", "a: 1", "\u00e9:1"),
        *("a:9223372036854775808", f"{'a' * 33}:1", "a:\uff11"),
    ],
)
def test_other_texts_are_no_positions(text: str) -> None:
    """What was not written as a position is refused."""
    with pytest.raises(ValueError, match="epoch:offset"):
        Position.parse(text)
