"""What a reply says about consent: stop, start, help, or something to look at.

One of the agreed words, alone in the message, is obeyed at once. A message that
only contains one ("please stop calling", "can I cancel Tuesday?") may or may
not be meant so: sending is blocked until a person has looked, since people may
revoke consent in any reasonable manner and owe us no exact words.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final

STOP_WORDS: Final = frozenset(
    {
        "stop",
        "stopall",
        "unsubscribe",
        "cancel",
        "end",
        "quit",
        "revoke",
        "optout",
        "opt out",
    }
)
START_WORDS: Final = frozenset({"start", "unstop", "yes"})
HELP_WORDS: Final = frozenset({"help", "info"})

#: What HELP is answered with; every programme must say who it is and how to stop.
HELP_TEXT: Final = (
    "Critical Buttons demo: messages about your booking. Reply STOP to end them, "
    "START to get them again. Message and data rates may apply."
)

_BETWEEN: Final = re.compile(r"[\W_]+")
#: Accents and the like, and characters that show nothing.
_ORNAMENTS: Final = frozenset({"Mn", "Cf"})
_STOP_INSIDE: Final = re.compile(
    rf"\b(?:{'|'.join(sorted(STOP_WORDS, key=len, reverse=True))})\b"
)


class Intent(StrEnum):
    """What a reply asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    REVIEW = "review"
    NONE = "none"


class Consent(StrEnum):
    """Whether messages may be sent to a number."""

    OPEN = "open"
    OPTED_OUT = "opted_out"
    UNDER_REVIEW = "under_review"


def intent_of(text: str, opt_out_type: str | None = None) -> Intent:
    """Return what *text* asks for.

    Args:
        text: The body of the reply.
        opt_out_type: What the provider recognised by its own lists, which know
            words of other languages: STOP, START or HELP.
    """
    recognised = (opt_out_type or "").strip().lower()
    if recognised in {Intent.STOP, Intent.START, Intent.HELP}:
        return Intent(recognised)
    readings = _readings(text)
    if not STOP_WORDS.isdisjoint(readings):
        return Intent.STOP
    # Only a STOP may be guessed at: who opens a number has to have said so.
    words = readings[0]
    if words in START_WORDS:
        return Intent.START
    if words in HELP_WORDS:
        return Intent.HELP
    meant = any(_STOP_INSIDE.search(reading) for reading in readings)
    return Intent.REVIEW if meant else Intent.NONE


def after(current: Consent, intent: Intent) -> Consent:
    """Return the consent after a reply; only START opens what was closed."""
    match intent:
        case Intent.STOP:
            return Consent.OPTED_OUT
        case Intent.START:
            return Consent.OPEN
        case Intent.REVIEW if current is Consent.OPEN:
            return Consent.UNDER_REVIEW
        case _:
            return current


def _readings(text: str) -> tuple[str, str, str]:
    """Return the words of *text* as written, without ornaments, and spelled out.

    A telephone may put a character without width into a word, or an accent on
    it, and people write "S.T.O.P". The text as written counts as well: in
    "please<zero-width space>stop" that character is what parts two words.
    """
    bare = _normal(
        "".join(
            c
            for c in unicodedata.normalize("NFKD", text)
            if unicodedata.category(c) not in _ORNAMENTS
        )
    )
    letters = bare.split(" ")
    spelled = "".join(letters) if all(len(each) == 1 for each in letters) else bare
    return _normal(text), bare, spelled


def _normal(text: str) -> str:
    """Return the words of *text* in lower case, one blank between them.

    Full-width letters, quotes, emoji and a full stop make no difference.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _BETWEEN.sub(" ", plain).strip()
