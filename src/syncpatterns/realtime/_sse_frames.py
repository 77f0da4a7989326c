"""Events and gaps as blocks of an event stream: bytes only, no waiting.

A block that carries ``id:`` moves the client's resume point. Only the last
block of a chunk has one, so that a client cut off within a chunk asks again
for the whole of it rather than for a part it never saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from syncpatterns.realtime._core import Delivered, Gap, Position
from syncpatterns.realtime._cursor import encode_cursor
from syncpatterns.realtime._event import Event

#: Bytes after which a chunk is sent; what a client that reads nothing can cost.
CHUNK: Final = 64 * 1024
HEARTBEAT: Final = b": \n\n"
# An EventSource has events of its own by these names, and `gap` is ours. Events
# of such a type arrive as `message`, with the type in the envelope.
_TAKEN: Final = frozenset({"error", "gap", "message", "open"})


def opening(retry_ms: int, positions: Mapping[str, Position]) -> bytes:
    """Return the first bytes of a stream.

    They make proxies pass the headers on, and the cursor lets a client that is
    cut off before its first event resume from the very beginning.
    """
    cursor = encode_cursor(positions)
    return f": ok\nretry: {retry_ms}\n\nid: {cursor}\n\n".encode()


def chunks(
    items: Sequence[Delivered | Gap],
    names: Mapping[str, str],
    positions: dict[str, Position],
    handed_over: Mapping[str, Position],
) -> Iterator[bytes]:
    """Yield *items* as chunks that each end with a cursor.

    Args:
        items: What to send, in order.
        names: The public name of each channel.
        positions: Up to where the client has been sent everything, by public
            name; moved forward as the chunks are made.
        handed_over: Where the subscription stands after *items*, by channel.
    """
    blocks: list[bytes] = []
    size = 0
    for place, item in enumerate(items):
        if isinstance(item, Delivered):
            name = names[item.event.channel]
            block = _event_block(item.event, name)
            positions[name] = item.position
        else:
            name = names[item.channel]
            block = _gap_block(item, name)
            positions[name] = _after_gap(item, items[place + 1 :], handed_over)
        blocks.append(block)
        size += len(block)
        if size >= CHUNK:
            yield _joined(blocks, positions)
            blocks, size = [], 0
    if blocks:
        yield _joined(blocks, positions)


def _joined(blocks: list[bytes], positions: Mapping[str, Position]) -> bytes:
    return b"%bid: %b\n\n" % (b"\n".join(blocks), encode_cursor(positions).encode())


def _event_block(event: Event, name: str) -> bytes:
    key = ("sse", name)
    block = event.wire.get(key)
    if block is None:
        head = b"" if event.type in _TAKEN else b"event: %b\n" % event.type.encode()
        block = b"%bdata: %b\n" % (head, event.envelope(name))
        event.wire[key] = block  # every subscriber sends these very bytes
    return block


def _gap_block(gap: Gap, name: str) -> bytes:
    data = {
        "channel": name,
        "asked": None if gap.asked is None else str(gap.asked),
        "top": str(gap.top),
        "reason": gap.reason,
    }
    return b"event: gap\ndata: %b\n" % json.dumps(data, separators=(",", ":")).encode()


def _after_gap(
    gap: Gap, rest: Sequence[Delivered | Gap], handed_over: Mapping[str, Position]
) -> Position:
    """Return where a client resumes that has been told of *gap* and no more."""
    for item in rest:
        if isinstance(item, Delivered) and item.event.channel == gap.channel:
            return Position(item.position.epoch, item.position.offset - 1)
    return handed_over[gap.channel]
