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
    words = _normal(text)
    if words in STOP_WORDS:
        return Intent.STOP
    if words in START_WORDS:
        return Intent.START
    if words in HELP_WORDS:
        return Intent.HELP
    return Intent.REVIEW if _STOP_INSIDE.search(words) else Intent.NONE


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


def _normal(text: str) -> str:
    """Return the words of *text* in lower case, one blank between them.

    Full-width letters, quotes, emoji and a full stop make no difference.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _BETWEEN.sub(" ", plain).strip()
