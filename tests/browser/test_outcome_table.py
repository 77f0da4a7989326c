"""The page and Python give every answer the same meaning."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

import syncpatterns.browser
from syncpatterns.offline_queue import verdict_of_http
from syncpatterns.offline_queue._core._answers import BY_PROBLEM

PAGE = Path(syncpatterns.browser.__file__).with_name("outcome.js")

ANSWERED = (200, 201, 204, 302, 400, 401, 403, 404, 408, 409, 412, 422, 425, 429)
STATUSES = (*ANSWERED, 500, 501, 502, 503, 504, 599)
PROBLEMS = (*BY_PROBLEM, "slot-taken", "about:blank", "", "/problems/lead-moved/")
TYPES = ("application/json", "application/problem+json", "text/html", None)


def of_python(status: int, problem: str, content_type: str | None) -> dict[str, Any]:
    """Judge an answer as a handler does, who reads problems only where they are."""
    told = problem if content_type == "application/problem+json" else None
    verdict = verdict_of_http(status, told, content_type=content_type)
    return {
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "definite": verdict.definite,
        "resting": verdict.resting,
    }


@pytest.mark.browser
async def test_every_answer_means_the_same_in_page_and_python(
    browser: Browser,
) -> None:
    """1,600 answers, judged by the shipped module in Chromium and by the queue."""
    answers = list(product(STATUSES, PROBLEMS, TYPES))
    page = await browser.new_page()
    source = PAGE.read_text(encoding="utf-8")
    judged: list[dict[str, Any]] = await page.evaluate(
        """async ([source, answers]) => {
          const blob = new Blob([source], { type: "text/javascript" });
          const { judge } = await import(URL.createObjectURL(blob));
          return answers.map(([status, problem, contentType]) =>
            judge({ status, contentType, body: { type: problem } }));
        }""",
        [source, [list(each) for each in answers]],
    )
    await page.close()
    different = [
        (answer, theirs, of_python(*answer))
        for answer, theirs in zip(answers, judged, strict=True)
        if theirs != of_python(*answer)
    ]

    assert different == []
    assert len(judged) == len(STATUSES) * len(PROBLEMS) * len(TYPES)
