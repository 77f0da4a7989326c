"""Quiet hours, limits and the order of statuses, without the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from examples.critical_buttons.domain.leads import wait_for_room
from examples.critical_buttons.domain.messages import (
    Direction,
    Message,
    SmsStatus,
    StatusReport,
    further,
    reported,
    status_of,
)
from examples.critical_buttons.domain.quiet_hours import next_allowed

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
NEW_YORK, HONOLULU = ZoneInfo("America/New_York"), ZoneInfo("Pacific/Honolulu")
BERLIN, SYDNEY = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Sydney")


def at(text: str) -> datetime:
    """Return a UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# ---------------------------------------------------------------- quiet hours


@pytest.mark.parametrize(
    ("now", "zones", "expected"),
    [
        ("2026-01-10T12:00", [NEW_YORK], "2026-01-10T13:00"),
        ("2026-01-10T13:00", [NEW_YORK], None),
        ("2026-01-11T01:59:59", [NEW_YORK], None),
        ("2026-01-11T02:00", [NEW_YORK], "2026-01-11T13:00"),
        # The night in which clocks go forward is an hour shorter.
        ("2026-03-28T20:00", [BERLIN], "2026-03-29T06:00"),
        ("2026-10-24T19:00", [BERLIN], "2026-10-25T07:00"),
        # It has to be day in both: 8:00 in Honolulu is 13:00 in New York.
        ("2026-01-10T14:00", [NEW_YORK, HONOLULU], "2026-01-10T18:00"),
        ("2026-01-10T18:00", [NEW_YORK, HONOLULU], None),
        ("2026-01-10T07:00", [SYDNEY, NEW_YORK], "2026-01-10T21:00"),
        # It is never day in all three of them, so the first one decides.
        ("2026-01-10T14:00", [SYDNEY, NEW_YORK, BERLIN], "2026-01-10T21:00"),
        ("2026-01-10T05:00", [SYDNEY, NEW_YORK, BERLIN], None),
        ("2026-01-10T07:00", [], "2026-01-10T08:00"),
        ("2026-01-10T20:59", [], None),
    ],
)
def test_messages_go_out_by_day(
    now: str, zones: list[ZoneInfo], expected: str | None
) -> None:
    """From 8:00 to 21:00 where the recipient is."""
    assert next_allowed(at(now), zones) == (at(expected) if expected else None)


@given(
    st.integers(0, 3 * 365 * 24 * 60),
    st.lists(
        st.sampled_from([NEW_YORK, HONOLULU, BERLIN, SYDNEY]), max_size=3, unique=True
    ),
)
def test_the_time_told_is_a_time_at_which_it_goes(
    minutes: int, zones: list[ZoneInfo]
) -> None:
    """And it lies within the next days."""
    now = NOW + timedelta(minutes=minutes)

    opens = next_allowed(now, zones)

    if opens is not None:
        place = zones[0] if zones else ZoneInfo("UTC")
        assert now < opens < now + timedelta(days=4)
        assert 8 <= opens.astimezone(place).hour < 21


# --------------------------------------------------------------------- limits


def test_room_comes_when_the_oldest_of_the_last_falls_out() -> None:
    """Five an hour: the sixth waits for the first of the five."""
    sent = [NOW - timedelta(minutes=m) for m in (50, 40, 30, 20, 10)]

    assert wait_for_room(sent, 5, NOW) == 600.0
    assert wait_for_room(sent[1:], 5, NOW) == 0.0
    assert wait_for_room([*sent, NOW - timedelta(hours=1)], 5, NOW) == 600.0
    assert wait_for_room([*sent, NOW], 5, NOW) == 1200.0
    assert wait_for_room([], 0, NOW) == 3600.0


# ------------------------------------------------------------------- statuses


def a_message(status: SmsStatus, direction: Direction) -> Message:
    """Return a message that stands at *status*."""
    return Message(
        tenant="acme",
        id="m-1",
        lead_id="l-1",
        direction=direction,
        body="Hello",
        status=status,
        encoding="GSM-7",
        segments=1,
        provider_id="SM1",
        error_code=None,
        created_at=NOW,
        updated_at=NOW,
        by="demo",
        op_key_hash=None,
    )


@pytest.mark.parametrize(
    "order", list(permutations(["queued", "sending", "sent", "delivered"]))
)
def test_callbacks_in_any_order_end_the_same(order: tuple[str, ...]) -> None:
    """Late ones change nothing, and a second copy neither."""
    message = a_message(SmsStatus.QUEUED, Direction.OUTBOUND)

    for word in [each for each in order for _ in range(2)]:
        report = StatusReport("SM1", status_of(word))
        message = reported(message, report, NOW) or message

    assert message.status is SmsStatus.DELIVERED


def test_a_status_never_goes_down() -> None:
    """For every two statuses, not both are further than the other."""
    for one in SmsStatus:
        assert not further(one, one)
        for other in SmsStatus:
            assert not (further(one, other) and further(other, one))


def test_the_first_end_stays() -> None:
    """Delivered, undelivered and failed exclude each other; read is beyond."""
    ends = [SmsStatus.DELIVERED, SmsStatus.UNDELIVERED, SmsStatus.FAILED]

    assert not any(further(one, other) for one in ends for other in ends)
    assert further(SmsStatus.DELIVERED, SmsStatus.READ)


def test_a_reply_has_no_further_status() -> None:
    """It was received, and that is all."""
    reply = a_message(SmsStatus.RECEIVED, Direction.INBOUND)

    assert reported(reply, StatusReport("SM1", SmsStatus.FAILED), NOW) is None


def test_what_we_send_is_never_received() -> None:
    """That word is for replies; a message that bore it could not become delivered."""
    message = a_message(SmsStatus.SENT, Direction.OUTBOUND)
    report = StatusReport("SM1", status_of("receiving"))

    assert reported(message, report, NOW) is None
    assert further(SmsStatus.RECEIVED, SmsStatus.SENDING)  # where it is kept


def test_the_providers_other_words_are_known() -> None:
    """What has no status of its own here becomes the nearest one."""
    words = ("accepted", "scheduled", "canceled", "partially_delivered")

    assert [status_of(word) for word in words] == [
        *(SmsStatus.QUEUED, SmsStatus.QUEUED),
        *(SmsStatus.FAILED, SmsStatus.DELIVERED),
    ]
    with pytest.raises(ValueError, match="teleported"):
        status_of("teleported")
