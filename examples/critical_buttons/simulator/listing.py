"""The list of messages: its filters, its order and its pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from examples.critical_buttons.simulator.answers import ApiError
from examples.critical_buttons.simulator.messages import API, Message, Messages

_PAGE_SIZE: Final = 50
_MAX_PAGE_SIZE: Final = 1000
_DAY: Final = timedelta(days=1)
_TOKEN: Final = re.compile(r"(PA|PB)([0-9]{1,12})")
_INVALID: Final = 20001


@dataclass(frozen=True, slots=True)
class _Query:
    to: str | None
    from_: str | None
    since: datetime | None
    before: datetime | None
    size: int
    page: int
    token: str | None

    def wants(self, message: Message) -> bool:
        if self.to is not None and message.to != self.to:
            return False
        if self.from_ is not None and message.from_ != self.from_:
            return False
        when = message.shown_from.replace(microsecond=0)
        if self.since is not None and when < self.since:
            return False
        return self.before is None or when < self.before


def page_of(
    messages: Messages, parameters: Mapping[str, str], account: str
) -> dict[str, Any]:
    """Return one page of *messages*, newest first.

    A token names a place in the list, not a number of messages to skip: what
    is accepted while somebody turns pages shifts none of them.

    Raises:
        ApiError: A parameter makes no sense.
    """
    query = _query(parameters)
    found = (each for each in messages.newest_first() if query.wants(each))
    rows, older, newer = _cut(found, query)
    path = f"/{API}/Accounts/{account}/Messages.json"
    start = query.page * query.size

    def uri(page: int, token: str | None = None) -> str:
        kept = {
            name: value
            for name, value in parameters.items()
            if name not in {"Page", "PageSize", "PageToken"}
        }
        place = {"PageToken": token} if token else {}
        return f"{path}?" + urlencode(
            {**kept, "PageSize": query.size, "Page": page, **place}
        )

    return {
        "end": start + len(rows) - 1 if rows else start,
        "first_page_uri": uri(0),
        "messages": [each.document(account) for each in rows],
        "next_page_uri": uri(query.page + 1, f"PA{rows[-1].number}") if older else None,
        "page": query.page,
        "page_size": query.size,
        "previous_page_uri": (
            uri(max(query.page - 1, 0), f"PB{rows[0].number}") if newer else None
        ),
        "start": start,
        "uri": uri(query.page, query.token),
    }


def _cut(found: Iterable[Message], query: _Query) -> tuple[list[Message], bool, bool]:
    """Return the rows of a page, and whether there are older and newer ones."""
    if query.token is None:
        rows = list(islice(found, query.page * query.size, None))
        return rows[: query.size], len(rows) > query.size, query.page > 0
    kind, number = query.token[:2], int(query.token[2:])
    everything = list(found)
    if kind == "PA":
        older = [each for each in everything if each.number < number]
        newer = len(older) < len(everything)
        return older[: query.size], len(older) > query.size, newer
    newest = [each for each in everything if each.number > number]
    rows = newest[-query.size :]
    return rows, len(newest) < len(everything), len(newest) > query.size


def _query(parameters: Mapping[str, str]) -> _Query:
    since = _moment(parameters, "DateSent>")
    before = _moment(parameters, "DateSent<", end=True)
    if "DateSent" in parameters:
        day = _moment(parameters, "DateSent")
        since = day and day.replace(hour=0, minute=0, second=0)
        before = since and since + _DAY
    token = parameters.get("PageToken")
    if token is not None and _TOKEN.fullmatch(token) is None:
        raise ApiError(400, _INVALID, "Invalid PageToken")
    return _Query(
        to=parameters.get("To"),
        from_=parameters.get("From"),
        since=since,
        before=before,
        size=_number(parameters, "PageSize", _PAGE_SIZE, 1, _MAX_PAGE_SIZE),
        page=_number(parameters, "Page", 0, 0, 10**6),
        token=token,
    )


def _number(
    parameters: Mapping[str, str], name: str, default: int, low: int, high: int
) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or int(text) < low:
        raise ApiError(400, _INVALID, f"Invalid {name}")
    return min(int(text), high)


def _moment(
    parameters: Mapping[str, str], name: str, *, end: bool = False
) -> datetime | None:
    """Return a bound; a day's end is the next one's midnight."""
    text = parameters.get(name)
    if text is None:
        return None
    try:
        if len(text) == len("2026-01-31"):
            day = date.fromisoformat(text)
            bound = datetime(day.year, day.month, day.day, tzinfo=UTC)
            return bound + _DAY if end else bound
        moment = datetime.fromisoformat(text)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned + timedelta(seconds=1) if end else zoned.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ApiError(400, _INVALID, f"Invalid {name}") from error
