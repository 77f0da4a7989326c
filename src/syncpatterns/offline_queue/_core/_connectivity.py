"""Is a target there, and how many may ask it now: pure decisions, one `Link` each.

::

    ONLINE ──nobody there──> OFFLINE ──a look finds it──> PROBING ──ramp──> ONLINE
       │                        ^ │ not yet: look at 1, 2, 4 .. 30 s        │
       │                        └─┴──────────── the canary finds nobody ────┤
       └── breaker open, Retry-After ──> RESTING ──time──> PROBING <────────┘

One failure on the line is enough to stop: eight workers that each wait for a
time-out of their own learn nothing more. Coming back, one item goes first, the
canary; then 1, 2, 4 .. at once, as TCP starts slowly, because a service that
has just come up falls over under everything that waited for it. The time and
the draw of chance are arguments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

#: For `Link.allowed`: no limit but the drain's own.
_ALL: Final = 1 << 30
#: 2.0 ** 1024 overflows; 30 s are reached long before.
_MOST_DOUBLINGS: Final = 60


class LinkState(StrEnum):
    """How a target stands, as far as this process knows."""

    ONLINE = "online"
    OFFLINE = "offline"
    PROBING = "probing"
    RESTING = "resting"


class LinkRules(NamedTuple):
    """Figures of the way back.

    Args:
        first: Seconds until the first look at a target that was lost.
        longest: Seconds between looks at most.
        spread: Seconds over which all clients of a target that is back begin.
        unknown_rest: Seconds of a rest whose end nobody knows.
    """

    first: float = 1.0
    longest: float = 30.0
    spread: float = 2.0
    unknown_rest: float = 30.0

    def wait(self, looks: int, draw: float) -> float:
        """Return the seconds until the next look, from half of d up to d.

        d doubles with each of *looks*, the looks that found nobody.
        """
        doublings = min(max(looks - 1, 0), _MOST_DOUBLINGS)
        return min(self.longest, self.first * 2.0**doublings) * (0.5 + draw / 2)


RULES: Final = LinkRules()


@dataclass(frozen=True, slots=True)
class Link:
    """What is known of one target.

    Attributes:
        state: How it stands.
        at: OFFLINE: when to look. RESTING: until when. PROBING: not before.
        allowed: PROBING: how many may be under way.
        credit: PROBING: how many of this step were answered well.
        looks: Looks and canaries in a row that found nobody.
        gated: RESTING because its breaker says so, which may change its mind.
    """

    state: LinkState = LinkState.ONLINE
    at: float = -math.inf
    allowed: int = _ALL
    credit: int = 0
    looks: int = 0
    gated: bool = False

    # ------------------------------------------------------------- questions

    def room(self, now: float, width: int) -> int:
        """Return how many deliveries may be under way at most."""
        if self.state is LinkState.ONLINE:
            return width
        if self.state is LinkState.PROBING and now >= self.at:
            return min(self.allowed, width)
        return 0

    def look_due(self, now: float) -> bool:
        """Tell whether it is time to look whether it is back."""
        return self.state is LinkState.OFFLINE and now >= self.at

    def waits_until(self, now: float) -> float:
        """Return when time alone changes something; infinity for never."""
        waits = self.state is not LinkState.ONLINE and self.at > now
        return self.at if waits else math.inf

    # -------------------------------------------------- what deliveries tell

    def answered(self, now: float, width: int) -> Link:
        """Return the link after an answer that was none of a target in trouble.

        An answer to a call of before the line was lost counts as a look: it
        has just come over the line.
        """
        if self.state is LinkState.OFFLINE:
            return self._canary(now)
        if self.state is not LinkState.PROBING:
            return self
        if self.credit + 1 < self.allowed:
            return replace(self, credit=self.credit + 1)
        if 2 * self.allowed >= width:
            return ONLINE
        return replace(self, allowed=2 * self.allowed, credit=0, looks=0)

    def faltered(self, now: float) -> Link:
        """Return the link after an answer that was a failure: it is there.

        Nothing grows by it: a ramp that went on over answers of 500 would lead
        the whole queue into a service that cannot do its work yet.
        """
        if self.state is LinkState.OFFLINE:
            return self._canary(now)
        return replace(self, credit=0) if self.state is LinkState.PROBING else self

    def unreachable(self, now: float, draw: float, rules: LinkRules = RULES) -> Link:
        """Return the link after a delivery that found nobody there.

        What else was under way and fails as well is no further look: with
        eight of them the first would be 30 s away instead of 1 s.
        """
        if self.state in (LinkState.OFFLINE, LinkState.RESTING):
            return self
        return self._away(now, draw, rules)

    def rested(self, now: float, seconds: float, rules: LinkRules = RULES) -> Link:
        """Return the link after it was said not to ask for *seconds*.

        A longer rest is never cut short by a shorter one.
        """
        if math.isinf(seconds):
            seconds = rules.unknown_rest
        until = now + seconds
        if self.state is LinkState.RESTING:
            until = max(until, self.at)
        if until <= now:
            return self
        return Link(LinkState.RESTING, until, looks=self.looks, gated=self.gated)

    # ------------------------------------------------------ what looking tells

    def looked(
        self, now: float, draw: float, *, found: bool, rules: LinkRules = RULES
    ) -> Link:
        """Return the link after a look at an OFFLINE target."""
        if self.state is not LinkState.OFFLINE:
            return self
        if found:
            return self._canary(now + draw * rules.spread)
        return self._away(now, draw, rules)

    def tried(self, now: float) -> Link:
        """Return the link of a target that only an item can look at.

        It keeps count of its looks, so that a canary that finds nobody doubles
        the wait instead of beginning anew.
        """
        return self._canary(now) if self.look_due(now) else self

    def gate(self, now: float, retry_after: float, *, closed: bool) -> Link:
        """Return the link after a glance at the target's breaker.

        Args:
            now: The time.
            retry_after: Seconds until it lets a call through.
            closed: Whether it lets everybody through.
        """
        if retry_after > 0:
            until = now + retry_after
            return Link(LinkState.RESTING, until, looks=self.looks, gated=True)
        if self.state is LinkState.RESTING and self.gated:
            return self._canary(now)
        passes = closed or self.state in (LinkState.OFFLINE, LinkState.RESTING)
        if passes or (self.state is LinkState.PROBING and self.allowed == 1):
            return self
        # Half-open: whoever looked in first was the only one it would have.
        return self._canary(now)

    def woken(self, now: float) -> Link:
        """Return the link once the time of a rest is over: a canary goes first."""
        rests = self.state is LinkState.RESTING and not self.gated
        return self._canary(now) if rests and now >= self.at else self

    def resumed(self, now: float) -> Link:
        """Return the link after somebody has ended its rest."""
        rests = self.state is LinkState.RESTING and not self.gated
        return self._canary(now) if rests else self

    def hurried(self, now: float) -> Link:
        """Return the link after somebody asked to look at once."""
        if self.state in (LinkState.OFFLINE, LinkState.PROBING):
            return replace(self, at=min(self.at, now))
        return self

    # ----------------------------------------------------------------- inside

    def _canary(self, at: float) -> Link:
        return Link(LinkState.PROBING, at, allowed=1, looks=self.looks)

    def _away(self, now: float, draw: float, rules: LinkRules) -> Link:
        looks = self.looks + 1
        return Link(LinkState.OFFLINE, now + rules.wait(looks, draw), looks=looks)


#: A target of which nothing bad is known.
ONLINE: Final = Link()
