"""Booking rules, without a database or HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from examples.critical_buttons.domain.bookings import (
    OCCUPYING,
    TRANSITIONS,
    Booking,
    Status,
)
from examples.critical_buttons.domain.confirm import Change, NoChange, decide_confirm
from examples.critical_buttons.domain.etags import etag, matches, parse_if_match
from examples.critical_buttons.domain.refusals import (
    REFUSALS,
    HoldExpired,
    TransitionNotAllowed,
    hold_expired,
    slot_taken,
    transition_not_allowed,
    version_conflict,
)
from examples.critical_buttons.domain.slots import candidates, free_slots
from examples.critical_buttons.domain.times import (
    BadLocalTime,
    iso_utc,
    local_text,
    local_to_utc,
    zone,
)

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def booking(status: Status = Status.REQUESTED, **changes: object) -> Booking:
    """Return a booking of tomorrow; a hold has an hour left."""
    base = Booking(
        tenant="acme",
        id="b-1",
        resource="Room",
        customer="Ada",
        starts_at=NOW + 24 * HOUR,
        ends_at=NOW + 25 * HOUR,
        time_zone="Europe/Berlin",
        status=status,
        expires_at=NOW + HOUR if status is Status.HELD else None,
        version=3,
        updated_at=NOW - HOUR,
        updated_by="somebody",
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # any field may change


@pytest.mark.parametrize("status", [Status.REQUESTED, Status.HELD])
def test_requested_and_held_bookings_become_confirmed(status: Status) -> None:
    """Confirming moves on by one version, names the actor and ends the hold."""
    before = booking(status)

    decision = decide_confirm(before, NOW, "demo")

    after = replace(
        before,
        status=Status.CONFIRMED,
        expires_at=None,
        version=4,
        updated_at=NOW,
        updated_by="demo",
    )
    assert Change(before, after) == decision


def test_confirming_a_confirmed_booking_changes_nothing() -> None:
    """It is so already: no change, and no refusal either."""
    confirmed = booking(Status.CONFIRMED)

    assert NoChange(confirmed) == decide_confirm(confirmed, NOW, "demo")


@pytest.mark.case("APP-16", part="domain")
@pytest.mark.parametrize(
    "status",
    [
        status
        for status, to in TRANSITIONS.items()
        if Status.CONFIRMED not in to and status is not Status.CONFIRMED
    ],
)
def test_a_transition_that_is_not_allowed_says_what_is(status: Status) -> None:
    """The refusal lists the states that may follow."""
    decision = decide_confirm(booking(status), NOW, "demo")

    assert isinstance(decision, TransitionNotAllowed)
    assert decision.facts == {
        "from": status.value,
        "to": "confirmed",
        "allowed": [state.value for state in TRANSITIONS[status]],
    }


def test_every_state_has_its_row_in_the_table() -> None:
    """The table is complete, and final states are final."""
    final = {status for status, to in TRANSITIONS.items() if not to}

    assert set(Status) == set(TRANSITIONS)
    assert final == {
        Status.COMPLETED,
        Status.NO_SHOW,
        Status.CANCELLED,
        Status.EXPIRED,
    }
    assert set(OCCUPYING) == {Status.HELD, Status.CONFIRMED, Status.CHECKED_IN}


@pytest.mark.parametrize(
    ("left", "refused"),
    [(timedelta(microseconds=1), False), (timedelta(0), True), (-HOUR, True)],
)
def test_a_hold_ends_at_its_instant(left: timedelta, refused: bool) -> None:
    """At expires_at itself the hold is over."""
    held = booking(Status.HELD, expires_at=NOW + left)

    decision = decide_confirm(held, NOW, "demo")

    assert refused == isinstance(decision, HoldExpired)


def test_refusals_can_be_built_again_from_what_is_stored() -> None:
    """A replay calls the class with the same detail and facts."""
    made = [
        transition_not_allowed(booking(Status.CANCELLED), Status.CONFIRMED),
        hold_expired(booking(Status.HELD)),
        slot_taken([{"resource": "Room"}]),
        version_conflict(booking()),
    ]

    again = [type(one)(*one.args, **one.facts) for one in made]

    assert [(str(one), one.facts) for one in made] == [
        (str(one), one.facts) for one in again
    ]
    assert {type(one) for one in made} < set(REFUSALS)


# ------------------------------------------------------------------- versions


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ('"booking-b-1.3"', ('"booking-b-1.3"',)),
        (' "a" , W/"b",,"c" ', ('"a"', 'W/"b"', '"c"')),
        ("*", ("*",)),
    ],
)
def test_if_match_is_a_list_of_tags_or_a_star(
    header: str, tags: tuple[str, ...]
) -> None:
    """As RFC 9110 writes it, spare commas included."""
    assert tags == parse_if_match(header)


@pytest.mark.parametrize("header", ["", "b-1.3", '"a', '"a" "b"', '*,"a"', "'a'"])
def test_a_malformed_if_match_is_an_error(header: str) -> None:
    """A condition that cannot be read is never taken as met."""
    with pytest.raises(ValueError, match="If-Match"):
        parse_if_match(header)


@pytest.mark.parametrize(
    ("header", "met"),
    [
        ('"booking-b-1.3"', True),
        ('"x", "booking-b-1.3"', True),
        ("*", True),
        ('"booking-b-1.2"', False),
        ('W/"booking-b-1.3"', False),
        ('"booking-b-2.3"', False),
    ],
)
def test_only_the_current_version_matches(header: str, met: bool) -> None:
    """Strong comparison: a weak tag never matches."""
    assert met == matches(booking(), parse_if_match(header))


def test_an_etag_can_carry_any_id() -> None:
    """Quotes and letters outside ASCII are percent-encoded."""
    assert etag(booking(id='a"b ü')) == '"booking-a%22b%20%C3%BC.3"'
    assert matches(booking(id='a"b ü'), parse_if_match(etag(booking(id='a"b ü'))))


# ---------------------------------------------------------------------- slots


def test_alternatives_are_free_and_after_the_slot() -> None:
    """Slots of equal length, none overlapping what is taken."""
    slot = (NOW + HOUR, NOW + 2 * HOUR)
    taken = [slot, (NOW + 2.5 * HOUR, NOW + 3.5 * HOUR)]

    free = free_slots(slot, taken, NOW)

    assert free == [(NOW + n * HOUR, NOW + (n + 1) * HOUR) for n in (4, 5, 6)]


def test_alternatives_of_a_past_slot_lie_ahead() -> None:
    """A slot of ten years ago is not walked up to now minute by minute."""
    minute = timedelta(minutes=1)
    start = NOW - timedelta(days=3650)

    first = next(candidates((start, start + minute), NOW))

    assert first == (NOW + minute, NOW + 2 * minute)


def test_no_alternatives_when_all_is_taken() -> None:
    """The search ends."""
    slot = (NOW + HOUR, NOW + 2 * HOUR)

    assert free_slots(slot, [(NOW, NOW + timedelta(days=365))], NOW) == []


# ---------------------------------------------------------------------- times


def test_a_local_time_is_one_instant() -> None:
    """Summer and winter, also where the offset is no whole hour."""
    berlin, kathmandu = zone("Europe/Berlin"), zone("Asia/Kathmandu")
    noon = datetime(2026, 7, 1, 12, 0)  # noqa: DTZ001 - a wall clock has no zone

    assert datetime(2026, 7, 1, 10, 0, tzinfo=UTC) == local_to_utc(noon, berlin)
    assert datetime(2026, 7, 1, 6, 15, tzinfo=UTC) == local_to_utc(noon, kathmandu)


@pytest.mark.parametrize(
    ("month", "day", "zone_name", "reason"),
    [
        (3, 29, "Europe/Berlin", "does not exist"),
        (10, 25, "Europe/Berlin", "happens twice"),
        (10, 4, "Australia/Lord_Howe", "does not exist"),
        (3, 8, "America/New_York", "does not exist"),
    ],
)
def test_a_local_time_that_is_none_or_two_instants_is_refused(
    month: int, day: int, zone_name: str, reason: str
) -> None:
    """Clocks put forward skip a time; put back, they show it twice."""
    wall = datetime(2026, month, day, 2, 15)  # noqa: DTZ001 - as above

    with pytest.raises(BadLocalTime, match=reason):
        local_to_utc(wall, zone(zone_name))


@pytest.mark.parametrize("name", ["Mars/Base", "", "../etc/passwd", "America", "\0"])
def test_an_unknown_zone_is_a_value_error(name: str) -> None:
    """Also for what the zone database would read as a path."""
    with pytest.raises(ValueError, match="unknown time zone"):
        zone(name)


def test_instants_read_the_same_everywhere() -> None:
    """UTC with Z; local with its offset."""
    instant = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    assert iso_utc(instant) == "2026-10-25T00:30:00Z"
    assert local_text(instant, "Europe/Berlin") == "2026-10-25T02:30:00+02:00"
    assert local_text(instant + HOUR, "Europe/Berlin") == "2026-10-25T02:30:00+01:00"
