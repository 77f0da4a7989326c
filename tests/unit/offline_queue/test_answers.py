"""What an HTTP answer means: one table for the page and for Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import syncpatterns.browser
from syncpatterns.errors import (
    InProgress,
    KeyExpired,
    NoAnswer,
    NotPermitted,
    NotSent,
    OutcomeGone,
    OutcomeUnknown,
    RefusalGone,
    SignInRequired,
)
from syncpatterns.offline_queue import (
    HttpConflict,
    HttpRefused,
    ServerFailed,
    error_of_http,
    verdict_of_http,
)
from syncpatterns.offline_queue._core import _answers as answers

PAGE = Path(syncpatterns.browser.__file__).with_name("outcome.js").read_text()


def table_of(name: str, source: str) -> dict[str, str]:
    """Return the rows of one table of the page."""
    found = re.search(rf"const {name} = new Map\(\[(.*?)\]\);", source, re.DOTALL)

    assert found is not None, name
    rows = re.findall(r'\[\s*"?([\w-]+)"?,\s*"([\w-]+)"\s*\]', found[1])
    return dict(rows)


def words_of(name: str, source: str) -> set[str]:
    """Return the words of one set of the page."""
    found = re.search(rf"const {name} = new Set\(\[(.*?)\]\);", source, re.DOTALL)

    assert found is not None, name
    return set(re.findall(r'"([\w-]+)"', found[1]))


def test_the_two_tables_agree_row_for_row() -> None:
    """Problem types, statuses, what rests and what spends a key."""
    assert table_of("BY_PROBLEM", PAGE) == dict(answers.BY_PROBLEM)
    assert table_of("BY_STATUS", PAGE) == {
        str(status): word for status, word in answers.BY_STATUS.items()
    }
    assert words_of("RESTING", PAGE) == set(answers.RESTING)
    assert words_of("SPENT", PAGE) == set(answers.SPENT)


def test_a_row_that_differs_is_found() -> None:
    """The comparison reads the rows: a changed one does not pass."""
    changed = PAGE.replace('["key-expired", "parked"]', '["key-expired", "refused"]')

    assert table_of("BY_PROBLEM", changed) != dict(answers.BY_PROBLEM)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"status": 200}, "done"),
        ({"status": 204, "content_type": None}, "done"),
        ({"status": 200, "content_type": "text/html"}, "retry"),
        ({"status": 201, "content_type": "application/vnd.crm+json"}, "done"),
        ({"status": 302}, "refused"),
        ({"status": 400}, "refused"),
        ({"status": 409, "problem_type": "https://x/in-progress"}, "retry"),
        ({"status": 409, "problem_type": "urn:x:outcome-gone"}, "done"),
        ({"status": 409, "problem_type": "/problems/refusal-gone/"}, "refused"),
        ({"status": 409, "problem_type": "key-expired"}, "parked"),
        ({"status": 409, "problem_type": "about:blank"}, "refused"),
        ({"status": 409, "problem_type": "slot-taken"}, "refused"),
        ({"status": 401}, "signed-out"),
        ({"status": 403}, "forbidden"),
        ({"status": 408}, "retry"),
        ({"status": 412}, "conflict"),
        ({"status": 422}, "refused"),
        ({"status": 425}, "retry"),
        ({"status": 429}, "retry"),
        ({"status": 500}, "retry"),
        ({"status": 599}, "retry"),
        (
            {"status": 502, "problem_type": "not-paid", "own": {"not-paid": "refused"}},
            "refused",
        ),
    ],
    ids=str,
)
def test_what_an_answer_means(answer: dict[str, Any], verdict: str) -> None:
    """The problem type first, then the status."""
    assert verdict_of_http(**answer).verdict == verdict


@pytest.mark.parametrize(
    ("answer", "error", "unsent", "costs"),
    [
        ({"status": 200}, None, False, False),
        ({"status": 409, "problem_type": "outcome-gone"}, OutcomeGone, False, False),
        ({"status": 409, "problem_type": "refusal-gone"}, RefusalGone, False, False),
        ({"status": 409, "problem_type": "key-expired"}, KeyExpired, False, False),
        (
            {"status": 409, "problem_type": "outcome-unknown"},
            OutcomeUnknown,
            False,
            False,
        ),
        ({"status": 409, "problem_type": "in-progress"}, InProgress, False, False),
        ({"status": 503, "problem_type": "circuit-open"}, NotSent, True, False),
        ({"status": 503, "problem_type": "store-full"}, NotSent, True, False),
        ({"status": 429}, NotSent, True, False),
        ({"status": 425}, NotSent, True, False),
        ({"status": 408}, NoAnswer, False, False),
        ({"status": 502}, NoAnswer, False, False),
        ({"status": 503}, NoAnswer, False, False),
        ({"status": 504}, NoAnswer, False, False),
        ({"status": 200, "content_type": "text/html"}, NoAnswer, False, False),
        ({"status": 500}, ServerFailed, False, True),
        ({"status": 501}, ServerFailed, False, True),
        ({"status": 401}, SignInRequired, True, False),
        ({"status": 403}, NotPermitted, True, False),
        ({"status": 412}, HttpConflict, False, False),
        ({"status": 422}, HttpRefused, False, False),
    ],
    ids=str,
)
def test_what_a_handler_raises_for_an_answer(
    answer: dict[str, Any],
    error: type[Exception] | None,
    unsent: bool,
    costs: bool,
) -> None:
    """The error says the same as the verdict: who was reached, what it costs."""
    verdict = verdict_of_http(**answer)
    raised = error_of_http(verdict, "leads.update [0a1b2c3d]")

    assert type(raised) is (error or type(None))
    assert (verdict.unsent, verdict.costs) == (unsent, costs)


def test_a_hint_reaches_the_error() -> None:
    """Retry-After of the answer is retry_after of what is raised."""
    verdict = verdict_of_http(429, None, 7.0)
    raised = error_of_http(verdict, "x")

    assert verdict.retry_after == 7.0
    assert raised is not None
    assert raised.retry_after == 7.0
