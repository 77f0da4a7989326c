"""What a process knows of the targets it delivers to, shared by all who ask them.

Drains, blocking workers and direct calls of one queue share one `Targets`, so
that a target that is half open gets one item, not one from each of them.
"""

from __future__ import annotations

import math
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from syncpatterns._forks import renewed_in_child
from syncpatterns.clock import Clock
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import Item
from syncpatterns.offline_queue._core._connectivity import (
    RULES,
    Link,
    LinkRules,
    LinkState,
)
from syncpatterns.offline_queue._core._links import LinkChange, Links
from syncpatterns.offline_queue._events import TargetOffline, TargetOnline
from syncpatterns.offline_queue._flights import Evidence, Verdict
from syncpatterns.offline_queue._ports import ClaimRequest
from syncpatterns.offline_queue._reaching._witnesses import Gate, Probe

#: Deliveries under way that count as "all", where nobody says how many.
WIDTH: Final = 8
#: Seconds after which a look that is due is nobody's: no drain is running.
_OVERDUE: Final = 1.0


class Targets:
    """Which targets may be asked now, and how many at once; for any thread.

    Args:
        queue: Name of the queue, for facts.
        engine: Name of the engine, for facts.
        clock: Where the time comes from.
        rng: Where the jitter comes from.
        probes: How to ask a target whether it is back; "" stands for all that
            are not named. A target without one is tried with one item.
        gates: The breaker of each target that has one: it is looked at before
            anything is claimed for the target. "" names the one for all
            others, which becomes a gate with `add_gate`, target by target.
        tell: Gets `TargetOffline` and `TargetOnline`, outside of every lock.
        rules: Figures of the way back.

    Attributes:
        halts: How often this process has paused a target or the queue.

    Raises:
        ConfigurationError: A gate cannot say when it lets a call through.
    """

    def __init__(
        self,
        queue: str,
        engine: str,
        *,
        clock: Clock,
        rng: random.Random,
        probes: Mapping[str, Probe] | None = None,
        gates: Mapping[str, Gate] | None = None,
        tell: Callable[[Any], object] = lambda _fact: None,
        rules: LinkRules = RULES,
    ) -> None:
        self._queue = queue
        self._engine = engine
        self._clock = clock
        self._rng = rng
        self._probes = dict(probes or {})
        self._gates: dict[str, Gate] = {}
        for target, gate in (gates or {}).items():
            _check_gate(target, gate)
            if target:
                self._gates[target] = gate
        self._tell = tell
        self._rules = rules
        self._lock = threading.Lock()
        self._links = Links()
        self._under_way: Counter[str] = Counter()
        self._looking: set[str] = set()
        self._told: set[str] = set()
        self._listeners: list[Callable[[], object]] = []
        self.halts = 0
        renewed_in_child(self)

    def _start_over(self) -> None:
        """Keep what is known, not what is under way: that is the parent's.

        A canary of the parent would keep the child from ever sending one.
        """
        self._lock = threading.Lock()
        self._under_way = Counter()
        self._looking = set()
        self._listeners = []

    def add_gate(self, target: str, gate: Gate) -> None:
        """Look at *gate* before anything is claimed for *target*.

        Raises:
            ConfigurationError: It cannot say when it lets a call through.
        """
        _check_gate(target, gate)
        self._gates = {**self._gates, target: gate}

    # --------------------------------------------------------------- claiming

    def request(
        self, queue: str, free: int, lease: float, width: int = WIDTH
    ) -> ClaimRequest:
        """Return what may be claimed now; `claimed` must follow.

        What a restricted target may get is set aside until then, so that two
        workers that ask at the same moment do not send a canary each.
        """
        glances = self._glances() if self._gates else {}
        caps: dict[str, int] = {}
        with self._lock:
            if not glances and not self._links:
                return ClaimRequest(queue, free, lease, caps)  # all is well
            now = self._clock.monotonic()
            changes = self._look_at_gates(now, glances)
            changes += self._wake(now)
            for target, cap in self._links.caps(now, self._under_way, width).items():
                caps[target] = min(cap, free)
            self._count(caps, 1)
        self._announce(changes)
        return ClaimRequest(queue, free, lease, caps)

    def claimed(self, request: ClaimRequest, items: Iterable[Item]) -> None:
        """Take what was set aside for what was really claimed."""
        with self._lock:
            self._count(request.caps, -1)
            for item in items:
                self._under_way[item.target] += 1

    def admit(self, target: str) -> bool:
        """Tell whether one delivery may go now; `observed` or `forget` must follow.

        A target that is away and that no drain looks at is tried with this one.
        """
        glances = self._glances(target)
        with self._lock:
            now = self._clock.monotonic()
            changes = self._look_at_gates(now, glances)
            changes += self._wake(now)
            link = self._links[target]
            if link.look_due(now - _OVERDUE) or self._probe_of(target) is None:
                self._put(changes, target, link.tried(now))
            link = self._links[target]
            # One that is well takes all who call: a hundred requests of a web
            # application are no reason to queue ninety-two of them.
            well = link.state is LinkState.ONLINE
            admitted = well or self._under_way[target] < link.room(now, WIDTH)
            if admitted:
                self._count({target: 1}, 1)
        self._announce(changes)
        return admitted

    # ------------------------------------------------------------- deliveries

    def observed(self, target: str, verdict: Verdict, width: int = WIDTH) -> None:
        """Learn from a delivery that has come back."""
        changes: list[LinkChange] = []
        with self._lock:
            self._count({target: 1}, -1)
            now = self._clock.monotonic()
            link = self._learned(self._links[target], verdict, now, width)
            self._put(changes, target, link)
        self._announce(changes)

    def forget(self, target: str) -> None:
        """Count a delivery as over that said nothing about its target."""
        with self._lock:
            self._count({target: 1}, -1)

    # ------------------------------------------------------------------ looking

    def to_look_at(self, *, anew: bool = False) -> list[tuple[str, Probe]]:
        """Return what is to be probed now; `looked` must follow for each.

        Targets without a probe are tried with one item from now on.

        Args:
            anew: Also what somebody is looking at: his look may have begun
                before whatever the caller knows of.
        """
        due: list[tuple[str, Probe]] = []
        with self._lock:
            now = self._clock.monotonic()
            changes = self._wake(now)
            for target in self._links.to_look_at(now):
                probe = self._probe_of(target)
                if probe is None:
                    self._put(changes, target, self._links[target].tried(now))
                elif anew or target not in self._looking:
                    self._looking.add(target)
                    due.append((target, probe))
        self._announce(changes)
        return due

    def looked(self, target: str, *, found: bool | None) -> None:
        """Learn from a probe; None if it was cut short."""
        changes: list[LinkChange] = []
        with self._lock:
            self._looking.discard(target)
            if found is not None:
                now, draw = self._clock.monotonic(), self._rng.random()
                link = self._links[target]
                link = link.looked(now, draw, found=found, rules=self._rules)
                self._put(changes, target, link)
        self._announce(changes)
        if not changes:  # when to look again is news too
            self._ring()

    def hurry(self) -> None:
        """Have every target that is away looked at now."""
        with self._lock:
            now = self._clock.monotonic()
            for target in self._links.names():
                self._links.put(target, self._links[target].hurried(now))

    def resume(self, target: str = "") -> None:
        """End the rest of *target*, or of all: somebody has resumed it."""
        changes: list[LinkChange] = []
        with self._lock:
            now = self._clock.monotonic()
            for name in self._links.names():
                link = self._links[name]
                if target in ("", name) and link.state is LinkState.RESTING:
                    self._put(changes, name, link.resumed(now))
        self._announce(changes)

    def halted(self) -> None:
        """Note that somebody of this process has paused deliveries.

        An item that a worker has claimed, but not begun with, is given back then.
        """
        with self._lock:
            self.halts += 1

    # ------------------------------------------------------------------- asking

    def away(self) -> tuple[str, ...]:
        """Return the targets that get nothing now, sorted."""
        with self._lock:
            return self._links.away()

    def wait(self) -> float:
        """Return the seconds until time alone changes something; or infinity.

        What became due since it was last looked at is 0 s away. A claim made
        after this call misses nothing that was due before it.
        """
        with self._lock:
            if not self._links:
                return math.inf  # all is well
            now = self._clock.monotonic()
            if any(each not in self._looking for each in self._links.to_look_at(now)):
                return 0.0
            return self._links.waits_until(now) - now

    def state_of(self, target: str) -> LinkState:
        """Return how *target* stands."""
        with self._lock:
            return self._links[target].state

    def on_change(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call *listener*, on any thread, when a target stands otherwise.

        It must not block. Returns a function that takes it off.
        """
        with self._lock:
            self._listeners = [*self._listeners, listener]

        def off() -> None:
            with self._lock:
                self._listeners = [each for each in self._listeners if each != listener]

        return off

    # ------------------------------------------------------------------- inside

    def _glances(self, only: str | None = None) -> dict[str, tuple[float, bool]]:
        # Outside the lock: a breaker takes a lock of its own, and may be anybody's.
        return {
            target: (gate.retry_after, gate.current_state == "closed")
            for target, gate in self._gates.items()
            if only in (None, target)
        }

    def _look_at_gates(
        self, now: float, glances: dict[str, tuple[float, bool]]
    ) -> list[LinkChange]:
        changes: list[LinkChange] = []
        for target, (seconds, closed) in glances.items():
            link = self._links[target]
            if link.state is LinkState.PROBING and self._under_way[target] > 0:
                continue  # what it says is what our own canary did to it
            self._put(changes, target, link.gate(now, seconds, closed=closed))
        return changes

    def _wake(self, now: float) -> list[LinkChange]:
        changes: list[LinkChange] = []
        for target in self._links.names():
            self._put(changes, target, self._links[target].woken(now))
        return changes

    def _learned(self, link: Link, verdict: Verdict, now: float, width: int) -> Link:
        match verdict.evidence:
            case Evidence.ANSWERED:
                link = link.answered(now, width)
            case Evidence.FAILED:
                link = link.faltered(now)
            case Evidence.UNREACHABLE:
                link = link.unreachable(now, self._rng.random(), self._rules)
            case Evidence.NOTHING:
                pass
        # A pause without an end is kept by the store, for every process, and may
        # be ended by any of them: a rest of our own would outlast it unheard.
        kept_by_store = verdict.pause and math.isinf(verdict.rest)
        if verdict.rest > 0 and not kept_by_store:
            link = link.rested(now, verdict.rest, self._rules)
        return link

    def _probe_of(self, target: str) -> Probe | None:
        return self._probes.get(target, self._probes.get(""))

    def _count(self, numbers: Mapping[str, int], sign: int) -> None:
        for target, number in numbers.items():
            self._under_way[target] += sign * number
            if not self._under_way[target]:
                del self._under_way[target]  # targets may be as many as tenants

    def _put(self, changes: list[LinkChange], target: str, link: Link) -> None:
        change = self._links.put(target, link)
        if change is not None:
            changes.append(change)

    def _announce(self, changes: list[LinkChange]) -> None:
        if changes:
            self._ring()
        for change in changes:
            fact = self._fact(change)
            if fact is not None:
                self._tell(fact)

    def _ring(self) -> None:
        for listener in self._listeners:
            listener()

    def _fact(self, change: LinkChange) -> TargetOffline | TargetOnline | None:
        """Return what is told: a target that goes and comes, not each look at it."""
        target = change.target
        with self._lock:
            if change.new is LinkState.ONLINE and target in self._told:
                self._told.discard(target)
                return TargetOnline(
                    queue=self._queue, engine=self._engine, target=target
                )
            away = change.new in (LinkState.OFFLINE, LinkState.RESTING)
            if not away or target in self._told:
                return None
            self._told.add(target)
            seconds = max(0.0, self._links[target].at - self._clock.monotonic())
        offline = change.new is LinkState.OFFLINE
        return TargetOffline(
            queue=self._queue,
            engine=self._engine,
            target=target,
            reason="unreachable" if offline else "resting",
            seconds=seconds,
        )


def _check_gate(target: str, gate: object) -> None:
    if not hasattr(gate, "retry_after") or not hasattr(gate, "current_state"):
        raise ConfigurationError(
            f"The breaker of target {target!r} has no retry_after and "
            "current_state; use syncpatterns.CircuitBreaker."
        )
