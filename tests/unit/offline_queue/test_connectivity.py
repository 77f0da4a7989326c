"""The way out and the way back of one target, as a table and as a machine."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncpatterns.offline_queue._core._connectivity import (
    ONLINE,
    Link,
    LinkRules,
    LinkState,
)
from syncpatterns.offline_queue._core._links import LinkChange, Links

WIDTH = 8
AWAY = Link(LinkState.OFFLINE, 10.0, looks=1)
CANARY = Link(LinkState.PROBING, 10.0, allowed=1)
RAMP_2 = Link(LinkState.PROBING, 10.0, allowed=2)
RAMP_4 = Link(LinkState.PROBING, 10.0, allowed=4)
REST = Link(LinkState.RESTING, 20.0)
GATED = Link(LinkState.RESTING, 20.0, gated=True)


@pytest.mark.parametrize(
    ("link", "now", "room"),
    [
        (ONLINE, 0.0, WIDTH),
        (AWAY, 9.0, 0),
        (AWAY, 11.0, 0),  # only a look, or a canary, brings it back
        (CANARY, 9.9, 0),  # all clients of a target that is back spread out
        (CANARY, 10.0, 1),
        (RAMP_2, 10.0, 2),
        (RAMP_4, 10.0, 4),
        (REST, 10.0, 0),
        (REST, 30.0, 0),  # `woken` says so first
    ],
)
def test_how_many_may_be_under_way(link: Link, now: float, room: int) -> None:
    """All, one, a few, or none."""
    assert link.room(now, WIDTH) == room


def test_one_failure_on_the_line_is_enough() -> None:
    """Seven workers more that wait for a time-out learn nothing."""
    link = ONLINE.unreachable(100.0, 1.0)

    assert (link.state, link.at, link.looks) == (LinkState.OFFLINE, 101.0, 1)


def test_what_else_was_under_way_is_no_further_look() -> None:
    """Or eight failures at once would put the first look 30 s away."""
    link = ONLINE.unreachable(100.0, 1.0)
    for _ in range(7):
        link = link.unreachable(100.5, 1.0)

    assert (link.at, link.looks) == (101.0, 1)


@pytest.mark.parametrize("draw", [0.0, 1.0])
def test_looks_come_at_1_2_4_up_to_30_seconds(draw: float) -> None:
    """From half of it up to all of it, so that clients do not look in step."""
    link, now, waits = ONLINE.unreachable(0.0, draw), 0.0, []
    for _ in range(8):
        waits.append(link.at - now)
        now = link.at
        link = link.looked(now, draw, found=False)
    share = 0.5 + draw / 2

    assert waits == [d * share for d in (1, 2, 4, 8, 16, 30, 30, 30)]


def test_a_long_outage_overflows_nothing() -> None:
    """A weekend of looks at 30 s each."""
    assert LinkRules().wait(10_000, 1.0) == 30.0


def test_found_again_it_starts_within_two_seconds() -> None:
    """Spread over clients: all of them find it at about the same moment."""
    first = AWAY.looked(50.0, 0.0, found=True)
    last = AWAY.looked(50.0, 1.0, found=True)

    assert (first.at, last.at) == (50.0, 52.0)
    assert first.state is last.state is LinkState.PROBING


@pytest.mark.case("QUE-34", part="ramp")
def test_the_ramp_is_1_2_4_and_all() -> None:
    """Each step is answered by as many as it allows before the next one."""
    link, allowed = CANARY, list[int]()
    while link.state is LinkState.PROBING:
        allowed.append(link.room(10.0, WIDTH))
        link = link.answered(10.0, WIDTH)

    assert allowed == [1, 2, 2, 4, 4, 4, 4]
    assert link == ONLINE


def test_with_one_worker_one_answer_is_all() -> None:
    """There is nothing to ramp."""
    assert CANARY.answered(10.0, 1) == ONLINE


def test_an_answer_of_500_brings_it_back_and_no_further() -> None:
    """It is there, and not well: the ramp waits for it."""
    assert AWAY.faltered(11.0).room(11.0, WIDTH) == 1
    assert CANARY.faltered(11.0) == CANARY
    assert RAMP_4.answered(11.0, WIDTH).faltered(11.0) == RAMP_4
    assert ONLINE.faltered(11.0) == ONLINE


def test_a_canary_that_finds_nobody_doubles_the_wait() -> None:
    """A health page may be up long before the service behind it."""
    link = AWAY.looked(10.0, 0.0, found=True)  # looks=1 so far
    again = link.unreachable(10.0, 1.0)

    assert (again.state, again.at, again.looks) == (LinkState.OFFLINE, 12.0, 2)


def test_a_canary_that_was_answered_begins_anew() -> None:
    """After an hour away and one answer the next look is 1 s away, not 30."""
    link = Link(LinkState.PROBING, 10.0, allowed=1, looks=100)
    again = link.answered(10.0, WIDTH).unreachable(10.0, 1.0)

    assert again.at == 11.0


def test_an_answer_to_an_older_call_counts_as_a_look() -> None:
    """It has just come over the line that was thought to be dead."""
    link = AWAY.answered(5.0, WIDTH)

    assert (link.state, link.room(5.0, WIDTH)) == (LinkState.PROBING, 1)


def test_a_target_without_a_probe_is_tried_with_one_item() -> None:
    """When its look is due, and not before."""
    assert AWAY.tried(9.0) == AWAY
    assert AWAY.tried(10.0).room(10.0, WIDTH) == 1
    assert ONLINE.tried(10.0) == ONLINE


@pytest.mark.parametrize("link", [ONLINE, AWAY, CANARY, RAMP_4])
def test_a_rest_stops_everything_and_ends_with_a_canary(link: Link) -> None:
    """Whatever was known before: Retry-After is the newest word."""
    resting = link.rested(10.0, 7.0)

    assert (resting.state, resting.at) == (LinkState.RESTING, 17.0)
    assert resting.woken(16.9) == resting
    assert resting.woken(17.0).room(17.0, WIDTH) == 1


def test_a_longer_rest_is_never_cut_short() -> None:
    """Of two answers the more cautious one counts."""
    assert REST.rested(10.0, 1.0).at == 20.0
    assert REST.rested(10.0, 60.0).at == 70.0


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_rest_of_nothing_is_none(seconds: float) -> None:
    """Retry-After: 0 means now."""
    assert ONLINE.rested(10.0, seconds) == ONLINE


def test_a_rest_whose_end_nobody_knows_is_tried_now_and_then() -> None:
    """An isolated breaker that no gate looks at costs one canary each 30 s."""
    assert ONLINE.rested(10.0, math.inf).at == 40.0


def test_what_fails_during_a_rest_changes_nothing() -> None:
    """It was sent before."""
    assert REST.unreachable(11.0, 1.0) == REST
    assert REST.answered(11.0, WIDTH) == REST


@pytest.mark.case("QUE-34", part="gate")
@pytest.mark.parametrize("link", [ONLINE, AWAY, CANARY, RAMP_4, REST, GATED])
def test_an_open_breaker_lets_nothing_through(link: Link) -> None:
    """And it may say another time at each look, also an earlier one."""
    resting = link.gate(10.0, 300.0, closed=False)

    assert resting == Link(LinkState.RESTING, 310.0, looks=link.looks, gated=True)
    assert resting.woken(400.0) == resting  # its breaker says when, not the time
    assert resting.gate(11.0, 5.0, closed=False).at == 16.0


def test_an_isolated_breaker_is_looked_at_for_ever() -> None:
    """Nobody knows when, so the link waits for no time, and keeps looking."""
    resting = ONLINE.gate(10.0, math.inf, closed=False)

    assert resting.room(1e9, WIDTH) == 0
    assert resting.waits_until(10.0) == math.inf
    assert resting.gate(11.0, 0.0, closed=True).room(11.0, WIDTH) == 1


@pytest.mark.case("QUE-34", part="half-open")
@pytest.mark.parametrize("link", [ONLINE, RAMP_4, GATED])
def test_a_half_open_breaker_gets_exactly_one(link: Link) -> None:
    """More would only be refused by it."""
    assert link.gate(10.0, 0.0, closed=False).room(10.0, WIDTH) == 1


def test_a_closed_breaker_changes_nothing() -> None:
    """It says nothing about the line."""
    for link in (ONLINE, AWAY, CANARY, RAMP_4, REST):
        assert link.gate(10.0, 0.0, closed=True) == link


def test_a_half_open_breaker_is_no_way_around_a_rest() -> None:
    """Retry-After and being away go on."""
    for link in (AWAY, REST):
        assert link.gate(10.0, 0.0, closed=False) == link


def test_somebody_can_hurry_looks_but_no_rest() -> None:
    """A person may press "sync now"; what the target asked for still holds."""
    assert AWAY.hurried(5.0).look_due(5.0)
    assert CANARY.hurried(5.0).room(5.0, WIDTH) == 1
    assert REST.hurried(5.0) == REST
    assert ONLINE.hurried(5.0) == ONLINE


def test_a_resumed_rest_ends_with_a_canary() -> None:
    """Signed in again; a breaker is not resumed by it."""
    assert REST.resumed(11.0).room(11.0, WIDTH) == 1
    assert GATED.resumed(11.0) == GATED
    assert AWAY.resumed(11.0) == AWAY


# ------------------------------------------------------------------ any history

STEPS: dict[str, Any] = {
    "answered": lambda link, now, _x: link.answered(now, WIDTH),
    "faltered": lambda link, now, _x: link.faltered(now),
    "unreachable": lambda link, now, x: link.unreachable(now, x % 1.0),
    "found": lambda link, now, x: link.looked(now, x % 1.0, found=True),
    "not found": lambda link, now, x: link.looked(now, x % 1.0, found=False),
    "tried": lambda link, now, _x: link.tried(now),
    "rested": lambda link, now, x: link.rested(now, x),
    "woken": lambda link, now, _x: link.woken(now),
    "hurried": lambda link, now, _x: link.hurried(now),
    "resumed": lambda link, now, _x: link.resumed(now),
    "open": lambda link, now, x: link.gate(now, x + 0.1, closed=False),
    "half-open": lambda link, now, _x: link.gate(now, 0.0, closed=False),
    "closed": lambda link, now, _x: link.gate(now, 0.0, closed=True),
}
histories = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.floats(0, 50), st.floats(0, 10))
)


@given(histories)
def test_any_history_leaves_a_way_back(history: list[tuple[str, float, float]]) -> None:
    """No link is stuck: time, a look and answers always bring it ONLINE."""
    link, now = ONLINE, 0.0
    for step, x, passed in history:
        now += passed
        link = STEPS[step](link, now, x)

        assert 0 <= link.room(now, WIDTH) <= WIDTH

    for _ in range(20):
        now = max(now, link.at if link.at < math.inf else now)
        link = link.gate(now, 0.0, closed=True)
        link = link.woken(now).looked(now, 0.0, found=True).answered(now, WIDTH)

    assert link == ONLINE


@given(histories)
def test_nothing_is_asked_of_a_target_that_is_away(
    history: list[tuple[str, float, float]],
) -> None:
    """OFFLINE and RESTING have no room, and PROBING none before its time."""
    link, now = ONLINE, 0.0
    for step, x, passed in history:
        now += passed
        link = STEPS[step](link, now, x)
        waits = link.state in (LinkState.OFFLINE, LinkState.RESTING) or now < link.at

        assert (link.room(now, WIDTH) == 0) == waits


@given(histories)
def test_a_wait_is_always_for_something_in_the_future(
    history: list[tuple[str, float, float]],
) -> None:
    """Or the drain would spin."""
    link, now = ONLINE, 0.0
    for step, x, passed in history:
        now += passed
        link = STEPS[step](link, now, x)

        assert link.waits_until(now) > now


# --------------------------------------------------------------------- all links


def test_only_restricted_targets_are_kept_and_capped() -> None:
    """Of thousands of targets that are well nothing is stored."""
    links = Links()
    links.put("away", AWAY)
    links.put("back", RAMP_4)
    links.put("well", ONLINE)

    assert links.caps(10.0, {"back": 3, "well": 5}, WIDTH) == {"away": 0, "back": 1}
    assert links.away() == ("away",)
    assert set(links.names()) == {"away", "back"}


def test_a_cap_is_never_negative() -> None:
    """Eight were under way when it was lost, and one is allowed."""
    links = Links()
    links.put("back", CANARY)

    assert links.caps(10.0, {"back": 8}, WIDTH) == {"back": 0}
    assert links.caps(10.0, {}, WIDTH) == {"back": 1}


def test_a_change_is_told_once() -> None:
    """A new time is no change."""
    links = Links()

    assert links.put("a", AWAY) == LinkChange("a", LinkState.ONLINE, LinkState.OFFLINE)
    assert links.put("a", Link(LinkState.OFFLINE, 12.0, looks=2)) is None
    assert links.put("a", ONLINE) == LinkChange(
        "a", LinkState.OFFLINE, LinkState.ONLINE
    )


def test_the_next_wait_is_the_nearest_one() -> None:
    """Of all targets."""
    links = Links()
    links.put("a", AWAY)
    links.put("b", REST)

    assert links.waits_until(5.0) == 10.0
    assert links.waits_until(15.0) == 20.0
    assert links.waits_until(25.0) == math.inf
