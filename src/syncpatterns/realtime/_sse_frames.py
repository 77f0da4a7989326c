"""Events and gaps as blocks of an event stream: bytes only, no waiting.

A block that carries ``id:`` moves the client's resume point. Only the last
block of a chunk has one, so that a client cut off within a chunk asks again
for the whole of it rather than for a part it never saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from syncpatterns.realtime._core import Batch, Gap, Part, Position, Run
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
    batch: Batch,
    names: Mapping[str, str],
    positions: dict[str, Position],
    handed_over: Mapping[str, Position],
) -> Iterator[bytes]:
    """Yield *batch* as chunks that each end with a cursor.

    Args:
        batch: What to send.
        names: The public name of each channel.
        positions: Up to where the client has been sent everything, by public
            name; moved forward as the chunks are made.
        handed_over: Where the subscription stands after *batch*, by channel.
    """
    blocks: list[bytes] = []
    size = 0
    for place, part in enumerate(batch.parts):
        name = names[part.channel]
        if isinstance(part, Gap):
            block = _gap_block(part, name)
            positions[name] = _after_gap(part, batch.parts[place + 1 :], handed_over)
            blocks.append(block)
            size += len(block)
            continue
        for offset, event in enumerate(part.events, part.first):
            block = _event_block(event, name)
            blocks.append(block)
            size += len(block)
            if size >= CHUNK:
                positions[name] = Position(part.epoch, offset)
                yield _joined(blocks, positions)
                blocks, size = [], 0
        positions[name] = part.last
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
    gap: Gap, rest: Sequence[Part], handed_over: Mapping[str, Position]
) -> Position:
    """Return where a client resumes that has been told of *gap* and no more."""
    for part in rest:
        if isinstance(part, Run) and part.channel == gap.channel:
            return part.before
    return handed_over[gap.channel]
