"""Why something sealed stays shut; no message quotes what is in it, or a key."""

from __future__ import annotations

from typing import ClassVar

from syncpatterns.errors import SyncPatternsError


class SealError(SyncPatternsError):
    """Something that is stored cannot be opened.

    Attributes:
        reason: Why, as one word: what a queued item is PARKED for.
        key_id: Name of the key that it says it was sealed with; "" for none.
    """

    reason: ClassVar[str] = "tampered"

    def __init__(self, message: str = "", key_id: str = "") -> None:
        super().__init__(message or self.title)
        self.key_id = key_id


class SealKeyMissing(SealError):
    """The key is not here, or another key has its name here."""

    reason = "key"
    title = "It is sealed with a key that is not here."


class SealBroken(SealError):
    """It was changed, or was sealed for another place."""

    title = "It was changed after it was sealed, or sealed for another place."


class NotSealed(SealError):
    """It lies open where only what is sealed is taken."""

    reason = "not-sealed"
    title = "It is not sealed, and only what is sealed is taken here."
