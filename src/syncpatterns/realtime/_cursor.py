"""Where a client stands in all channels of its stream, as one opaque text."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final, cast

from syncpatterns.realtime._core import MAX_OFFSET, Position, valid_channel

#: Channels of one stream; with the longest names a cursor still fits a header.
MAX_CHANNELS: Final = 32
_MAX_LENGTH: Final = 16_384


def encode_cursor(positions: Mapping[str, Position]) -> str:
    """Return *positions* as text for a header, a URL or an event id.

    A page sends it with what it renders, and its stream begins exactly there.

    Args:
        positions: For each channel, by the name that the client knows it by.
    """
    compact = {
        channel: [position.epoch, position.offset]
        for channel, position in positions.items()
    }
    text = json.dumps(compact, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_cursor(text: str) -> dict[str, Position]:
    """Return the positions in *text*, which may come from anybody.

    Raises:
        ValueError: `encode_cursor` did not write it.
    """
    if len(text) > _MAX_LENGTH or not text.isascii():
        raise ValueError("the cursor is too long or not ASCII")
    padded = text.encode() + b"=" * (-len(text) % 4)
    if padded.translate(None, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ_-=0123456789"
                              b"abcdefghijklmnopqrstuvwxyz"):  # fmt: skip
        raise ValueError("the cursor is not base64url")
    try:
        found: object = json.loads(urlsafe_b64decode(padded))
    except RecursionError as error:
        raise ValueError("the cursor is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("the cursor holds no positions")  # noqa: TRY004 - a value
    pairs = cast("dict[str, object]", found)
    if len(pairs) > MAX_CHANNELS:
        raise ValueError("the cursor holds too many positions")
    return {channel: _position(channel, pair) for channel, pair in pairs.items()}


def _position(channel: str, pair: object) -> Position:
    match pair:
        case [str(epoch), int(offset)] if (
            valid_channel(channel)
            and type(offset) is int  # True is an int too
            and 0 <= offset <= MAX_OFFSET
        ):
            return Position.parse(f"{epoch}:{offset}")
        case _:
            raise ValueError("the cursor holds no positions")
