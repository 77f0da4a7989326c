"""A page for every problem type, so that its URI leads somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import Final

from examples.critical_buttons.problems.bookings import BOOKINGS
from examples.critical_buttons.problems.http import HTTP
from examples.critical_buttons.problems.leads import LEADS
from examples.critical_buttons.problems.library import LIBRARY
from examples.critical_buttons.problems.problem import Problem
from examples.critical_buttons.problems.queue import QUEUE
from examples.critical_buttons.problems.sms import SMS

__all__ = ["PROBLEMS", "page"]

PROBLEMS: Final[Mapping[str, Problem]] = MappingProxyType(
    {**BOOKINGS, **SMS, **LEADS, **HTTP, **LIBRARY, **QUEUE}
)

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>HTTP status {status}, problem type <code>/problems/{slug}</code></p>
<h2>What it means</h2>
<p>{meaning}</p>
<h2>What to do</h2>
<p>{advice}</p>
<p><a href="/">Back to the bookings</a></p>
</main>
</body>
</html>
"""


def page(slug: str) -> str | None:
    """Return the HTML page of a problem type; None if there is no such type."""
    problem = PROBLEMS.get(slug)
    if problem is None:
        return None
    return _PAGE.format(
        slug=escape(slug),
        status=problem.status,
        title=escape(problem.title),
        meaning=escape(problem.meaning),
        advice=escape(problem.advice),
    )
