"""What a problem page says."""

from __future__ import annotations

from typing import Final, NamedTuple


class Problem(NamedTuple):
    """What one problem type means to the person in front of it."""

    status: int
    title: str
    meaning: str
    advice: str


SAME_KEY: Final = "Nothing was done. Try again a little later with the same key."
LOOK: Final = "Look at it before you do anything else."
