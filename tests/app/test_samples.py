"""The sample bookings: the same whatever the date, and always usable."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine

from examples.critical_buttons import schema
from examples.critical_buttons.data.load import load_samples
from examples.critical_buttons.data.samples import sample_bookings
from examples.critical_buttons.domain.bookings import OCCUPYING, Booking, Status
from examples.critical_buttons.domain.times import local_text
from examples.critical_buttons.repo import bookings as repo

START = datetime(2026, 1, 3, 12, 34, tzinfo=UTC)
#: Every 13 days over two years, at another hour each: all changes of clocks.
MOMENTS = [START + timedelta(days=day, hours=day) for day in range(0, 730, 13)]


@pytest.mark.parametrize("now", MOMENTS[:3], ids=str)
def test_the_samples_are_deterministic(now: datetime) -> None:
    """The same instant gives the same bookings; another one the same ids."""
    again = [(b.tenant, b.id, b.status) for b in sample_bookings(START)]

    assert sample_bookings(now) == sample_bookings(now)
    assert [(b.tenant, b.id, b.status) for b in sample_bookings(now)] == again


def test_there_is_one_of_everything() -> None:
    """Both tenants, all states, nine zones."""
    samples = sample_bookings(START)

    assert Counter(b.tenant for b in samples) == {"acme": 90, "globex": 30}
    assert {b.status for b in samples if b.tenant == "acme"} == set(Status)
    assert len({b.time_zone for b in samples}) == 9


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_the_database_takes_them_at_any_date(now: datetime) -> None:
    """No slot is given twice, and what is read back is what was written."""
    samples = sample_bookings(now)
    engine = create_engine("sqlite://")

    with engine.begin() as connection:
        schema.create(connection)
        added = [load_samples(connection, now) for _ in range(2)]
        stored = repo.all_bookings(connection)
    engine.dispose()

    assert added == [120, 0]
    assert sorted(stored, key=_identity) == sorted(samples, key=_identity)


@pytest.mark.parametrize("now", MOMENTS[::7], ids=str)
def test_every_answer_of_a_confirm_can_be_shown(now: datetime) -> None:
    """Live and lapsed holds, a taken slot, a slot that a lapsed hold gives up."""
    acme = [b for b in sample_bookings(now) if b.tenant == "acme"]
    holders = {(b.resource, b.starts_at): b for b in acme if b.status in OCCUPYING}
    rivals = [
        holders[b.resource, b.starts_at]
        for b in acme
        if b.status is Status.REQUESTED and (b.resource, b.starts_at) in holders
    ]

    assert Counter(b.hold_lapsed(now) for b in acme if b.status is Status.HELD) == {
        False: 18,
        True: 6,
    }
    assert Counter(b.status for b in rivals) == {Status.CONFIRMED: 6, Status.HELD: 6}


@pytest.mark.parametrize("now", MOMENTS[::7], ids=str)
def test_some_slots_lie_in_an_hour_that_clocks_show_twice(now: datetime) -> None:
    """An hour or less before, the same clock showed the same time."""
    doubled = {
        b.time_zone
        for b in sample_bookings(now)
        if any(
            local_text(b.starts_at, b.time_zone)[:16]
            == local_text(b.starts_at - earlier, b.time_zone)[:16]
            for earlier in (timedelta(hours=1), timedelta(minutes=30))
        )
    }

    assert {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"} <= doubled


def _identity(booking: Booking) -> tuple[str, str]:
    return booking.tenant, booking.id
