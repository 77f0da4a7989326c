"""What an answer of an HTTP service means for a queued action: one table.

The same as the page's (``browser/outcome.js``), row for row; a test compares
the two. The problem type is looked at before the status. Status 409 alone says
nothing: "in progress" must be asked again, "already done" is a success,
"unknown" must be left for somebody to look at, and "slot taken" is a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

#: ``done``: it happened. ``refused``: the service looked at it and said no.
#: ``conflict``: somebody else changed the thing first. ``parked``: it may have
#: happened, or is too old to tell. ``signed-out``: nothing happened; sign in.
#: ``forbidden``: nothing happened, and this user may not do it. ``retry``: no
#: answer yet; ask again with the same key.
Word: TypeAlias = Literal[
    "done", "refused", "conflict", "parked", "signed-out", "forbidden", "retry"
]

BY_PROBLEM: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "in-progress": "retry",
        "lease-lost": "retry",
        "not-executed": "retry",
        "store-unavailable": "retry",
        "store-busy": "retry",
        "store-full": "retry",
        "disk-full": "retry",
        "engine-closed": "retry",
        "circuit-open": "retry",
        "call-rejected": "retry",
        "outcome-gone": "done",
        "refusal-gone": "refused",
        "outcome-unknown": "parked",
        "key-expired": "parked",
        "version-conflict": "conflict",
    }
)

BY_STATUS: Final[Mapping[int, Word]] = MappingProxyType(
    {
        401: "signed-out",
        403: "forbidden",
        408: "retry",
        412: "conflict",
        425: "retry",
        429: "retry",
    }
)

#: Problems that cost a person waiting in front of a page no try.
RESTING: Final = frozenset({"circuit-open", "call-rejected"})
#: Verdicts after which the key is spent; another wish gets another key.
SPENT: Final[frozenset[Word]] = frozenset({"done", "refused", "conflict"})

#: Told by the service itself: certainly nothing was done.
UNTOUCHED: Final = frozenset(
    {
        "not-executed",
        "store-unavailable",
        "store-busy",
        "store-full",
        "disk-full",
        "engine-closed",
        "circuit-open",
        "call-rejected",
        "queue-full",
        "not-sent",
        "provider-unavailable",
    }
)
#: Statuses that say "not now": asking again costs a queued action no attempt.
NOT_NOW: Final = frozenset({408, 425, 429, 502, 503, 504})
#: Of those, the ones with which nothing was begun.
TURNED_AWAY: Final = frozenset({425, 429})

_JSON: Final = re.compile(r"application/([a-z0-9.+-]+\+)?json\b", re.IGNORECASE)
_UNKNOWN_SERVER_ERROR: Final = 500


class HttpVerdict(NamedTuple):
    """What an answer means for the key it was sent with.

    Args:
        verdict: See `Word`.
        reason: Last part of the problem type, else ``http-<status>``.
        definite: The key is spent.
        resting: Nothing was done and nothing behind the service was asked.
        unsent: Certainly nothing was done.
        costs: A queued action has used up an attempt: the service answered,
            and failed.
        retry_after: Seconds that the service asks to be left alone; None if
            it does not.
    """

    verdict: Word
    reason: str
    definite: bool
    resting: bool
    unsent: bool
    costs: bool
    retry_after: float | None


def verdict_of_http(
    status: int,
    problem_type: str | None = None,
    retry_after: float | None = None,
    *,
    content_type: str | None = "application/json",
    own: Mapping[str, Word] | None = None,
) -> HttpVerdict:
    """Say what an HTTP answer means for the key it was sent with.

    A success that is not JSON did not come from the service: a captive portal
    answers everything with 200 and a login page, and believing it would call a
    booking confirmed that never left the hotel.

    Args:
        status: HTTP status.
        problem_type: ``type`` of an RFC 9457 document, whole or its last part.
        retry_after: Seconds, as parsed from the header.
        content_type: As it came.
        own: What the service's own problem types mean, where the status would
            be read wrongly.
    """
    problem = last_part(problem_type)
    word: Word | None = None
    if problem is not None:
        word = (own or {}).get(problem) or BY_PROBLEM.get(problem)
    named = word is not None
    reason = problem or f"http-{status}"
    if word is None and 200 <= status < 300:  # noqa: PLR2004 - HTTP's own figures
        ours = status == 204 or is_json(content_type)  # noqa: PLR2004 - as above
        word, reason = ("done", reason) if ours else ("retry", "not-the-service")
    if word is None:
        word = BY_STATUS.get(status)
    if word is None:
        # 5xx: it may have happened before the server fell over. The same key asks.
        word = "retry" if status >= _UNKNOWN_SERVER_ERROR else "refused"
    return _verdict(word, reason, status, retry_after, named=named)


def _verdict(
    word: Word, reason: str, status: int, retry_after: float | None, *, named: bool
) -> HttpVerdict:
    again = word == "retry"
    away = status in TURNED_AWAY and not named
    unsent = reason in UNTOUCHED or away or word in {"signed-out", "forbidden"}
    not_now = named or status in NOT_NOW or reason == "not-the-service"
    return HttpVerdict(
        word,
        reason,
        definite=word in SPENT,
        resting=again and reason in RESTING,
        unsent=unsent and word not in SPENT,
        costs=again and not not_now,
        retry_after=retry_after,
    )


def last_part(problem_type: str | None) -> str | None:
    """Return the last part of a problem type; None if it says nothing."""
    text = (problem_type or "").rstrip("/")
    if not text or text == "about:blank":
        return None
    return re.split(r"[/#:]", text)[-1] or None


def is_json(content_type: str | None) -> bool:
    """Tell whether *content_type* is JSON's, or one that is written in it."""
    return _JSON.match(content_type or "") is not None
