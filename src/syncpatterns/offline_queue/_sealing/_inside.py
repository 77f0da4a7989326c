"""What of an item is sealed, as one piece of bytes.

::

    1  length, payload  length, fingerprint  length, headers  length, lane
       length, entity

Lengths have 4 bytes; the largest stands for None. The payload may be compressed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_VERSION: Final = b"\x01"
_LENGTH: Final = 4
_NONE: Final = b"\xff" * _LENGTH


class Inside(NamedTuple):
    """What nobody sees without the key."""

    payload: bytes
    fingerprint: bytes
    headers: str
    lane: str | None
    entity: str | None


def folded(inside: Inside) -> bytes:
    """Return *inside* as bytes."""
    shared = [_VERSION]
    for each in inside:
        if each is None:
            shared.append(_NONE)
            continue
        data = each if isinstance(each, bytes) else _encoded(each)
        shared += (len(data).to_bytes(_LENGTH, "big"), data)
    return b"".join(shared)


def unfolded(data: bytes) -> Inside:
    """Return what `folded` was given.

    Raises:
        ValueError: It is something else.
    """
    if data[:1] != _VERSION:
        raise ValueError("it was written by a newer release")
    at, fields = 1, list[bytes | None]()
    for _ in Inside._fields:
        length, at = data[at : at + _LENGTH], at + _LENGTH
        if length == _NONE:
            fields.append(None)
            continue
        end = at + int.from_bytes(length, "big")
        if end > len(data):
            raise ValueError("it was cut off")
        fields.append(data[at:end])
        at = end
    payload, print_, headers, lane, entity = fields
    if at != len(data) or payload is None or print_ is None or headers is None:
        raise ValueError("it has another form")
    return Inside(payload, print_, _decoded(headers), _text(lane), _text(entity))


def _text(data: bytes | None) -> str | None:
    return None if data is None else _decoded(data)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
