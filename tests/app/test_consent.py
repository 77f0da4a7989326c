"""Consent: the agreed words at once, what contains them for a person to read."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from examples.critical_buttons.domain.consent import (
    HELP_TEXT,
    STOP_WORDS,
    Consent,
    Intent,
    after,
    intent_of,
)
from examples.critical_buttons.domain.segments import segments


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        *((word, Intent.STOP) for word in sorted(STOP_WORDS)),
        ("STOP", Intent.STOP),
        ("  Stop. ", Intent.STOP),
        ('"stop!"', Intent.STOP),
        ("opt-out", Intent.STOP),
        ("Opt  Out", Intent.STOP),
        ("STOP 🛑", Intent.STOP),
        ("\uff33\uff34\uff2f\uff30", Intent.STOP),
        ("ST\u200bOP", Intent.STOP),
        ("S\u00adTOP", Intent.STOP),
        ("\u202eSTOP", Intent.STOP),
        ("ST\u00d3P", Intent.STOP),
        ("sto\u0301p", Intent.STOP),
        ("S.T.O.P.", Intent.STOP),
        ("s t o p", Intent.STOP),
        ("please\u200bstop", Intent.REVIEW),
        ("please s\u00adtop", Intent.REVIEW),
        ("ST\u200bART", Intent.NONE),
        ("s t a r t", Intent.NONE),
        ("a b c", Intent.NONE),
        ("START", Intent.START),
        ("unstop", Intent.START),
        ("Yes!", Intent.START),
        ("help", Intent.HELP),
        ("INFO", Intent.HELP),
        ("STOP PLEASE", Intent.REVIEW),
        ("please stop texting me", Intent.REVIEW),
        ("can I cancel Tuesday?", Intent.REVIEW),
        ("I want to opt out of this", Intent.REVIEW),
        ("don't stop", Intent.REVIEW),
        ("start or stop?", Intent.REVIEW),
        ("yes please", Intent.NONE),
        ("The weekend is fine", Intent.NONE),
        ("nonstop", Intent.NONE),
        ("unstoppable", Intent.NONE),
        ("", Intent.NONE),
        ("...", Intent.NONE),
    ],
)
def test_a_reply_means_what_it_says(text: str, intent: Intent) -> None:
    """One word alone is obeyed; among others it is for a person to read."""
    assert intent_of(text) is intent


@pytest.mark.parametrize("kind", ["STOP", "start", "HELP"])
def test_what_the_provider_recognised_holds(kind: str) -> None:
    """It knows words of languages that we do not."""
    assert intent_of("arrêt", kind) is Intent(kind.lower())
    assert intent_of("hello", "") is Intent.NONE


@pytest.mark.parametrize(
    ("before", "intent", "expected"),
    [
        (Consent.OPEN, Intent.STOP, Consent.OPTED_OUT),
        (Consent.OPEN, Intent.REVIEW, Consent.UNDER_REVIEW),
        (Consent.OPEN, Intent.NONE, Consent.OPEN),
        (Consent.OPEN, Intent.HELP, Consent.OPEN),
        (Consent.UNDER_REVIEW, Intent.STOP, Consent.OPTED_OUT),
        (Consent.UNDER_REVIEW, Intent.NONE, Consent.UNDER_REVIEW),
        (Consent.UNDER_REVIEW, Intent.START, Consent.OPEN),
        (Consent.OPTED_OUT, Intent.REVIEW, Consent.OPTED_OUT),
        (Consent.OPTED_OUT, Intent.NONE, Consent.OPTED_OUT),
        (Consent.OPTED_OUT, Intent.START, Consent.OPEN),
    ],
)
def test_only_start_opens_what_was_closed(
    before: Consent, intent: Intent, expected: Consent
) -> None:
    """A later remark never weakens a STOP."""
    assert after(before, intent) is expected


@given(st.text(max_size=50), st.sampled_from(sorted(STOP_WORDS)))
def test_a_stop_word_in_a_sentence_is_never_overlooked(around: str, word: str) -> None:
    """Whatever stands around it, sending is not simply allowed."""
    assert intent_of(f"{around} {word} {around}") in {
        Intent.STOP,
        Intent.REVIEW,
    }


def test_the_help_is_cheap() -> None:
    """It says how to stop, in at most two plain segments."""
    found = segments(HELP_TEXT)

    assert "STOP" in HELP_TEXT
    assert (found.encoding, found.count <= 2) == ("GSM-7", True)
