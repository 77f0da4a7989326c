"""When to stop asking, and whom to let through to look: pure decisions.

A `Circuit` is told the time and what became of the calls; it never waits,
locks or calls anybody. Its methods are for one caller at a time.

Every state change begins a new era. A call is admitted with a ticket of its
era, and its verdict counts only while that era lasts: a call that was let in
before the circuit opened says nothing about the service of five minutes
later. The idea of generations is sony/gobreaker's; leases on probes are the
answer to a probe that never returns.
"""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from syncpatterns.retry._breaker._rules import Rules

StateName: TypeAlias = Literal["closed", "open", "half-open"]

CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half-open"

#: Seconds after which a caller may ask again while a probe is out: the probe
#: is expected back long before its lease ends.
_PROBE_HINT: Final = 1.0


class Window:
    """The newest *size* failures: exact, O(1) a failure, 16 bytes each.

    Only the newest *size* can matter for "*size* failures in *seconds*", so
    the oldest of them alone tells whether all are young enough. Each failure
    is kept with its number among all calls; the numbers of the first and the
    last give the calls between, and so the rate, without a log of successes.
    """

    __slots__ = ("_next", "_ring", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._ring = array("d")  # time, number, time, number, ...
        self._next = 0  # where the oldest lies once the ring is full

    def add(self, now: float, number: float) -> None:
        """Note the failure of call *number* at *now*."""
        ring, at = self._ring, self._next
        if len(ring) < 2 * self._size:
            ring.append(now)
            ring.append(number)
            return
        ring[at] = now
        ring[at + 1] = number
        self._next = (at + 2) % len(ring)

    def is_full(self, now: float, rules: Rules) -> bool:
        """Say whether the failures are enough, recent and dense."""
        ring, oldest = self._ring, self._next
        if len(ring) < 2 * self._size or now - ring[oldest] >= rules.window:
            return False
        spanned = ring[oldest - 1] - ring[oldest + 1] + 1.0
        return self._size >= rules.min_rate * spanned

    def count(self, now: float, seconds: float) -> int:
        """Return how many of the failures are younger than *seconds*."""
        return sum(now - noted < seconds for noted in self._ring[::2])

    def resized(self, size: int) -> Window:
        """Return a window of another size with the newest of these failures."""
        ring, oldest = self._ring, self._next
        other = Window(size)
        other._ring = (ring[oldest:] + ring[:oldest])[-2 * size :]
        return other


class Lease:
    """The ticket of one probe; worth nothing after its deadline."""

    __slots__ = ("deadline",)

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline


#: Counts the calls of one closed era. `next` on it is one C call, which no other
#: thread can cut in two: the only thing a success on a closed circuit has to do.
Tick: TypeAlias = Iterator[int]

#: A closed circuit gives all callers of an era the same ticket, its tick; a
#: probe gets a lease; a disabled circuit looks at nobody.
Ticket: TypeAlias = Tick | Lease | None


@dataclass(frozen=True, slots=True)
class Change:
    """One state change. Eras only grow, so a late report can be told apart."""

    old: StateName
    new: StateName
    era: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """The call may go; *ticket* belongs to its verdict."""

    ticket: Ticket
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The call may not go; ask again after *seconds*."""

    seconds: float


class Circuit:
    """The state of one breaker.

    Attributes:
        rules: The figures; may be replaced at any time.
        state: ``closed``, ``open`` or ``half-open``.
        era: Number of state changes so far.
        tick: The ticket of the present era if it is closed, else None.
        opened_at: When it last opened.
        open_until: When the first probe may go.
        isolated: Nobody is let in until `reset`.
        disabled: Everybody is let in and nothing counts until `enable`.
        answered: Probes answered in this half-open era.
    """

    __slots__ = (
        "_failed_probes",
        "_failures_at_opening",
        "_leases",
        "_rules",
        "_window",
        "answered",
        "disabled",
        "era",
        "isolated",
        "open_until",
        "opened_at",
        "state",
        "tick",
    )

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._window = Window(rules.failures)
        self._leases: tuple[Lease, ...] = ()
        self._failed_probes = 0
        self._failures_at_opening = 0
        self.state: StateName = CLOSED
        self.era = 0
        self.tick: Tick | None = itertools.count(1)
        self.opened_at = -math.inf
        self.open_until = -math.inf
        self.isolated = False
        self.disabled = False
        self.answered = 0

    @property
    def rules(self) -> Rules:
        """The figures in force."""
        return self._rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        if rules.failures != self._rules.failures:
            self._window = self._window.resized(rules.failures)
        if rules.recovery != self._rules.recovery and self.state == OPEN:
            self.open_until = self.opened_at + rules.recovery.interval(
                self._failed_probes
            )
        self._rules = rules

    # ------------------------------------------------------------- questions

    @property
    def shown(self) -> StateName:
        """The state as everybody sees it: an isolated circuit is open."""
        return OPEN if self.isolated else self.state

    def recovery(self) -> float:
        """Return the seconds of the present opening, or of the next one."""
        return self._rules.recovery.interval(self._failed_probes)

    def failures(self, now: float) -> int:
        """Return the failures in the window; once open, those that opened it."""
        if self.state == CLOSED:
            return self._window.count(now, self._rules.window)
        return self._failures_at_opening

    def retry_after(self, now: float) -> float:
        """Return the seconds until a call may be let in; 0 if it may now."""
        if self.isolated:
            return math.inf
        if self.disabled or self.state == CLOSED:
            return 0.0
        if self.state == OPEN:
            return max(0.0, self.open_until - now)
        alive = [lease.deadline for lease in self._leases if lease.deadline > now]
        if len(alive) < self._rules.probes:
            return 0.0
        return min(_PROBE_HINT, min(alive) - now)

    # ------------------------------------------------------------- the calls

    def admit(self, now: float) -> Admitted | Rejected:
        """Let a call in, or not."""
        if self.isolated:
            return Rejected(math.inf)
        if self.disabled:
            return Admitted(None)
        if self.state == CLOSED:
            return Admitted(self.tick)
        change = None
        if self.state == OPEN:
            if now < self.open_until:
                return Rejected(self.open_until - now)
            change = self.half_open()
        self._leases = tuple(each for each in self._leases if each.deadline > now)
        if len(self._leases) >= self._rules.probes:
            return Rejected(self.retry_after(now))
        lease = Lease(now + self._rules.lease(self._failed_probes))
        self._leases += (lease,)
        return Admitted(lease, change)

    def succeed(self, ticket: Ticket, now: float) -> Change | None:
        """Take the verdict "answered"."""
        if isinstance(ticket, Lease):
            if not self._take(ticket, now):
                return None
            self.answered += 1
            return self.close() if self.answered >= self._rules.successes else None
        if ticket is not None and ticket is self.tick:
            next(ticket)
        return None

    def fail(self, ticket: Ticket, now: float, *, votes: bool = True) -> Change | None:
        """Take the verdict "failed".

        Args:
            ticket: What the call was admitted with.
            now: The time.
            votes: False for a further attempt of a call that has voted; the
                failure of a probe counts all the same.
        """
        if isinstance(ticket, Lease):
            if not self._take(ticket, now):
                return None
            self._failed_probes += 1
            self._failures_at_opening += 1
            return self.open(now)
        if not votes or ticket is None or ticket is not self.tick:
            return None
        self._window.add(now, next(ticket))
        return self.open(now) if self._window.is_full(now, self._rules) else None

    def forget(self, ticket: Ticket) -> None:
        """Take a ticket back without a verdict: the call was cancelled."""
        if isinstance(ticket, Lease):
            self._leases = tuple(each for each in self._leases if each is not ticket)

    def is_current(self, ticket: Ticket, now: float) -> bool:
        """Say whether a verdict on *ticket* would count."""
        if isinstance(ticket, Lease):
            return ticket in self._leases and ticket.deadline > now
        return ticket is not None and ticket is self.tick

    # ----------------------------------------------------------- the operator

    def open(self, now: float, seconds: float | None = None) -> Change:
        """Open it now, for *seconds* or as the rules say."""
        if self.state == CLOSED:
            self._failures_at_opening = self._window.count(now, self._rules.window)
        self.opened_at = now
        self.open_until = now + (self.recovery() if seconds is None else seconds)
        return self._enter(OPEN)

    def half_open(self) -> Change:
        """Let probes in."""
        return self._enter(HALF_OPEN)

    def close(self) -> Change:
        """Let everybody in, with nothing counted and the first interval."""
        self._failed_probes = 0
        return self._enter(CLOSED)

    def isolate(self) -> None:
        """Let nobody in until `reset`."""
        self.isolated = True
        self._new_era()

    def reset(self) -> Change:
        """End the isolation and close."""
        before, self.isolated = self.shown, False
        return replace(self.close(), old=before)

    def disable(self) -> None:
        """Let everybody in, whatever happens, until `enable`."""
        self.disabled = True
        self._new_era()

    def enable(self) -> None:
        """Go on in the state it was in, with nothing counted."""
        self.disabled = False
        self._new_era()

    # ----------------------------------------------------------------- inside

    def _enter(self, state: StateName) -> Change:
        old, self.state = self.state, state
        self._new_era()
        return Change(old, state, self.era)

    def _new_era(self) -> None:
        self.era += 1
        self.answered = 0
        self._leases = ()
        self._window = Window(self._rules.failures)
        # A new counter, and so a new identity: late calls count in the old one.
        self.tick = itertools.count(1) if self.state == CLOSED else None

    def _take(self, lease: Lease, now: float) -> bool:
        held = lease in self._leases and lease.deadline > now
        self.forget(lease)
        return held
