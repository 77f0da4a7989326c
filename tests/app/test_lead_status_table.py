"""Which state of a lead may follow which: every pair, no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args

import pytest

from examples.critical_buttons.domain.consent import Consent
from examples.critical_buttons.domain.etags import lead_etag
from examples.critical_buttons.domain.lead_refusals import (
    ReasonRequired,
    TransitionNotAllowed,
    VersionConflict,
    row_problem,
)
from examples.critical_buttons.domain.lead_status import (
    ALIASES,
    Change,
    NoChange,
    Wish,
    closes_number,
    decide_status,
    moved,
    status_named,
)
from examples.critical_buttons.domain.leads import Lead, LeadStatus
from examples.critical_buttons.domain.sms_refusals import opted_out
from examples.critical_buttons.routes.status_bodies import StatusName

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
#: The table once more, as people read it: Y may follow, * may with a reason, c may
#: once the person has said START, = is so already. Columns as the rows.
TABLE = """
new            =  Y  Y  Y  Y  .  Y  *  *  Y
attempted      .  =  Y  Y  Y  .  Y  *  *  Y
connected      .  .  =  Y  Y  .  Y  *  *  Y
qualified      .  .  .  =  Y  Y  Y  *  *  Y
booked         .  .  .  Y  =  Y  Y  *  *  Y
won            .  .  .  .  .  =  .  .  .  .
nurture        .  Y  Y  Y  Y  .  =  *  *  Y
unqualified    *  .  .  .  .  .  *  =  .  .
lost           *  .  .  .  .  .  *  .  =  .
do_not_contact c  .  .  .  .  .  c  .  .  =
"""
ROWS = {name: marks for name, *marks in map(str.split, TABLE.split("\n")[1:-1])}
PAIRS = [
    (LeadStatus(name), LeadStatus(to), mark)
    for name, marks in ROWS.items()
    for to, mark in zip(ROWS, marks, strict=True)
]


def lead(status: LeadStatus = LeadStatus.NEW, **more: object) -> Lead:
    """Return a lead in that state, at version 5."""
    found = Lead(
        tenant="acme",
        id="l-1",
        name="Ada",
        phone="+12025550147",
        time_zone=None,
        status=status,
        version=5,
        updated_at=NOW,
        updated_by="eve",
    )
    return replace(found, **more)  # type: ignore[arg-type]  # any field


def judged(status: LeadStatus, to: LeadStatus, *, reason: bool, consented: bool) -> str:
    """Return what a change amounts to, in a word."""
    wish = Wish(to, reason="because" if reason else None)
    match decide_status(lead(status), wish, consented=consented):
        case Change(to=found):
            assert found is to
            return "yes"
        case NoChange():
            return "same"
        case ReasonRequired():
            return "why"
        case TransitionNotAllowed():
            return "no"
        case _:
            return "conflict"


def test_the_table_names_every_pair() -> None:
    """Ten states, a hundred pairs, none forgotten."""
    pairs = {(status, to) for status, to, _ in PAIRS}

    assert pairs == set(product(LeadStatus, LeadStatus))


@pytest.mark.case("APP-16", part="leads: every pair")
@pytest.mark.parametrize(("status", "to", "mark"), PAIRS)
def test_a_state_follows_another_as_the_table_says(
    status: LeadStatus, to: LeadStatus, mark: str
) -> None:
    """Without and with a reason, without and with recorded consent."""
    found = [
        judged(status, to, reason=reason, consented=consented)
        for reason, consented in product((False, True), repeat=2)
    ]

    expected = {
        "=": ["same"] * 4,
        ".": ["no"] * 4,
        "Y": ["yes"] * 4,
        "*": ["why", "why", "yes", "yes"],
        "c": ["no", "yes", "no", "yes"],
    }
    assert found == expected[mark]


@pytest.mark.parametrize("status", list(LeadStatus))
@pytest.mark.parametrize("consented", [False, True])
def test_a_refusal_lists_exactly_what_is_allowed(
    status: LeadStatus, consented: bool
) -> None:
    """Whatever it lists can be done; whatever it leaves out cannot."""
    # A refused wish of each state; new refuses won, all others refuse something.
    refused = next(
        decision
        for to in LeadStatus
        if isinstance(
            decision := decide_status(lead(status), Wish(to), consented=consented),
            TransitionNotAllowed,
        )
    )
    possible = {
        to.value
        for to in LeadStatus
        if judged(status, to, reason=True, consented=consented) == "yes"
    }

    assert set(refused.facts["allowed"]) == possible
    assert refused.facts["from"] == status.value


def test_the_version_comes_before_everything_else() -> None:
    """Also before "so already": who acts on an old view is told who was there."""
    old, current = Wish(LeadStatus.NEW, version=4), Wish(LeadStatus.NEW, version=5)

    refused = decide_status(lead(), old, consented=False)

    assert isinstance(refused, VersionConflict)
    assert refused.facts["current"] == {
        "version": 5,
        "status": "new",
        "by": "eve",
        "at": "2026-03-01T09:00:00Z",
    }
    assert isinstance(decide_status(lead(), current, consented=False), NoChange)


def test_an_impossible_change_is_not_asked_for_a_reason() -> None:
    """A reason would not help."""
    refused = decide_status(
        lead(LeadStatus.WON), Wish(LeadStatus.LOST), consented=False
    )

    assert isinstance(refused, TransitionNotAllowed)


@pytest.mark.parametrize("name", sorted(ALIASES))
def test_hubspots_names_are_understood(name: str) -> None:
    """Each leads to a state of ours, in capitals only."""
    assert status_named(name) in LeadStatus
    assert ALIASES[name] is status_named(name)


@pytest.mark.parametrize("name", ["", "New", "hold", "OPEN DEAL", "nurture ", "0"])
def test_what_is_no_state_is_refused(name: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="is not a valid LeadStatus"):
        status_named(name)


def test_the_body_takes_exactly_the_names_there_are() -> None:
    """The list that OpenAPI shows is written out, and so can go out of date."""
    assert [*get_args(StatusName)] == [
        *(state.value for state in LeadStatus),
        *(name for name in get_args(StatusName) if name in ALIASES),
    ]
    assert set(get_args(StatusName)) == {*LeadStatus, *ALIASES}


def test_only_an_open_number_is_closed() -> None:
    """And only by do_not_contact."""
    closing = {
        (consent, to)
        for consent, to in product(Consent, LeadStatus)
        if closes_number(lead(consent=consent), to)
    }

    assert closing == {
        (Consent.OPEN, LeadStatus.DO_NOT_CONTACT),
        (Consent.UNDER_REVIEW, LeadStatus.DO_NOT_CONTACT),
    }


def test_a_moved_lead_is_one_version_on() -> None:
    """With who and when; nothing else of it changes."""
    later = NOW + timedelta(hours=1)

    after = moved(lead(), LeadStatus.BOOKED, later, "bob")

    assert after == lead(
        LeadStatus.BOOKED, version=6, updated_at=later, updated_by="bob"
    )


@pytest.mark.parametrize(
    ("lead_id", "tag"),
    [
        ("l-1", '"lead-l-1.5"'),
        ('a"b', '"lead-a%22b.5"'),
        ("x/y", '"lead-x%2Fy.5"'),
        ("ü", '"lead-%C3%BC.5"'),
    ],
)
def test_a_tag_can_stand_in_a_header(lead_id: str, tag: str) -> None:
    """Whatever the id holds."""
    assert lead_etag(lead(id=lead_id)) == tag


def test_a_row_is_refused_in_the_form_of_a_problem() -> None:
    """With a type, a title, a status, a sentence and its facts."""
    refused = decide_status(lead(), Wish(LeadStatus.LOST), consented=False)

    assert isinstance(refused, ReasonRequired)
    assert row_problem(refused) == {
        "type": "/problems/reason-required",
        "title": "Say why.",
        "status": 422,
        "detail": "A lead that is new becomes lost for a reason: send `reason`, 1 to "
        "200 characters.",
        "to": "lost",
    }


@pytest.mark.parametrize(
    ("status", "consent", "words"),
    [
        (LeadStatus.DO_NOT_CONTACT, Consent.OPEN, "can be made new or nurture"),
        (LeadStatus.DO_NOT_CONTACT, Consent.OPTED_OUT, "Only they can change that"),
        (LeadStatus.NEW, Consent.OPTED_OUT, "Only they can change that"),
        (LeadStatus.NEW, Consent.UNDER_REVIEW, "has to read it first"),
    ],
)
def test_who_may_not_be_written_to_is_told_what_would_help(
    status: LeadStatus, consent: Consent, words: str
) -> None:
    """After a START it is the lead's state that is in the way."""
    assert words in str(opted_out(lead(status, consent=consent)))
