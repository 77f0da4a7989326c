"""The page on a queue's facts names members that the facts have."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import syncpatterns.offline_queue as package

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "queue-events.md"
ROW = re.compile(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", re.MULTILINE)
#: What a column explains in brackets is a value, not a member.
BRACKETS = re.compile(r"\([^)]*\)")


def wrong_members(text: str) -> list[str]:
    """Return the members that the tables of *text* promise and no fact has."""
    found = []
    for name, more in ROW.findall(text):
        fact = getattr(package, name)
        assert is_dataclass(fact)
        known = {each.name for each in fields(fact)}
        told = re.findall(r"`(\w+)`", BRACKETS.sub("", more))
        found += [f"{name}.{each}" for each in told if each not in known]
    return found


def test_every_member_on_the_page_is_there() -> None:
    """Whoever writes a hook from the page does not meet an AttributeError."""
    text = PAGE.read_text("utf-8")

    assert wrong_members(text) == []
    assert len(ROW.findall(text)) > 15


def test_a_member_that_is_gone_is_found() -> None:
    """A renamed one makes the page fail; a value in brackets does not."""
    row = "| `TargetOffline` | it is away | `target`, `why` (`resting`) |\n"

    assert wrong_members(row) == ["TargetOffline.why"]
