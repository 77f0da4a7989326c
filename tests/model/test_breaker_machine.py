"""The breaker against a naive model: lists of timestamps, nothing clever.

The model keeps every call it has seen since the last state change, and decides
by looking at all of them. Whatever the steps, the breaker agrees with it on who
is let in, on the state, on the count and on the time to wait.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from syncpatterns.retry import CircuitBreaker, CircuitOpen, Growing
from syncpatterns.retry._breaker._core import Window
from syncpatterns.testing import FakeClock

WINDOW, LEASE = 60, 45


@dataclass
class Model:
    """What the documentation says, written down as slowly as possible."""

    failures: int
    min_rate: float
    probes: int
    successes: int
    first: int
    cap: int
    now: int = 0
    state: str = "closed"
    era: int = 0
    calls: list[tuple[int, bool]] = field(default_factory=list)
    opened_at: int = 0
    failed_probes: int = 0
    answered: int = 0
    leases: dict[int, int] = field(default_factory=dict)
    isolated: bool = False
    disabled: bool = False
    shown: int = 0

    def enter(self, state: str | None = None) -> None:
        """Begin a new era."""
        if state == "open":
            if self.state == "closed":
                self.shown = self.count()
            self.opened_at = self.now
        elif state == "closed":
            self.failed_probes = 0
        self.state = state or self.state
        self.era += 1
        self.calls, self.leases, self.answered = [], {}, 0

    def interval(self) -> int:
        """Return the seconds to stay open."""
        grown: int = self.first * 2**self.failed_probes
        return min(self.cap, grown)

    def count(self) -> int:
        """Return how many of the newest failures are young enough."""
        failed = [at for at, ok in self.calls if not ok][-self.failures :]
        return sum(self.now - at < WINDOW for at in failed)

    def must_open(self) -> bool:
        """Look at the whole list."""
        at_failures = [at for at, (_, ok) in enumerate(self.calls) if not ok]
        newest = at_failures[-self.failures :]
        if len(newest) < self.failures:
            return False
        if self.now - self.calls[newest[0]][0] >= WINDOW:
            return False
        spanned = newest[-1] - newest[0] + 1
        return self.failures / spanned >= self.min_rate

    def admits(self, ident: int) -> bool:
        """Decide on a call and note its lease."""
        if self.isolated:
            return False
        if self.disabled or self.state == "closed":
            return True
        if self.state == "open":
            if self.now < self.opened_at + self.interval():
                return False
            self.enter("half-open")
        alive = {key: end for key, end in self.leases.items() if end > self.now}
        self.leases = alive
        if len(alive) >= self.probes:
            return False
        alive[ident] = self.now + LEASE
        return True

    def verdict(self, ident: int, era: int, ok: bool | None) -> None:
        """Take True (answered), False (failed) or None (cancelled)."""
        if era != self.era or self.disabled:
            return
        if self.state == "closed":
            if ok is not None:
                self.calls.append((self.now, ok))
                if not ok and self.must_open():
                    self.enter("open")
            return
        if self.leases.pop(ident, -1) <= self.now or ok is None:
            return
        if not ok:
            self.failed_probes += 1
            self.shown += 1
            self.enter("open")
            return
        self.answered += 1
        if self.answered >= self.successes:
            self.enter("closed")


class BreakerMachine(RuleBasedStateMachine):
    """Calls that overlap in every way, an operator, and time in whole seconds."""

    make: ClassVar[Any] = CircuitBreaker
    calm = False
    running = Bundle("running")

    @initialize(
        failures=st.integers(1, 4),
        min_rate=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        probes=st.integers(1, 3),
        successes=st.integers(1, 3),
        first=st.sampled_from([5, 60]),
        cap=st.sampled_from([60, 300]),
        watched=st.booleans(),
        calm=st.booleans(),
    )
    def begin(self, *, watched: bool, calm: bool, **figures: Any) -> None:
        """Build both with the same figures; half of the runs have no operator."""
        self.calm = calm
        self.model = Model(**figures)
        self.clock = FakeClock(monotonic=0.0)
        first, cap = figures.pop("first"), figures.pop("cap")
        self.breaker = type(self).make(
            "model",
            clock=self.clock,
            window=WINDOW,
            probe_lease=LEASE,
            recovery=Growing(first, cap),
            slow_call=1e9 if watched else None,
            **figures,
        )
        self.serial = 0

    @rule(target=running)
    def call_begins(self) -> Any:
        """A call is let in or not; both agree."""
        self.serial += 1
        expected = self.model.admits(self.serial)
        try:
            ticket, _ = self.breaker._enter(None, (), {})
        except CircuitOpen:
            assert not expected
            return multiple()
        assert expected
        return (self.serial, self.model.era, ticket)

    @rule(call=consumes(running), ok=st.sampled_from([True, False, None]))
    def call_ends(self, call: Any, ok: bool | None) -> None:
        """With an answer, a failure, or cancelled; early or late."""
        ident, era, ticket = call
        if self.model.disabled:
            era = -1
        self.model.verdict(ident, era, ok)
        if ok is None:
            self.breaker._cancelled(ticket)
        elif ok:
            self.breaker._succeeded(ticket, None)
        else:
            self.breaker._failed(ticket, OSError())

    @rule(ok=st.booleans())
    def whole_call(self, ok: bool) -> None:
        """Through the public call, on whichever path it takes."""
        self.serial += 1
        expected = self.model.admits(self.serial)
        era = self.model.era

        def service() -> str:
            if not ok:
                raise OSError
            return "answer"

        try:
            answer: Any = self.breaker.call(service)
        except CircuitOpen:
            answer = None
        except OSError:
            answer = "failed"

        assert answer == (("answer" if ok else "failed") if expected else None)
        if expected:
            self.model.verdict(self.serial, era, ok)

    @rule(seconds=st.sampled_from([0, 1, 4, 5, 15, 44, 45, 59, 60, 120, 300]))
    def time_passes(self, seconds: int) -> None:
        """By figures around every limit."""
        self.model.now += seconds
        self.clock.advance(seconds)

    @rule()
    def outage_passes(self) -> None:
        """Failures, then the recovery time: brings most runs to half open."""
        for _ in range(self.model.failures):
            self.whole_call(ok=False)
        self.time_passes(seconds=self.model.interval())

    @rule(step=st.sampled_from([-86_400, 86_400]))
    def wall_clock_jumps(self, step: int) -> None:
        """It must mean nothing."""
        self.clock.set_time(self.clock.time() + step)

    @precondition(lambda self: not self.calm)
    @rule(act=st.sampled_from(["open", "half_open", "close"]))
    def set_state(self, act: str) -> None:
        """By hand."""
        getattr(self.breaker, act)()
        name = {"open": "open", "half_open": "half-open", "close": "closed"}[act]
        self.model.enter(name)

    @precondition(lambda self: not self.calm)
    @rule(act=st.sampled_from(["isolate", "reset", "disable", "enable"]))
    def override(self, act: str) -> None:
        """By hand, over whatever the state is."""
        getattr(self.breaker, act)()
        model = self.model
        if act in {"isolate", "reset"}:
            model.isolated = act == "isolate"
        else:
            model.disabled = act == "disable"
        model.enter("closed" if act == "reset" else None)

    @invariant()
    def agree(self) -> None:
        """State, count, era and time to wait."""
        if not hasattr(self, "model"):
            return
        model, shown = self.model, self.breaker.snapshot()
        count = model.count() if model.state == "closed" else model.shown

        assert shown.state == ("open" if model.isolated else model.state)
        assert (shown.failures, shown.era) == (count, model.era)
        assert (shown.isolated, shown.disabled) == (model.isolated, model.disabled)
        assert shown.retry_after == self.expected_wait()

    def expected_wait(self) -> float:
        """Return what the model would tell a rejected caller."""
        model = self.model
        if model.isolated:
            return math.inf
        if model.disabled or model.state == "closed":
            return 0.0
        if model.state == "open":
            return max(0, model.opened_at + model.interval() - model.now)
        ends = [end for end in model.leases.values() if end > model.now]
        if len(ends) < model.probes:
            return 0.0
        return min(1, min(ends) - model.now)


SETTINGS = settings(max_examples=200, stateful_step_count=50, deadline=None)
#: Finding it is enough; making the example small takes longer than all the rest.
PLANTED = settings(
    SETTINGS,
    max_examples=2000,
    derandomize=True,
    phases=[Phase.generate],
    print_blob=False,
)


def test_the_breaker_agrees_with_lists_of_timestamps() -> None:
    """Whatever the calls, their overlaps, the operator and the time."""
    run_state_machine_as_test(BreakerMachine, settings=SETTINGS)


class NoEras(CircuitBreaker):
    """Planted: a late verdict is taken for one of the present era."""

    def _failed(self, ticket: Any, error: Exception, started: Any = None) -> None:
        super()._failed(self._circuit.tick or ticket, error, started)


class Sticky(CircuitBreaker):
    """Planted: a cancelled probe keeps its place."""

    def _cancelled(self, ticket: Any) -> None:
        pass


class Wide(CircuitBreaker):
    """Planted: a failure exactly as old as the window still counts."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "window": WINDOW + 0.5})


@pytest.mark.parametrize("broken", [NoEras, Sticky, Wide])
def test_the_model_finds_a_planted_bug(broken: type[CircuitBreaker]) -> None:
    """A breaker that breaks one rule does not get through."""
    machine = type("Planted", (BreakerMachine,), {"make": broken})

    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=PLANTED)


def test_the_model_finds_a_window_that_forgets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Planted: a ring that loses the order of its entries once it is full."""
    add = Window.add

    def forgetful(self: Window, now: float, number: float) -> None:
        add(self, now, number)
        self._next = 0

    monkeypatch.setattr(Window, "add", forgetful)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            BreakerMachine,
            settings=PLANTED,
        )
