"""The table of transitions, as a page is told it."""

from __future__ import annotations

import pytest

from tests.app.driver import Api

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-page")


def test_a_page_is_told_what_may_follow_what(api: Api) -> None:
    """Every state with those that may follow, and which steps need a reason."""
    answer = api.client.get("/api/leads/transitions")
    found = answer.json()

    assert answer.headers["cache-control"] == "no-store"
    assert found["transitions"]["won"] == []
    assert found["transitions"]["lost"] == ["new", "nurture"]
    assert set(found["transitions"]["qualified"]) == {
        "booked",
        "won",
        "nurture",
        "unqualified",
        "lost",
        "do_not_contact",
    }
    assert found["reason"] == {
        "to": ["lost", "unqualified"],
        "from": ["lost", "unqualified"],
    }
