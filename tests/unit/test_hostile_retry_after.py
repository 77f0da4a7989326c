"""An error whose `retry_after` is no number is told all the same."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns._http import problem_document
from syncpatterns.errors import NotSent


@pytest.mark.parametrize("hint", ["30", b"31", [30], float("nan"), float("inf")])
def test_what_is_no_number_of_seconds_makes_no_header(hint: Any) -> None:
    """Text copied from a header must not turn a 503 into a 500."""
    status, headers, members = problem_document(NotSent("429", retry_after=hint))

    assert status == 503
    assert "retry-after" not in headers
    assert "retry_after" not in members


def test_a_hint_too_large_for_a_float_is_written_out() -> None:
    """It is an int, and so is the header."""
    _, headers, _ = problem_document(NotSent("429", retry_after=10**400))

    assert headers["retry-after"] == str(10**400)
