"""Phone numbers: E.164 inside, masked outside."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from examples.critical_buttons.domain.phones import (
    MASK,
    BadPhone,
    known_region,
    masked,
    parse_phone,
    zones_of,
)


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("+12025550147", "ZZ", "+12025550147"),
        ("(202) 555-0147", "US", "+12025550147"),
        ("202.555.0147", "US", "+12025550147"),
        ("1 202 555 0147", "US", "+12025550147"),
        ("07700 900123", "GB", "+447700900123"),
        ("+44 7700 900123", "US", "+447700900123"),
        ("06 39 98 01 23", "FR", "+33639980123"),
        ("0491 570 156", "AU", "+61491570156"),
        ("0171 39200 42", "DE", "+491713920042"),
        ("070-174 06 05", "SE", "+46701740605"),
    ],
)
def test_a_number_becomes_e164(text: str, region: str, expected: str) -> None:
    """As people of its country write it, or international."""
    assert parse_phone(text, region) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "12345",
        "+1202555014",
        "+120255501477",
        "+0012025550147",
        "+999123456789",
        "202-555-0147 ext. 5",
        "call 202-555-0147",
        '=HYPERLINK("http://x","+12025550147")',
        "=+12025550147",
        "+12025550147;+12025550148",
        "٢٠٢٥٥٥٠١٤٧",
        "+1" * 30,
        "0" * 500,
        "\x00+12025550147",
    ],
)
def test_what_is_no_number_is_refused_without_repeating_it(text: str) -> None:
    """The reason may be logged; the number may not."""
    with pytest.raises(BadPhone) as caught:
        parse_phone(text, "US")

    digits = "".join(c for c in text if c.isdigit())
    assert not digits or digits not in str(caught.value)


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("+12025550147", "(202) •••-0147"),
        ("+447700900123", "077•• ••0123"),
        ("+61491570156", "049• ••0 156"),
        ("+33639980123", "06 3• •• 01 23"),
        ("+491713920042", "017• •••0042"),
    ],
)
def test_the_middle_is_hidden(phone: str, shown: str) -> None:
    """As its country writes it: three digits, dots, four digits."""
    assert masked(phone) == shown


@given(st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True))
def test_a_mask_never_shows_the_number(phone: str) -> None:
    """At least three digits are hidden, whatever the number is."""
    shown = masked(phone)

    assert shown.count(MASK) >= 3
    assert phone[1:] not in shown.replace(" ", "").replace("-", "")


def test_a_number_tells_where_its_owner_may_be() -> None:
    """One zone, several, or none for a number nobody has."""
    assert zones_of("+12025550147") == ("America/New_York",)
    assert len(zones_of("+61491570156")) > 1
    assert zones_of("+447700900123") == ()


def test_regions_are_countries() -> None:
    """Two letters that have a numbering plan."""
    assert [known_region(r) for r in ("US", "GB", "ZZ", "", "us")] == [
        *(True, True),
        *(False, False, False),
    ]
