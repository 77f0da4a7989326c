"""Does a text show anything at all?"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Blanks, line breaks, control characters, and those that show nothing at all.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
#: What shows nothing either and counts as a letter, a mark or a symbol: fillers,
#: joiners, variation selectors, the empty pattern of Braille.
_EMPTY: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def shows_something(text: str) -> bool:
    """Tell whether *text* has at least one character that a person can see."""
    shown = _EMPTY.sub("", text)
    return any(unicodedata.category(c) not in _INVISIBLE for c in shown)
