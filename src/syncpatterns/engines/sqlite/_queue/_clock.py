"""A clock for leases and delays, which a change of the wall clock does not move.

It goes at the pace of the machine's ticks since it was started, and counts from
the wall clock as it was then. Where it counts from stands in the database, so
all processes of one boot agree, whatever the wall clock says when each of them
begins. After a reboot the ticks begin anew, and so does the counting: from the
wall clock, or from the latest time seen if the wall clock is behind it. So a
machine that comes back with its clock an hour slow does not stand still for an
hour.

Worked example: an item is due at 12:00:10, and at 12:00 somebody sets the wall
clock to 13:00, or to 11:00. The item is delivered ten seconds later, not at once
and not in an hour.

The records' own clock (`_time`) follows steps forward; what it measures is
how long an answer is kept, and that may be shorter.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
import weakref
from pathlib import Path
from typing import Final

from syncpatterns.clock import Clock, SystemClock

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_SEEN_EVERY: Final = 1.0  # seconds between two writes of the time seen
_NAMES: Final = ("steady_boot", "steady_base", "steady_seen")

_lock = threading.Lock()
_boots: weakref.WeakKeyDictionary[Clock, str] = weakref.WeakKeyDictionary()


class SteadyClock:
    """Seconds since the epoch as they would be had nobody set the clock.

    Args:
        clock: The host's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._base: float | None = None
        self._stored = 0.0

    @property
    def started(self) -> bool:
        """Whether it is known where to count from."""
        return self._base is not None

    def start(self, connection: sqlite3.Connection) -> float:
        """Find out where to count from, and write it down if that is new.

        Args:
            connection: The writing connection, inside a transaction.

        Returns:
            What `started_at` is to be told once the transaction has committed.
        """
        boot, ticks = boot_of(self._clock), ticks_of(self._clock)
        stored = dict(
            connection.execute(
                "SELECT name, value FROM syncpatterns_meta WHERE name IN (?, ?, ?)",
                _NAMES,
            ).fetchall()
        )
        base = _base(stored, boot, ticks, self._clock.time())
        if stored.get("steady_base") != base or stored.get("steady_boot") != boot:
            values = zip(_NAMES, (boot, base, base + ticks), strict=True)
            connection.executemany(
                "INSERT OR REPLACE INTO syncpatterns_meta VALUES (?, ?)", values
            )
        return base

    def started_at(self, base: float) -> None:
        """Count from *base*."""
        self._base = base

    def now(self, connection: sqlite3.Connection) -> float:
        """Return the time.

        Args:
            connection: The writing connection, inside a transaction; once a
                second the time seen is written down.
        """
        base = self._base
        if base is None:
            # In somebody's transaction, which may yet be rolled back: for this
            # call only.
            return self.start(connection) + ticks_of(self._clock)
        now = base + ticks_of(self._clock)
        if now - self._stored >= _SEEN_EVERY:
            connection.execute(
                "UPDATE syncpatterns_meta SET value = ?1 "
                "WHERE name = 'steady_seen' AND value < ?1",
                (now,),
            )
            self._stored = now
        return now

    def read(self) -> float:
        """Return the time, for a look; needs `started`."""
        return (self._base or 0.0) + ticks_of(self._clock)


def _base(stored: dict[str, object], boot: str, ticks: float, wall: float) -> float:
    base, seen = stored.get("steady_base"), stored.get("steady_seen")
    if not isinstance(base, float | int) or not isinstance(seen, float | int):
        return wall - ticks
    # Where nobody says which boot this is: if the ticks have gone on since they were
    # last seen, it is taken for the same one. Where that is wrong, time stood still
    # while the machine was off, and delays are longer by that.
    gone_on = base + ticks >= seen
    if stored.get("steady_boot") == boot if boot else gone_on:
        return max(float(base), seen - ticks)
    return max(wall, seen) - ticks


def ticks_of(clock: Clock) -> float:
    """Return the seconds since the machine was started, with those it slept.

    A lease ends for a laptop that was asleep, as it does for everybody else.
    """
    if type(clock) is SystemClock and hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return clock.monotonic()


def boot_of(clock: Clock) -> str:
    """Return what tells this boot of the machine from all others; "" if nothing does.

    Any other clock than the machine's own is a machine of its own.
    """
    if type(clock) is SystemClock:
        try:
            return _BOOT_ID.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return ""
    with _lock:
        try:
            return _boots.setdefault(clock, uuid.uuid4().hex)
        except TypeError:  # a clock that nothing can refer to weakly
            return ""
