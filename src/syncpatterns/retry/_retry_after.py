"""When another service wants to be asked again: the Retry-After of its answer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
#: What a number of more digits means; longer than anybody waits.
_NEVER: Final = 999_999_999.0


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of a Retry-After: a number or a date (RFC 9110 10.2.3).

    For the `retry_after` of an error, which `Retry` and the offline queue heed. A
    date is meant by the clock of whoever wrote it, which the header Date tells.

    Args:
        headers: Of an answer; names in lower case, or a client's own mapping that
            does not care for case.
        now: Seconds since 1970, for a date without a Date.

    Returns:
        0 or more; None if there is no such header, or it cannot be read.
    """
    given: object = headers.get("retry-after")
    if not isinstance(given, str):  # none, or whatever a framework keeps there
        return None
    text = given.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    if text.isascii() and text.isdigit():
        return _NEVER  # read as no time at all, it would be asked again at once
    until = _moment(text)
    if until is None:
        return None
    told = _moment(headers.get("date"))
    seconds = until - (now if told is None else told)
    return float(max(0, math.ceil(seconds))) if math.isfinite(seconds) else None


def _moment(text: object) -> float | None:
    if not isinstance(text, str):
        return None
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000": UTC, from somewhere
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
