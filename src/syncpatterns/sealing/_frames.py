"""How sealed and compressed bytes stand in a store.

::

    sealed      00 "S1"  length of the key's name  the name  what the sealer made
    compressed  00 "Z1"  length of the plain bytes, 4 bytes  zlib

What is stored here is JSON, which never begins with a zero byte; so what is in
the clear, what is compressed and what is sealed lie in one column, and a queue
that was in the clear yesterday is read on.
"""

from __future__ import annotations

import logging
import re
import zlib
from typing import Final

from syncpatterns.codec import digest
from syncpatterns.errors import ConfigurationError
from syncpatterns.sealing._errors import SealBroken, SealError, SealKeyMissing
from syncpatterns.sealing._sealer import Sealer

_log = logging.getLogger("syncpatterns.sealing")

_SEALED: Final = b"\x00S1"
_PACKED: Final = b"\x00Z1"
_MARK: Final = 3
_LENGTH: Final = 4
_NAME: Final = re.compile(rb"[A-Za-z0-9._-]{1,32}")
#: Bytes that compressed ones may become, and above which none are compressed: 64
#: KB of zlib can say 64 MB, and a forged row should not say more.
LARGEST: Final = 64 << 20


def is_sealed(data: bytes) -> bool:
    """Tell whether *data* says that it is sealed."""
    return data[:_MARK] == _SEALED


def key_of(data: bytes) -> str:
    """Return the name of the key of sealed *data*; "" if it names none."""
    name = _name_in(data)
    return "" if name is None else name.decode()


def place(*parts: bytes) -> bytes:
    """Return what stands for one place in a store: sealed there, opened only there."""
    return digest(b"syncpatterns place 1", *parts)


def sealed(sealer: Sealer, plain: bytes, bound: bytes) -> bytes:
    """Return *plain*, sealed and bound to the place *bound*.

    Raises:
        SealError: The sealer raised something, which may quote *plain*.
    """
    key_id = sealer.key_id
    name = key_id.encode()
    head = _SEALED + bytes([len(name)]) + name
    try:
        return head + sealer.seal(key_id, plain, head + bound)
    except Exception as error:  # noqa: BLE001 - of anybody's sealer
        kind = type(error).__name__
    raise SealKeyMissing(f"The sealer raised {kind} (key {key_id!r}).", key_id)


def opened(sealer: Sealer | None, data: bytes, bound: bytes) -> bytes:
    """Return what `sealed` was given.

    Raises:
        SealKeyMissing: Its key is not here.
        SealBroken: It was changed, or was sealed for another place.
    """
    name = _name_in(data)
    if name is None:
        raise SealBroken
    head = _MARK + 1 + len(name)
    key_id = name.decode()
    if sealer is None:
        raise SealKeyMissing("It is sealed, and no sealer= was given here.", key_id)
    # In our words only: those of somebody's own sealer may quote what it was given.
    try:
        plain: object = sealer.open(key_id, data[head:], data[:head] + bound)
    except SealKeyMissing:
        why: SealError = SealKeyMissing(
            f"The key {key_id!r} is not here, or another one has its name.", key_id
        )
    except SealError:
        why = SealBroken(
            f"It was changed, or sealed for another place (key {key_id!r}).", key_id
        )
    except Exception as error:  # noqa: BLE001 - of anybody's sealer
        kind = type(error).__name__
        _log.error(
            "%s raised %s when it was to open something sealed with %r.",
            type(sealer).__name__,
            kind,
            key_id,
        )
        why = SealKeyMissing(f"The sealer raised {kind} (key {key_id!r}).", key_id)
    else:
        if isinstance(plain, bytes):
            return plain
        why = SealBroken(f"The sealer gave no bytes (key {key_id!r}).", key_id)
    raise why


def _name_in(data: bytes) -> bytes | None:
    if not is_sealed(data) or len(data) <= _MARK:
        return None
    start = _MARK + 1
    name = data[start : start + data[_MARK]]
    return name if len(name) == data[_MARK] and _NAME.fullmatch(name) else None


def checked_sealer(where: str, sealer: object) -> Sealer | None:
    """Return *sealer* if it is one, or None.

    Raises:
        ConfigurationError: It is something else, or its key has no proper name.
    """
    if sealer is None:
        return None
    if isinstance(sealer, type) or not isinstance(sealer, Sealer):
        raise ConfigurationError(
            f"{where}: sealer= takes a syncpatterns.sealing.Keyring, or your own "
            f"Sealer; a {type(sealer).__name__} is neither."
        )
    name: object = sealer.key_id
    if not isinstance(name, str) or not _NAME.fullmatch(name.encode()):
        raise ConfigurationError(
            f"{where}: the key_id of the sealer is 1 to 32 of A-Z a-z 0-9 . _ -."
        )
    return sealer


# ----------------------------------------------------------------- compression


def packed(data: bytes, above: int | None) -> bytes:
    """Return *data*, compressed if it is longer than *above* and gets shorter."""
    if above is None or not above < len(data) <= LARGEST:
        return data
    small = _PACKED + len(data).to_bytes(_LENGTH, "big") + zlib.compress(data)
    return small if len(small) < len(data) else data


def unpacked(data: bytes) -> bytes:
    """Return what `packed` was given.

    Raises:
        ValueError: It was changed, or would become larger than it may.
    """
    if data[:_MARK] != _PACKED:
        return data
    start = _MARK + _LENGTH
    length = int.from_bytes(data[_MARK:start], "big")
    if length > LARGEST:
        raise ValueError("it would become too large")
    reader = zlib.decompressobj()
    try:
        plain = reader.decompress(data[start:], length + 1)
    except zlib.error:
        raise ValueError("it is no zlib") from None
    if len(plain) != length or not reader.eof or reader.unused_data:
        raise ValueError("it has another length than it says")
    return plain
