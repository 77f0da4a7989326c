"""AES-256-GCM-SIV under named keys, from the package ``cryptography``."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from syncpatterns.errors import ConfigurationError
from syncpatterns.sealing._errors import SealBroken, SealKeyMissing

#: What a key may be called.
KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_CHECK_BYTES: Final = 8
_TAG_BYTES: Final = 16
#: Of 10^24 random keys one has fewer different bytes among its 32.
_FEWEST_VALUES: Final = 12


class _Key(NamedTuple):
    check: bytes
    cipher: Any


class Keyring:
    """Keys by name: one seals, all of them open.

    ::

        keys = {"2026-11": os.environ["QUEUE_KEY"]}
        keyring = Keyring(keys, index=os.environ["QUEUE_INDEX_KEY"])
        queue = OfflineQueue("field", engine, sealer=keyring)

    To change keys, give every process the new one beside the old one; then
    make it *current*; then, once nothing sealed with the old one is left, take
    that away. The index key is not changed with them: see `pseudonym`.

    The cipher is AES-256-GCM-SIV (RFC 8452) with random nonces of 96 bits. In
    plain AES-GCM a nonce that is drawn twice gives away the difference of two
    texts and lets anybody forge, which is why one key may seal 2^32 messages
    at most; a phone image that is cloned with its random state draws twice on
    the first day. Here, a nonce that is drawn twice says of two sealed texts
    whether they are equal, and nothing else. Each key is used through two keys
    derived from it: one seals, the other makes the 8 bytes by which another key
    of the same name is told from a sealed text that was changed.

    Args:
        keys: By name: 32 random bytes, or their base64. `Keyring.new_key`
            makes one.
        index: A further such key, for the pseudonyms; never one of *keys*.
        current: Name of the key that seals; may be left out where there is one.

    Raises:
        ConfigurationError: A key has not 32 bytes, is no base64, is used twice
            or looks like a placeholder; *current* is not there; the package
            ``cryptography`` is missing, or its OpenSSL is older than 3.2.
    """

    def __init__(
        self,
        keys: Mapping[str, bytes | str],
        *,
        index: bytes | str,
        current: str | None = None,
    ) -> None:
        given: object = keys
        if not isinstance(given, Mapping) or not given:
            raise ConfigurationError(
                'Keyring: keys= takes keys by name, such as {"2026-11": key}.'
            )
        read = {_name(name): _read(name, key) for name, key in keys.items()}
        self._index: Final = _read("index", index)
        if len({*read.values(), self._index}) <= len(read):
            raise ConfigurationError(
                "Keyring: a key is there twice, by two names or as index=. Each has "
                "one use; Keyring.new_key() makes another."
            )
        self._current: Final = _chosen(read, current)
        cipher = _cipher()
        self._keys: Final = {
            name: _Key(
                _derived(key, b"check")[:_CHECK_BYTES], cipher(_derived(key, b"seal"))
            )
            for name, key in read.items()
        }

    def __repr__(self) -> str:
        return f"Keyring(current={self._current!r}, keys={sorted(self._keys)})"

    @staticmethod
    def new_key() -> bytes:
        """Return a new key: 32 bytes from the system's source of randomness."""
        return os.urandom(_KEY_BYTES)

    @property
    def key_id(self) -> str:
        """Name of the key that seals."""
        return self._current

    def seal(self, key_id: str, plain: bytes, aad: bytes) -> bytes:
        """Return *plain*, sealed; 36 bytes longer.

        Raises:
            SealKeyMissing: There is no such key.
        """
        key = self._key(key_id)
        nonce = os.urandom(_NONCE_BYTES)
        return key.check + nonce + cast("bytes", key.cipher.encrypt(nonce, plain, aad))

    def open(self, key_id: str, sealed: bytes, aad: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            SealKeyMissing: There is no such key, or another one of that name.
            SealBroken: It was changed, or was sealed for another place.
        """
        key = self._key(key_id)
        check, rest = sealed[:_CHECK_BYTES], sealed[_CHECK_BYTES:]
        if len(rest) < _NONCE_BYTES + _TAG_BYTES:
            raise SealBroken("It is shorter than anything that was ever sealed.")
        if not hmac.compare_digest(check, key.check):
            raise SealKeyMissing(
                f"It was sealed with another key of the name {key_id!r}.", key_id
            )
        nonce, text = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        from cryptography.exceptions import (  # noqa: PLC0415 - of an extra
            InvalidTag,
        )

        try:
            return cast("bytes", key.cipher.decrypt(nonce, text, aad))
        except InvalidTag:
            raise SealBroken(
                f"It was changed, or sealed for another place (key {key_id!r})."
            ) from None

    def pseudonym(self, data: bytes) -> bytes:
        """Return HMAC-SHA256 of *data* under the index key, which no change touches.

        With another index key, items that wait would no longer be met by new
        ones of their lane. So it is changed only while the queue is empty.
        """
        return hmac.digest(self._index, data, "sha256")

    def _key(self, key_id: str) -> _Key:
        key = self._keys.get(key_id)
        if key is None:
            raise SealKeyMissing(
                f"The keyring has no key {key_id!r}; add it for reading.", key_id
            )
        return key


def _name(name: object) -> str:
    if not isinstance(name, str) or not KEY_ID.fullmatch(name):
        raise ConfigurationError(
            "Keyring: a key is named by 1 to 32 of A-Z a-z 0-9 . _ -, such as "
            "'2026-11'. (Was the key itself given as its name?)"
        )
    return name


def _read(name: str, key: object) -> bytes:
    """Return the bytes of a key; no message says anything of what is in it."""
    raw = key
    if isinstance(key, str):
        plain = key.strip().rstrip("=").replace("-", "+").replace("_", "/")
        try:
            raw = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
    if not isinstance(raw, bytes) or len(raw) != _KEY_BYTES:
        raise ConfigurationError(
            f"Keyring: the key {name!r} must be 32 random bytes, or their base64. "
            "Make one by Keyring.new_key(); a password is none."
        ) from None
    if len(set(raw)) < _FEWEST_VALUES:
        raise ConfigurationError(
            f"Keyring: the key {name!r} looks like a placeholder, not like 32 random "
            "bytes. Make one by Keyring.new_key()."
        )
    return raw


def _chosen(keys: Mapping[str, bytes], current: object) -> str:
    if current is None and len(keys) == 1:
        return next(iter(keys))
    if not isinstance(current, str) or current not in keys:
        raise ConfigurationError(
            "Keyring: current= says which key seals, one of "
            f"{', '.join(sorted(keys))}; not {_shown(current)}."
        )
    return current


def _shown(current: object) -> str:
    named = isinstance(current, str) and KEY_ID.fullmatch(current)
    return repr(current) if named or current is None else "that"


def _derived(key: bytes, use: bytes) -> bytes:
    return hmac.digest(key, b"syncpatterns/1/" + use, "sha256")


def _cipher() -> Any:
    try:
        from cryptography.exceptions import (  # noqa: PLC0415 - of an extra
            UnsupportedAlgorithm,
        )
        from cryptography.hazmat.primitives.ciphers.aead import (  # noqa: PLC0415 - as above
            AESGCMSIV,
        )
    except ImportError as error:
        raise ConfigurationError(
            "Keyring needs the package cryptography, which is an extra: "
            "pip install syncpatterns[crypto]."
        ) from error
    try:
        AESGCMSIV(bytes(_KEY_BYTES))
    except UnsupportedAlgorithm as error:
        raise ConfigurationError(
            "Keyring: this build of cryptography stands on an OpenSSL without "
            "AES-GCM-SIV (before 3.2). Install its wheel, which brings its own."
        ) from error
    return AESGCMSIV
