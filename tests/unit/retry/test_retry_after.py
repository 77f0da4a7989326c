"""What a service's Retry-After asks for."""

from __future__ import annotations

import math
from typing import Any

import httpx2
import pytest

from syncpatterns.retry import parse_retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "7.5"}, None),
        ({"retry-after": "\u0667"}, None),
        ({"retry-after": "9" * 400}, 999_999_999.0),
        ({"retry-after": "1000000000"}, 999_999_999.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        (
            {
                "retry-after": "Fri, 01 Jan 2100 00:00:30 GMT",
                "date": "Fri, 01 Jan 2100 00:00:00 GMT",
            },
            30.0,
        ),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 99 Jan 1970 00:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    """A date is meant by the clock of whoever wrote it."""
    assert parse_retry_after(headers, now=10.0) == seconds


def test_a_clients_own_headers_are_read() -> None:
    """They do not care how a name is written."""
    headers = httpx2.Headers({"Retry-After": "7"})

    assert parse_retry_after(headers, now=10.0) == 7.0


DATE = "Thu, 01 Jan 1970 00:01:40 GMT"


@pytest.mark.parametrize("value", [None, b"8", 7, ["7"]])
def test_what_is_no_text_is_no_header(value: Any) -> None:
    """A mapping that holds None for what is missing, or bytes, hides no answer."""
    assert parse_retry_after({"retry-after": value}, now=10.0) is None
    assert parse_retry_after({"retry-after": DATE, "date": value}, now=10.0) == 90.0


@pytest.mark.parametrize("now", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_none_gives_no_hint(now: float) -> None:
    """A date cannot be counted from it; a number of seconds needs it not."""
    assert parse_retry_after({"retry-after": DATE}, now) is None
    assert parse_retry_after({"retry-after": "7"}, now) == 7.0
