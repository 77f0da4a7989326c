"""What sealing asks of whoever holds the keys."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Sealer(Protocol):
    """Seals bytes with a named key, and opens what any of its keys has sealed.

    `Keyring` implements it. One of your own must answer at once: it is called
    on the event loop, and between a claim and its delivery. A key service is
    asked for data keys when the program starts, not for each item.

    The name of the key is kept beside the sealed bytes, in the clear, and is
    part of *aad*: a name that was changed is noticed.
    """

    @property
    def key_id(self) -> str:
        """Name of the key that seals from now on: 1 to 32 of A-Z a-z 0-9 . _ -."""
        ...

    def seal(self, key_id: str, plain: bytes, aad: bytes) -> bytes:
        """Return *plain*, sealed with the key *key_id* and bound to *aad*.

        Two calls with the same arguments give different bytes.

        Raises:
            SealKeyMissing: There is no such key.
        """
        ...

    def open(self, key_id: str, sealed: bytes, aad: bytes) -> bytes:
        """Return what `seal` was given.

        Raises:
            SealKeyMissing: There is no such key, or another one of that name.
            SealBroken: It was changed, or was sealed for another place.
        """
        ...

    def pseudonym(self, data: bytes) -> bytes:
        """Return 16 bytes or more that stand for *data*: an HMAC.

        Equal data have equal pseudonyms, in every process and after every
        change of keys: items of one lane find each other by it.
        """
        ...
