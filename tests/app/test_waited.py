"""What had to wait says when it was wished for."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.app.driver import Api
from tests.app.test_confirm import confirmable


@pytest.mark.parametrize(
    ("waited", "seconds"),
    [("120", 120), ("999999999", 366 * 86400), ("soon", None), ("0", None)],
)
def test_the_audit_log_has_the_moment_of_the_press(
    api: Api, waited: str, seconds: int | None
) -> None:
    """It is for the log alone, so nonsense there refuses nothing."""
    booking = confirmable(api)
    api.confirm(booking, f"waited-{waited}", Idempotency_Waited=waited)

    (line,) = api.audit(booking)
    if seconds is None:
        assert (line["source"], line["client_at"]) == ("ui", None)
        return
    pressed, at = (datetime.fromisoformat(line[name]) for name in ("client_at", "at"))
    assert line["source"] == "offline_replay"
    assert (at - pressed).total_seconds() == seconds
