"""The error tree: as drawn, with a status and a problem type each."""

from __future__ import annotations

import inspect
import re

import pytest

from syncpatterns import errors
from syncpatterns.errors import (
    CleanupTimedOut,
    ConfigurationError,
    NotExecuted,
    Refusal,
    ResultNotStorable,
    SubscriptionClosed,
    SyncPatternsError,
)

CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, SyncPatternsError)
]


def test_every_error_is_public() -> None:
    """`__all__` names them all, sorted."""
    names = [cls.__name__ for cls in CLASSES]

    assert sorted(names) == sorted(errors.__all__) == errors.__all__


def test_the_drawing_is_the_tree() -> None:
    """Every class stands under its parent, with its status and problem."""
    drawn = _drawn(errors.__doc__ or "")
    real = {cls.__name__: _parent(cls) for cls in CLASSES}

    assert drawn == real


def _parent(cls: type[SyncPatternsError]) -> str:
    return "" if cls is SyncPatternsError else cls.__bases__[0].__name__


def _drawn(text: str) -> dict[str, str]:
    """Return child and parent of each line of the drawing."""
    found: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = re.match(r"^    ([│├└─ ]*)([A-Z]\w+)(\s|$)", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        while stack and stack[-1][0] >= depth:
            stack.pop()
        found[match[2]] = stack[-1][1] if stack else ""
        stack.append((depth, match[2]))
    return found


def test_the_drawing_tells_status_and_problem() -> None:
    """Where a line has them, they are the class's own."""
    drawn = re.compile(r"[├└]── (\w+) +(\d{3})(?: +([a-z-]+))?")
    lines = drawn.findall(errors.__doc__ or "")

    assert len(lines) >= 14
    for name, status, problem in lines:
        cls = getattr(errors, name)
        assert (cls.status, cls.problem) == (int(status), problem or cls.problem)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_has_status_problem_and_title(
    cls: type[SyncPatternsError],
) -> None:
    """What reaches an HTTP caller says what it is."""
    assert 400 <= cls.status <= 599
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cls.problem)
    assert cls.title.endswith(".")
    assert cls.__doc__


def test_problem_types_are_distinct() -> None:
    """A client decides by the type, so no two meanings share one."""
    reached = [cls for cls in CLASSES if "problem" in vars(cls)]
    problems = [cls.problem for cls in reached]

    assert len(set(problems)) == len(problems)


def test_not_executed_carries_when_to_try_again() -> None:
    """With its title where nothing else was said."""
    error = NotExecuted(retry_after=3)

    assert error.retry_after == 3
    assert str(error) == NotExecuted.title
    assert str(NotExecuted("because")) == "because"


def test_builtin_families() -> None:
    """Who catches ValueError or TypeError catches these too."""
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(ResultNotStorable, TypeError)


def test_a_refusal_tells_detail_and_facts() -> None:
    """The facts are a copy: changing them changes nothing."""
    refusal = Refusal("No room.", seats=0)
    refusal.facts["seats"] = 9

    assert str(refusal) == "No room."
    assert refusal.facts == {"seats": 0}
    assert str(Refusal()) == Refusal.title


def test_messages_of_the_others() -> None:
    """They name what ended, and why."""
    assert "Release did not end within 5 s" in str(CleanupTimedOut("Release", 5))
    assert SubscriptionClosed("lagged").code == "lagged"
